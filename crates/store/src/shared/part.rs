//! A stretch of one index of deliveries, as a piece of a statement.

use super::{Builder, push_ids};
use crate::manage::{DeliveryFilter, Sum};
use crate::page::{id_ceiling, id_floor};
use paybell_delivery::State;
use uuid::Uuid;

/// The most entries of an index that one page looks at, where the index holds all that is judged; and how many of each part
/// at least.
const LOOK_IN_INDEX: u64 = Sum::COUNT_MAX;
const LOOK_MIN: u64 = 20;
/// The same, where each costs a look at its row, which lie far apart.
const LOOK_AT_ROWS: u64 = Sum::ROWS_MAX;
/// The same, where each costs a look at its payment too.
const LOOK_AT_PAYMENTS: u64 = 500;
/// So many of the newest are looked at for first attempts.
const LOOK_AT_NEWEST: u64 = 200;

/// More rows than a few payments have deliveries.
pub(super) const LOOK_MAX: u64 = 1_000_000;

/// What was attempted in vain for a minute or waits for its endpoint, as the indexes that hold it say it.
macro_rules! waits {
    ($d:literal) => {
        concat!($d, ".state = 'pending' AND ", $d, ".due_at > ", $d, ".created_at + 60000000")
    };
}
pub(super) use waits;

/// A stretch of an index.
#[derive(Clone, Debug)]
pub(in super::super) enum Part {
    /// All deliveries.
    All,
    /// Those of these payments.
    Payments(Vec<Uuid>),
    /// Those of an endpoint.
    Endpoint(Uuid),
    /// What failed or was settled.
    Failed(State),
    /// The same of an endpoint.
    FailedOf(Uuid, State),
    /// What waits for an endpoint.
    WaitingFor(Uuid),
    /// Of the newest of an endpoint, those that wait and are too young for [`Part::WaitingFor`].
    FirstAttemptsTo(Uuid),
}

/// Which rows: those before `after` and not before `until`.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct Stretch {
    pub(in super::super) after: Option<Uuid>,
    pub(in super::super) until: Option<Uuid>,
}

impl Stretch {
    /// What is left of it for the dates of a filter.
    fn within(self, filter: &DeliveryFilter) -> Self {
        let before = filter.created_before.map(id_ceiling);
        Self {
            after: [self.after, before].into_iter().flatten().min(),
            until: self.until.max(filter.created_since.map(id_floor)),
        }
    }

    fn push(self, query: &mut Builder) {
        for (condition, id) in [(" AND d.id >= ", self.until), (" AND d.id < ", self.after)] {
            if let Some(id) = id {
                query.push(condition).push_bind(id);
            }
        }
    }

    /// The same of an endpoint's deliveries, in a state: compared as their index has them.
    fn push_of(self, endpoint: Uuid, state: Option<State>, query: &mut Builder) {
        let (column, value) = match state {
            Some(state) => ("d.state, ", format!("'{}', ", state.as_str())),
            None => ("", String::new()),
        };
        let bounds = [("", ">=", self.until.unwrap_or(Uuid::nil())), (" AND ", "<", self.after.unwrap_or(Uuid::max()))];
        for (and, compares, id) in bounds {
            query.push(format_args!("{and}(d.endpoint_id, {column}d.id) {compares} (")).push_bind(endpoint);
            query.push(format_args!(", {value}")).push_bind(id).push(")");
        }
    }
}

impl Part {
    /// How many rows of it one page looks at, as one of these parts.
    pub(super) fn look(&self, filter: &DeliveryFilter, parts: &[Part]) -> i64 {
        let kind = std::mem::discriminant(self);
        let alike = parts.iter().filter(|part| std::mem::discriminant(*part) == kind).count() as u64;
        let look = match self {
            Part::Payments(_) => LOOK_MAX,
            Part::FirstAttemptsTo(_) => LOOK_AT_NEWEST,
            _ if self.looks_at_payments(filter) => LOOK_AT_PAYMENTS,
            _ if self.is_covered() => LOOK_IN_INDEX,
            _ => LOOK_AT_ROWS,
        };
        i64::try_from((look / alike.max(1)).max(LOOK_MIN)).unwrap_or(i64::MAX)
    }

    /// Whether there may be more of it than is added up.
    pub(in super::super) fn may_be_cut(&self) -> bool {
        !matches!(self, Part::Payments(_) | Part::FirstAttemptsTo(_))
    }

    /// Whether its index holds what is judged and added up, but for what only payments say.
    fn is_covered(&self) -> bool {
        matches!(self, Part::Failed(_) | Part::FailedOf(..) | Part::WaitingFor(_))
    }

    fn looks_at_payments(&self, filter: &DeliveryFilter) -> bool {
        let by_payment = filter.pay_for.is_some() || filter.gateway_payment_id.is_some();
        by_payment && !matches!(self, Part::Payments(_))
    }

