//! The receivers' own logs against what the API shows: what was lost is counted, not assumed.

use super::look::Deliveries;
use super::merchants::Merchant;
use super::receiver::Notified;
use super::send_payments::Sent;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// What came of the payments.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Counts {
    /// Payments that the sender saw accepted (2xx).
    pub(crate) accepted: u64,
    /// Shown as delivered, and acknowledged in the receiver's log.
    pub(crate) delivered: u64,
    /// Shown as given up at its deadline.
    pub(crate) undelivered: u64,
    /// Shown as settled by a person.
    pub(crate) settled: u64,
    /// Still shown as pending.
    pub(crate) waiting: u64,
    /// Accepted and not shown at all, or shown as delivered and never acknowledged by the receiver.
    pub(crate) lost: u64,
    /// Attempts that the API shows.
    pub(crate) attempts: u64,
    /// Acknowledged more often than once: allowed, since delivery is at least once.
    pub(crate) repeated: u64,
}

/// The end of a demo.
#[derive(Serialize, Clone, PartialEq, Debug)]
pub(crate) struct Summary {
    /// Over all merchants.
    #[serde(flatten)]
    pub(crate) total: Counts,
    /// How long it took, in seconds.
    pub(crate) seconds: f64,
    /// For each merchant.
    pub(crate) merchants: BTreeMap<&'static str, Counts>,
}

impl Summary {
    /// Nothing was lost and nothing is left waiting.
    pub(crate) fn all_is_well(&self) -> bool {
        self.total.lost == 0 && self.total.waiting == 0
    }
}

/// Counts what became of every accepted payment.
pub(crate) fn judge(merchants: &[Merchant], sent: &Sent, deliveries: &Deliveries, took: Duration) -> Summary {
    let mut summary =
        Summary { total: Counts::default(), seconds: took.as_millis() as f64 / 1000.0, merchants: BTreeMap::new() };
    for merchant in merchants {
        let accepted = sent.accepted_of(merchant.part.id);
        let counts = count(&accepted, deliveries, |payment| merchant.receiver.notified_of(payment));
        summary.total.add(&counts);
        summary.merchants.insert(merchant.part.id, counts);
    }
    summary
}

fn count(accepted: &[String], deliveries: &Deliveries, notified_of: impl Fn(&str) -> Notified) -> Counts {
    let mut counts = Counts::default();
    for payment in accepted {
        counts.accepted += 1;
        let notified = notified_of(payment);
        counts.repeated += u64::from(notified.acknowledged > 1);
        let Some(shown) = deliveries.of_payment(payment) else {
            counts.lost += 1;
            continue;
        };
        counts.attempts += u64::from(shown.attempts);
        match shown.state.as_str() {
            "delivered" if notified.acknowledged > 0 => counts.delivered += 1,
            "undelivered" => counts.undelivered += 1,
            "settled" => counts.settled += 1,
            "pending" => counts.waiting += 1,
            _ => counts.lost += 1,
        }
    }
    counts
}

impl Counts {
    fn add(&mut self, other: &Counts) {
        self.accepted += other.accepted;
        self.delivered += other.delivered;
        self.undelivered += other.undelivered;
        self.settled += other.settled;
        self.waiting += other.waiting;
        self.lost += other.lost;
        self.attempts += other.attempts;
        self.repeated += other.repeated;
    }
}

#[cfg(test)]
mod tests {
    use super::super::look::Shown;
    use super::*;

    /// The state that the API shows (none: not at all), how often the receiver acknowledged, and what is expected.
    const TABLE: &[(Option<&str>, u32, &str)] = &[
        (Some("delivered"), 1, "delivered"),
        (Some("delivered"), 2, "delivered repeated"),
        (Some("delivered"), 0, "lost"),
        (Some("undelivered"), 0, "undelivered"),
        (Some("settled"), 0, "settled"),
        (Some("pending"), 0, "waiting"),
        (Some("vanished"), 1, "lost"),
        (None, 0, "lost"),
        (None, 1, "lost"),
    ];

    #[test]
    fn what_the_api_shows_is_believed_only_with_the_receivers_log() {
        for (state, acknowledged, expected) in TABLE {
            let mut deliveries = Deliveries::default();
            if let Some(state) = state {
                deliveries.add(Shown::new("p", "shop", state, 1));
            }
            let notified = Notified { received: *acknowledged, acknowledged: *acknowledged };
            let counts = count(&["p".to_owned()], &deliveries, |_| notified);
            let shown = [
                ("delivered", counts.delivered),
                ("undelivered", counts.undelivered),
                ("settled", counts.settled),
                ("waiting", counts.waiting),
                ("lost", counts.lost),
                ("repeated", counts.repeated),
            ];
            let words: Vec<_> = shown.iter().filter(|(_, n)| *n == 1).map(|(word, _)| *word).collect();
            assert_eq!((counts.accepted, words.join(" ").as_str()), (1, *expected), "{state:?}, {acknowledged}");
        }
    }
}
