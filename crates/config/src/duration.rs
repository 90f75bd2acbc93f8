//! Durations as people write them: `300ms`, `15s`, `72h`.

use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;
use std::fmt;
use std::time::Duration;

/// Writes a duration in its shortest whole form: `72h`, not `3days`.
pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(*duration))
}

/// Reads a duration with a unit.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_any(DurationVisitor)
}

/// A duration in the largest unit, up to hours, that divides it.
pub(crate) fn text(duration: Duration) -> String {
    let ms = duration.as_millis();
    if Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX)) != duration {
        return humantime::format_duration(duration).to_string();
    }
    match ms {
        0 => "0s".to_owned(),
        _ if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
        _ if ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
        _ if ms.is_multiple_of(1_000) => format!("{}s", ms / 1_000),
        _ => format!("{ms}ms"),
    }
}

struct DurationVisitor;

impl Visitor<'_> for DurationVisitor {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration with its unit, such as 300ms, 15s, 10m or 72h")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        humantime::parse_duration(text).map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_in_their_largest_whole_unit() {
        let table = [(0, "0s"), (300, "300ms"), (1_500, "1500ms"), (15_000, "15s"), (90_000, "90s"), (600_000, "10m")];
        for (ms, expected) in table {
            assert_eq!(text(Duration::from_millis(ms)), expected);
        }
        assert_eq!(text(Duration::from_secs(72 * 3600)), "72h");
    }

    #[test]
    fn every_duration_written_is_read_as_the_same() {
        for us in [1, 999, 1_000, 1_001, 61_000_000, 259_200_000_000] {
            let duration = Duration::from_micros(us);
            assert_eq!(humantime::parse_duration(&text(duration)), Ok(duration));
        }
    }
}
