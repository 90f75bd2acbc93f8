//! The options that all benchmarks share.

use clap::Args;
use std::str::FromStr;

/// A setting of the engine, as its environment names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Setting {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl Setting {
    pub(crate) fn new(name: &str, value: impl ToString) -> Self {
        Self { name: name.to_owned(), value: value.to_string() }
    }
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if name.starts_with("PAYBELL_") => Ok(Self::new(name, value)),
            _ => Err("a setting is PAYBELL_NAME=VALUE".to_owned()),
        }
    }
}

/// How many payments a second the gateway sends.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Rate {
    /// So many.
    PerSecond(f64),
    /// This part of the peak, which is found first.
    OfPeak(f64),
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const RULE: &str = "a rate is payments a second (200), a part of the peak (0.5), `half` or `quarter`";
        match (text, text.parse::<f64>()) {
            ("half", _) => Ok(Rate::OfPeak(0.5)),
            ("quarter", _) => Ok(Rate::OfPeak(0.25)),
            (_, Ok(part)) if part > 0.0 && part < 1.0 => Ok(Rate::OfPeak(part)),
            (_, Ok(rate)) if (1.0..=1e6).contains(&rate) => Ok(Rate::PerSecond(rate)),
            _ => Err(RULE.to_owned()),
        }
    }
}

/// What all benchmarks take.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// How long each measurement takes, after three seconds of warming up.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) seconds: u64,
    /// How long the peak is looked for, where a rate is a part of it.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) find_seconds: u64,
    /// How many requests the gateway has open at once.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=4000))]
    pub(crate) connections: u64,
    /// How many merchants, with one endpoint each.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) merchants: u64,
    /// How many attempts each endpoint takes at once.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) cap: u64,
    /// How many payments may be sent and not yet received by their merchant, where the gateway is held back.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) under_way: u64,
    /// A setting of the engine: PAYBELL_NAME=VALUE.
    #[arg(long = "set", value_name = "SETTING")]
    pub(crate) settings: Vec<Setting>,
    /// A setting of PostgreSQL: name=value.
    #[arg(long = "set-postgres", value_name = "SETTING")]
    pub(crate) postgres_settings: Vec<String>,
    /// One JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,
    /// After how many minutes it gives up.
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) give_up_minutes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read() {
        for (text, expected) in [
            ("200", Some(Rate::PerSecond(200.0))),
            ("half", Some(Rate::OfPeak(0.5))),
            ("quarter", Some(Rate::OfPeak(0.25))),
            ("0.8", Some(Rate::OfPeak(0.8))),
            ("1", Some(Rate::PerSecond(1.0))),
            ("0", None),
            ("-5", None),
            ("fast", None),
            ("NaN", None),
        ] {
            assert_eq!(text.parse::<Rate>().ok(), expected, "{text}");
        }
    }

    #[test]
    fn settings_are_read() {
        assert_eq!("PAYBELL_LANE_MAX=5".parse::<Setting>(), Ok(Setting::new("PAYBELL_LANE_MAX", 5)));
        assert!("LANE_MAX=5".parse::<Setting>().is_err());
        assert!("PAYBELL_LANE_MAX".parse::<Setting>().is_err());
    }
}