    /// Whether all of it is wanted, so that a page looks at no more than it shows, or all of it is looked at anyway.
    pub(super) fn is_exact(&self, filter: &DeliveryFilter) -> bool {
        let dated = filter.created_since.is_some() || filter.created_before.is_some();
        let judged = dated || filter.reason.is_some() || self.looks_at_payments(filter);
        match self {
            Part::Payments(_) | Part::FirstAttemptsTo(_) => true,
            Part::All | Part::Endpoint(_) => !judged && filter.state.is_none(),
            Part::Failed(_) | Part::FailedOf(..) | Part::WaitingFor(_) => !judged,
        }
    }

    /// `SELECT columns` of the newest `wanted` that match, among the newest `look` rows of the stretch. The limit within
    /// keeps what is judged from being taken for a reason to use another index.
    pub(super) fn push(
        &self,
        query: &mut Builder,
        columns: &str,
        filter: &DeliveryFilter,
        stretch: Stretch,
        (look, wanted): (i64, i64),
    ) {
        query.push(format_args!("SELECT * FROM (SELECT {columns} FROM ("));
        self.push_rows(query, "d.*", filter, stretch);
        match self {
            Part::Payments(_) => query.push(format_args!(" LIMIT {LOOK_MAX}")),
            Part::FirstAttemptsTo(_) => query.push(format_args!(" {} LIMIT {look}", self.newest_first())),
            _ if self.is_exact(filter) => query.push(format_args!(" {} LIMIT {wanted}", self.newest_first())),
            _ => query.push(format_args!(" {} LIMIT {look}", self.newest_first())),
        };
        query.push(") d WHERE true");
        if let Part::Payments(_) = self {
            stretch.within(filter).push(query);
        }
        self.push_judgement(query, filter);
        query.push(format_args!(" {} LIMIT {wanted}) part", self.newest_first()));
    }

    /// The order of the part's index, in full, so that no other index can be taken for it.
    pub(super) fn newest_first(&self) -> &'static str {
        match self {
            Part::All | Part::Payments(_) | Part::Failed(_) => "ORDER BY d.id DESC",
            Part::Endpoint(_) | Part::FirstAttemptsTo(_) => "ORDER BY d.endpoint_id DESC, d.id DESC",
            Part::FailedOf(..) | Part::WaitingFor(_) => "ORDER BY d.endpoint_id DESC, d.state DESC, d.id DESC",
        }
    }

    /// The rows of the index, unjudged.
    pub(super) fn push_rows(&self, query: &mut Builder, columns: &str, filter: &DeliveryFilter, stretch: Stretch) {
        let stretch = stretch.within(filter);
        query.push(format_args!("SELECT {columns} FROM "));
        match self {
            Part::All => stretch.push(query.push("deliveries d WHERE true")),
            Part::Failed(state) => {
                stretch.push(query.push(format_args!("deliveries d WHERE d.state = '{}'", state.as_str())));
            }
            Part::Endpoint(id) | Part::FirstAttemptsTo(id) => {
                stretch.push_of(*id, None, query.push("deliveries d WHERE "));
            }
            Part::FailedOf(id, state) => {
                query.push("deliveries d WHERE d.state IN ('undelivered', 'settled') AND ");
                stretch.push_of(*id, Some(*state), query);
            }
            Part::WaitingFor(id) => {
                query.push(concat!("deliveries d WHERE ", waits!("d"), " AND "));
                stretch.push_of(*id, Some(State::Pending), query);
            }
            Part::Payments(payments) => {
                push_ids(query.push("deliveries d WHERE d.payment_id IN ("), payments.iter().copied());
            }
        }
    }

    /// What the index does not answer.
    fn push_judgement(&self, query: &mut Builder, filter: &DeliveryFilter) {
        match (self, filter.state) {
            (Part::FirstAttemptsTo(_), _) => {
                query.push(concat!(" AND d.state = 'pending' AND NOT (", waits!("d"), ")"));
            }
            (_, Some(state)) if !self.is_covered() => {
                query.push(format_args!(" AND d.state = '{}'", state.as_str()));
            }
            _ => {}
        }
        if let Some(reason) = filter.reason {
            query.push(format_args!(" AND d.reason = '{}'", reason.as_str()));
        }
        if let (Part::Payments(_), Some(endpoint)) = (self, filter.endpoint_id) {
            query.push(" AND d.endpoint_id = ").push_bind(endpoint.0);
        }
        if let Some(since) = filter.created_since {
            query.push(" AND d.created_at >= ").push_bind(since.0);
        }
        if let Some(before) = filter.created_before {
            query.push(" AND d.created_at < ").push_bind(before.0);
        }
        if self.looks_at_payments(filter) {
            push_judgement_of_payment(query, filter);
        }
    }
}

/// What only the payment of a delivery `d` answers.
pub(super) fn push_judgement_of_payment(query: &mut Builder, filter: &DeliveryFilter) {
    for (column, value) in [("pay_for", &filter.pay_for), ("gateway_payment_id", &filter.gateway_payment_id)] {
        if let Some(value) = value {
            query.push(format_args!(" AND (SELECT p.{column} FROM payments p WHERE p.id = d.payment_id) = "));
            query.push_bind(value.clone());
        }
    }
}
