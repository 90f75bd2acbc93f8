//! What a benchmark reports: its measurements, and what follows from them, beside the targets.

use crate::figures::{Figures, mean};
use crate::page_times::{PageFigures, PageTimes};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What was measured and what follows.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) runs: Vec<Figures>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) series: Vec<(&'static str, Vec<f64>)>,
    pub(crate) pages: Vec<PageTimes>,
    pub(crate) counts: Counts,
}

/// Above this part of the machine's busy time, others disturb the figures.
pub(crate) const NOISE_MAX: f64 = 0.1;

/// With changed pages that are kept for longer, the kernel writes so many at once that commits wait: see docs/OPERATIONS.md.
const CHANGED_PAGES_KEPT_MAX_S: f64 = 1.0;

/// How many values of a series are printed.
const SHOWN_MAX: usize = 30;

/// What became of the payments to healthy merchants and of what was generated, over the whole run.
#[derive(Clone, Copy, Default, Serialize, Debug)]
pub(crate) struct Counts {
    pub(crate) accepted: u64,
    pub(crate) received: u64,
    /// Accepted and not received when the benchmark ended.
    pub(crate) missing: u64,
    /// Received more than once, as may happen: delivery is at least once.
    pub(crate) repeated: u64,
}

/// A single figure, with its target where it has one.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    name: &'static str,
    of: String,
    value: Option<f64>,
    unit: &'static str,
    target: Option<Target>,
}

/// What a figure should be.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    fn is_met(self, value: f64) -> bool {
        match self {
            Target::AtLeast(least) => value >= least,
            Target::AtMost(most) => value <= most,
        }
    }

    fn in_words(self) -> String {
        match self {
            Target::AtLeast(least) => format!("≥ {least}"),
            Target::AtMost(most) => format!("≤ {most}"),
        }
    }
}

impl Report {
    /// Adds a figure without a target.
    pub(crate) fn note(&mut self, name: &'static str, value: impl Into<Option<f64>>, unit: &'static str) {
        self.add(name, "", value.into(), unit, None);
    }

    /// Adds a figure with its target.
    pub(crate) fn judge(
        &mut self,
        name: &'static str,
        value: impl Into<Option<f64>>,
        unit: &'static str,
        target: Target,
    ) {
        self.add(name, "", value.into(), unit, Some(target));
    }

    /// Adds a figure that is taken several times: `of` says of what this one is.
    pub(crate) fn add(
        &mut self,
        name: &'static str,
        of: &str,
        value: Option<f64>,
        unit: &'static str,
        target: Option<Target>,
    ) {
        self.findings.push(Finding { name, of: of.to_owned(), value, unit, target });
    }

    /// Adds figures that were taken one after the other.
    pub(crate) fn show(&mut self, name: &'static str, values: Vec<f64>) {
        self.series.push((name, values));
    }

    /// The figures of the measurement with this name.
    pub(crate) fn run(&self, name: &str) -> Option<&Figures> {
        self.runs.iter().find(|figures| figures.name == name)
    }

    /// The figures of the measurements whose names begin so, in their order.
    pub(crate) fn named<'a>(&'a self, beginning: &'a str) -> impl Iterator<Item = &'a Figures> {
        self.runs.iter().filter(move |figures| figures.name.starts_with(beginning))
    }

    /// The geometric mean of a figure, of the measurements whose names begin so: one that the disk disturbed weighs no more
    /// than it does among pairs.
    pub(crate) fn mean_of(&self, beginning: &str, figure: fn(&Figures) -> f64) -> f64 {
        let logs: Vec<f64> = self.named(beginning).map(|figures| figure(figures).ln()).collect();
        if logs.is_empty() { 0.0 } else { mean(&logs).exp() }
    }

    /// The report as JSON.
    pub(crate) fn to_json(&self, benchmark: &str) -> Value {
        let findings: Vec<Value> = self.findings.iter().map(Finding::to_json).collect();
        let pages: Vec<PageFigures<'_>> = self.pages.iter().map(PageTimes::figures).collect();
        json!({
            "benchmark": benchmark,
            "processors": processors(),
            "runs": self.runs,
            "findings": findings,
            "series": self.series.iter().cloned().collect::<BTreeMap<_, _>>(),
            "pages": pages,
            "others_share": self.noise(),
            "changed_pages_kept_s": changed_pages_kept_s(),
            "counts": self.counts,
        })
    }

