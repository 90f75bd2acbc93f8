//! `paybell dialects try`: what would be sent, and what an answer would mean.

use super::flags::TryFlags;
use super::read_file;
use anyhow::{Result, bail};
use paybell_api::try_dialect::{Sample, SampleAnswer, Trial, Tried, try_dialect};
use paybell_delivery::Timestamp;
use paybell_dialects::Dialect;
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// Tries a dialect.
///
/// # Errors
/// When there is no such dialect, or the sample cannot be sent in it; with all that is wrong.
pub(super) fn try_out(flags: TryFlags) -> Result<ExitCode> {
    let dialect = named_or_in_file(&flags.dialect)?;
    let as_json = flags.output.json;
    let tried = match try_dialect(&dialect, &trial(flags), now()) {
        Ok(tried) => tried,
        Err(rules) => bail!("this cannot be sent in the dialect {}:\n{}", dialect.name(), rules.join("\n")),
    };
    if as_json {
        println!("{}", serde_json::to_string_pretty(&tried)?);
    } else {
        print!("{}", in_words(&tried));
    }
    Ok(ExitCode::SUCCESS)
}

fn named_or_in_file(name: &str) -> Result<Dialect> {
    if let Some(dialect) = Dialect::named(name) {
        return Ok(dialect.clone());
    }
    let file = Path::new(name);
    if file.exists() {
        return read_file(file);
    }
    bail!("there is neither a built-in dialect nor a file {name}; `paybell dialects list` shows the dialects")
}

fn trial(flags: TryFlags) -> Trial {
    let answer = (flags.answer_status.is_some() || flags.answer_body.is_some()).then(|| SampleAnswer {
        status: flags.answer_status.unwrap_or(200),
        body: flags.answer_body.unwrap_or_default(),
    });
    let TryFlags { pay_for, amount, currency, .. } = flags;
    Trial {
        check: flags.check,
        url: flags.url,
        secret: flags.secret,
        parameters: flags.parameters.into_iter().collect(),
        sample: Sample { pay_for, amount, currency, ..Sample::default() },
        answer,
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

fn in_words(tried: &Tried) -> String {
    let request = &tried.request;
    let mut words = format!("{} {}\n", request.method, request.url);
    for header in &request.headers {
        words.push_str(&format!("{}: {}\n", header.name, header.value));
    }
    words.push_str(&format!("\n{}\n", request.body));
    if let Some(secret) = &tried.made_up_secret {
        words.push_str(&format!("\nsigned with a made-up secret: {secret}\n"));
    }
    if let Some(verdict) = &tried.verdict {
        words.push_str(&format!("\nthe answer means: {} ({})\n", verdict.means, verdict.detail));
        for (name, said) in [("code", &verdict.code), ("comment", &verdict.comment), ("warning", &verdict.warning)] {
            if let Some(said) = said {
                words.push_str(&format!("{name}: {said}\n"));
            }
        }
    }
    words
}
