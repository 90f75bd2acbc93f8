//! A guard against creeping cost: the instructions of each step, counted by Valgrind's Callgrind, where the noise of a
//! machine does not matter. The crates of the hot path are optimised in every build (see the profiles in the workspace's
//! manifest). Who makes a step dearer on purpose, or cheaper, writes the new figure down here.

use anyhow::{Context, Result, ensure};
use std::process::Command;

/// What each step takes: instructions for one time, with rustc 1.95 on x86-64. Most of a rendering is SHA-256, which
/// Valgrind's processor has no instructions for.
const RECORDED: [(&str, f64); 7] = [
    ("render-standard", 71_525.0),
    ("render-ok-body", 78_798.0),
    ("render-onpay-1", 43_761.0),
    ("judge", 3_678.0),
    ("judge-onpay-1", 46_298.0),
    ("redact", 6_555.0),
    ("decide", 3_103.0),
];

/// Compilers and C libraries differ a little.
const TOLERANCE: f64 = 0.10;

/// The count begins after so many times, when everything has been touched.
const FROM: u32 = 100;
const UNTIL: u32 = 1_100;

#[test]
fn no_step_takes_more_instructions_than_recorded() -> Result<()> {
    if !cfg!(target_arch = "x86_64") {
        return Ok(());
    }
    let mut strayed = Vec::new();
    for (step, recorded) in RECORDED {
        let each = (count(step, UNTIL)? - count(step, FROM)?) / f64::from(UNTIL - FROM);
        println!("{step}: {each:.0} instructions, recorded {recorded:.0}");
        if (each / recorded - 1.0).abs() > TOLERANCE {
            strayed.push(format!("{step}: {each:.0} instructions, but {recorded:.0} are recorded"));
        }
    }
    ensure!(strayed.is_empty(), "{strayed:#?}");
    Ok(())
}

/// All instructions of a run.
fn count(step: &str, times: u32) -> Result<f64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env!("CARGO_BIN_EXE_hot-path"))
        .args([step, &times.to_string()])
        .output()
        .context("run valgrind; where it is missing: apt-get install valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{step} came out wrong:\n{said}");
    let collected = said.lines().find_map(|line| line.split("Collected : ").nth(1));
    collected.with_context(|| format!("valgrind counted nothing:\n{said}"))?.trim().parse().context("a count")
}
