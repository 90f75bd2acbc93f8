//! What pages show besides plain lists; nothing of it costs in proportion to the backlog.

use super::DeliveryRow;
use paybell_delivery::{Attempt, Endpoint, EndpointId, Money, PaymentId, State, Timestamp};
use std::time::Duration;

/// How many deliveries there are, with their money. Both are counted to [`Sum::COUNT_MAX`] deliveries, or to
/// [`Sum::ROWS_MAX`] where no index holds what is added up.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sum {
    /// How many, counted to [`Sum::COUNT_MAX`].
    pub count: u64,
    /// The money of those that were counted, one for each currency, by code.
    pub money: Vec<Money>,
    /// Whether there may be more than was counted.
    pub cut: bool,
}

impl Sum {
    /// Counting stops here, so that its cost is bounded.
    pub const COUNT_MAX: u64 = 10_000;
    /// The same where each costs a look at its row.
    pub const ROWS_MAX: u64 = 1_000;

    /// Whether there may be more than was counted: the limit was reached, or not all could be looked at.
    pub fn is_cut(&self) -> bool {
        self.cut
    }
}

/// What expires soon.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expiring {
    /// Within this time from now on.
    pub within: Duration,
    /// Pending deliveries that were attempted in vain, or wait for their endpoint, and whose deadline is then past.
    pub sum: Sum,
}

/// Pending deliveries by the moment of their next attempt: one bar of the retry wall.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NextAttempts {
    /// From this moment on; nothing for what is due already.
    pub since: Option<Timestamp>,
    /// Until then; nothing for whatever comes later.
    pub before: Option<Timestamp>,
    /// How many, counted to [`NextAttempts::COUNT_MAX`].
    pub count: u64,
}

impl NextAttempts {
    /// Counting stops here, so that its cost is bounded.
    pub const COUNT_MAX: u64 = 5_000;
}

/// All that is pending, by the moment of its next attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RetryWall {
    /// One after the other.
    pub bars: Vec<NextAttempts>,
    /// How many are parked, as their endpoints are paused or failing, counted to [`NextAttempts::COUNT_MAX`]. They stand
    /// among the bars too, at their deadlines.
    pub parked: u64,
}

/// An endpoint for which deliveries wait.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EndpointWaiting {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// How many wait, counted to [`EndpointWaiting::COUNT_MAX`].
    pub waiting: u64,
    /// The nearest deadline among them.
    pub deadline_at: Timestamp,
}

impl EndpointWaiting {
    /// Counting stops here, so that its cost is bounded.
    pub const COUNT_MAX: u64 = 500;
}

/// A delivery to an endpoint with its last attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Activity {
    /// The delivery.
    pub row: DeliveryRow,
    /// Its last finished attempt.
    pub last: Option<Attempt>,
}

/// What a person wrote beside a delivery that needs one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FollowUp {
    /// Who looks after it.
    pub owner: Option<String>,
    /// What they noted.
    pub note: String,
    /// Who wrote this.
    pub updated_by: String,
    /// When.
    pub updated_at: Timestamp,
}

/// Where a payment stands, all its deliveries taken together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Standing {
    /// Every endpoint acknowledged it.
    Delivered,
    /// A person settled it where no endpoint acknowledged it.
    Settled,
    /// An endpoint was not told, and nobody settled that.
    Undelivered,
    /// It still waits for an endpoint.
    Waiting,
    /// There was no endpoint to tell.
    Untold,
}

impl Standing {
    /// Of a payment's deliveries, each by its endpoint and its state. Each endpoint counts by the best of its deliveries (a resend may have succeeded where
    /// the first had failed), the payment by the worst of its endpoints.
    pub fn of(deliveries: &[(EndpointId, State)]) -> Self {
        let each = |(_, state): &(EndpointId, State)| match state {
            State::Delivered => Standing::Delivered,
            State::Settled => Standing::Settled,
            State::Pending => Standing::Waiting,
            State::Undelivered => Standing::Undelivered,
        };
        // A resend that waits is better than a failure that is final.
        let rank = |standing: Standing| match standing {
            Standing::Delivered => 0,
            Standing::Settled => 1,
            Standing::Waiting => 2,
            Standing::Undelivered | Standing::Untold => 3,
        };
        let best = |endpoint| {
            let to_it = deliveries.iter().filter(move |(to, _)| *to == endpoint);
            to_it.map(each).min_by_key(|standing| rank(*standing))
        };
        deliveries.iter().filter_map(|(endpoint, _)| best(*endpoint)).max().unwrap_or(Standing::Untold)
    }
}

/// A payment in a reconciliation, as far as it is of interest there: a day may have a million of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReconciledPayment {
    /// Its id.
    pub id: PaymentId,
    /// The gateway's own id.
    pub gateway_payment_id: String,
    /// What happened.
    pub kind: String,
    /// What was paid for.
    pub pay_for: Option<String>,
    /// How much.
    pub amount: Money,
    /// When the gateway confirmed it.
    pub confirmed_at: Timestamp,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// Whether it is a test and no money.
    pub test: bool,
    /// Where it stands.
    pub standing: Standing,
    /// When its last delivery reached a terminal state; nothing while it waits.
    pub finished_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn each_endpoint_counts_by_its_best_delivery_and_the_payment_by_its_worst_endpoint() {
        use State::{Delivered, Pending, Settled, Undelivered};
        for (deliveries, standing) in [
            (&[][..], Standing::Untold),
            (&[(1, Delivered)], Standing::Delivered),
            (&[(1, Settled)], Standing::Settled),
            (&[(1, Undelivered)], Standing::Undelivered),
            (&[(1, Pending)], Standing::Waiting),
            (&[(1, Undelivered), (1, Delivered)], Standing::Delivered),
            (&[(1, Undelivered), (1, Settled)], Standing::Settled),
            (&[(1, Undelivered), (1, Pending)], Standing::Waiting),
            (&[(1, Delivered), (1, Undelivered), (1, Pending)], Standing::Delivered),
            (&[(1, Settled), (1, Pending)], Standing::Settled),
            (&[(1, Delivered), (2, Delivered)], Standing::Delivered),
            (&[(1, Delivered), (2, Settled)], Standing::Settled),
            (&[(1, Settled), (2, Undelivered)], Standing::Undelivered),
            (&[(1, Undelivered), (2, Pending)], Standing::Waiting),
            (&[(1, Undelivered), (2, Delivered), (1, Delivered)], Standing::Delivered),
            (&[(1, Undelivered), (2, Delivered), (2, Undelivered)], Standing::Undelivered),
        ] {
            let delivery = |(endpoint, state): &(u128, State)| (EndpointId(Uuid::from_u128(*endpoint)), *state);
            let made: Vec<_> = deliveries.iter().map(delivery).collect();
            assert_eq!(Standing::of(&made), standing, "{deliveries:?}");
            let turned: Vec<_> = made.into_iter().rev().collect();
            assert_eq!(Standing::of(&turned), standing, "in whatever order: {deliveries:?}");
        }
    }
}
