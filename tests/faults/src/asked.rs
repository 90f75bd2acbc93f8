//! What the engine says of itself at the end of a run, by its API and by its metrics.

use serde::Serialize;
use std::collections::BTreeMap;

/// All that was asked.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Asked {
    /// The lists of the API.
    pub views: Vec<View>,
    /// The metrics of each process that answered.
    pub scrapes: Vec<Scrape>,
    /// Whether every process was scraped and never restarted, and nothing stood between it and its database: then
    /// nothing excuses a figure that is too low.
    pub undisturbed: bool,
    /// Whether the gauges, which are set every few seconds, had the time to follow.
    pub gauges_awaited: bool,
}

/// Whose things a list shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Payments.
    Payments,
    /// Deliveries.
    Deliveries,
    /// Endpoints.
    Endpoints,
    /// What people did.
    Audit,
}

/// Who asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Caller {
    /// A key of the role `gateway`.
    Gateway,
    /// Nobody that is known: no key at all.
    Nobody,
}

/// A list as the API showed it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct View {
    /// Who asked.
    pub caller: Caller,
    /// For what.
    pub kind: Kind,
    /// Of which merchant.
    pub merchant: String,
    /// The answer's status.
    pub status: u16,
    /// The id and the merchant of each item.
    pub items: Vec<(String, String)>,
    /// Whether the list was read to its end.
    pub whole: bool,
}

/// The metrics of one process.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Scrape {
    /// The process.
    pub node: String,
    /// Its samples, but for those that are no whole numbers.
    pub samples: Vec<Sample>,
}

/// One sample.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Sample {
    /// The metric's name.
    pub metric: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: i64,
}

impl Sample {
    /// Whether it has this label.
    pub fn is(&self, label: &str, value: &str) -> bool {
        self.labels.get(label).is_some_and(|is| is == value)
    }
}

/// Reads Prometheus's text format as far as the engine writes it: no escapes in labels, no timestamps.
pub fn read_samples(text: &str) -> Vec<Sample> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(read_sample).collect()
}

fn read_sample(line: &str) -> Option<Sample> {
    let (series, value) = line.rsplit_once(' ')?;
    let value = value.parse().ok()?;
    let (metric, labels) = series.split_once('{').unwrap_or((series, ""));
    let labels = labels.trim_end_matches('}').split(',').filter_map(|label| label.split_once('='));
    let labels = labels.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect();
    Some(Sample { metric: metric.to_owned(), labels, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_with_their_labels() {
        let text = "# TYPE a counter\na{state=\"delivered\",reason=\"\"} 12\n\nb 3\nc 0.5\nd +Inf\n";
        let samples = read_samples(text);
        assert_eq!(samples.len(), 2, "{samples:?}");
        assert!(samples[0].metric == "a" && samples[0].value == 12);
        assert!(samples[0].is("state", "delivered") && samples[0].is("reason", "") && !samples[0].is("state", ""));
        assert!(samples[1].metric == "b" && samples[1].labels.is_empty());
    }
}