    /// Prints it for people.
    pub(crate) fn print(&self, benchmark: &str) {
        println!("{benchmark}, {} processors", processors());
        println!(
            "  {:<26}{:>10}{:>7}  {:<20}{:>9}{:>9}{:>9}{:>9}{:>9}{:>8}",
            "", "deliv./s", "µs", "engine+pg+redis", "p50 ms", "p99 ms", "p99.9 ms", "202 p99", "MB", "others"
        );
        self.runs.iter().for_each(print_run);
        self.findings.iter().for_each(print_finding);
        for (name, values) in &self.series {
            let values: Vec<String> = values.iter().take(SHOWN_MAX).map(|value| format!("{value:.0}")).collect();
            println!("  {}: {}", name.replace('_', " "), values.join(" "));
        }
        if !self.pages.is_empty() {
            PageTimes::print_head();
            self.pages.iter().for_each(PageTimes::print);
        }
        let Counts { accepted, received, missing, repeated } = self.counts;
        println!("  accepted {accepted}, received {received}, missing {missing}, repeated {repeated}");
        if let Some(others) = self.noise().filter(|others| *others > NOISE_MAX) {
            println!("  others used up to {:.0} % of the busy time: the figures are not to be trusted", others * 100.0);
        }
        let disturbed = self.largest(|figures| 1.0 - figures.undisturbed.share);
        if let Some(disturbed) = disturbed.filter(|disturbed| *disturbed > 0.0) {
            let slow = self.largest(|figures| figures.undisturbed.processors_slow_share).unwrap_or(0.0);
            let paused = self.runs.iter().filter_map(|figures| figures.undisturbed.processors_paused_share);
            let paused = paused
                .reduce(f64::max)
                .map_or("? (not seen without CAP_SYS_NICE)".to_owned(), |most| format!("{:.1} %", most * 100.0));
            println!(
                "  up to {:.0} % of the time says nothing of latencies (processors taken or slow, disk still, half a second after; \
                 one paused, five times as long after); processors were slow for up to {:.1} %, paused for up to {paused}",
                disturbed * 100.0,
                slow * 100.0
            );
        }
        if let Some(kept) = changed_pages_kept_s().filter(|kept| *kept > CHANGED_PAGES_KEPT_MAX_S) {
            println!(
                "  the kernel writes what was changed after {kept:.0} s, and commits wait for that (docs/OPERATIONS.md)"
            );
        }
    }

    /// The largest part of the machine's busy time that others had during a measurement.
    fn noise(&self) -> Option<f64> {
        self.largest(|figures| figures.spent.others_share)
    }

    fn largest(&self, figure: fn(&Figures) -> f64) -> Option<f64> {
        self.runs.iter().map(figure).reduce(f64::max)
    }
}

/// For how many seconds the kernel keeps changed pages of files before it writes them; by Linux' Documentation/admin-guide/sysctl/vm.rst.
fn changed_pages_kept_s() -> Option<f64> {
    let centiseconds = std::fs::read_to_string("/proc/sys/vm/dirty_expire_centisecs").ok()?;
    centiseconds.trim().parse::<f64>().ok().map(|centiseconds| centiseconds / 100.0)
}

impl Finding {
    fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "of": self.of,
            "value": self.value,
            "unit": self.unit,
            "target": self.target.map(Target::in_words),
            "met": self.target.zip(self.value).map(|(target, value)| target.is_met(value)),
        })
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}

fn print_run(figures: &Figures) {
    let (spent, latency) = (&figures.spent, &figures.latency_ms);
    let cpu = &spent.cpu_us_per_delivery;
    println!(
        "  {:<26}{:>10.0}{:>7.0}  {:<20}{:>9.2}{:>9.2}{:>9.2}{:>9.2}{:>9.0}{:>6.1} %{}",
        figures.name,
        spent.deliveries_per_s,
        cpu.all,
        format!("{:.0}+{:.0}+{:.0}", cpu.engine, cpu.postgres, cpu.redis),
        latency.p50,
        latency.p99,
        latency.p999,
        figures.accept_ms.p99,
        figures.engine_memory_mb,
        spent.others_share * 100.0,
        figures.floor_ratio.map(|ratio| format!("  {ratio:.2} of the floor")).unwrap_or_default(),
    );
}

fn print_finding(finding: &Finding) {
    let name = finding.name.replace('_', " ");
    let name = if finding.of.is_empty() { name } else { format!("{name} ({})", finding.of) };
    let value = finding.value.map_or("none".to_owned(), |value| format!("{value:.3}"));
    let judged = finding.target.map(|target| {
        let verdict = match finding.value.map(|value| target.is_met(value)) {
            Some(true) => "met",
            Some(false) => "missed",
            None => "not shown",
        };
        format!("  target {}: {verdict}", target.in_words())
    });
    println!("  {name:<58}{value:>14} {}{}", finding.unit, judged.unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_met_up_to_its_bound_and_never_by_nothing() {
        let mut report = Report::default();
        report.judge("a", 0.5, "", Target::AtLeast(0.5));
        report.judge("b", 0.49, "", Target::AtLeast(0.5));
        report.judge("c", 240.0, "µs", Target::AtMost(240.0));
        report.judge("d", 240.1, "µs", Target::AtMost(240.0));
        report.judge("e", None, "", Target::AtMost(1.0));
        report.note("f", 1.0, "");
        let json = report.to_json("test");
        let met: Vec<&Value> = (0..6).map(|i| &json["findings"][i]["met"]).collect();
        assert_eq!(met, [&json!(true), &json!(false), &json!(true), &json!(false), &Value::Null, &Value::Null]);
        assert_eq!(json["findings"][2]["target"], "≤ 240");
    }
}
