//! The checker: one function over the evidence of a run.

use crate::evidence::{Evidence, Moment, Seen, StoredAttempt, StoredDelivery};
use crate::invariants::check_all;
use crate::troubles::Troubles;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

/// What a run was set to, and what may not be asked of it.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The delay after the first attempt, in µs.
    pub retry_initial_us: i64,
    /// What each delay is multiplied by.
    pub retry_factor: f64,
    /// The longest delay, in µs.
    pub retry_cap_us: i64,
    /// How far each delay varies, as a part of it.
    pub retry_jitter: f64,
    /// The limit of one attempt, in µs.
    pub time_limit_us: i64,
    /// How long a claim holds, in µs.
    pub visibility_us: i64,
    /// How long a busy machine may take between a decision and its effect elsewhere.
    pub tolerance_us: i64,
    /// How far the processes' ideas of the database's time may be apart.
    pub clock_us: i64,
    /// How far this machine's clock is ahead of the database's.
    pub skew_us: i64,
    /// The steps of the database's clock: when, and how far this machine's clock was ahead of it from then on.
    pub steps: Vec<(i64, i64)>,
    /// What was in trouble, and when; it loosens what is asked by as much as it explains.
    pub troubles: Troubles,
    /// The paths of endpoints that may end in another way than delivered.
    pub unwilling: Vec<String>,
    /// When the last fault was over.
    pub faults_over_us: Option<i64>,
    /// When nothing was pending any more.
    pub settled_us: Option<i64>,
    /// The actions of people whose rows in the audit are counted.
    pub audited: Vec<&'static str>,
    /// Whether the end of the run waits, for up to 9 s, until the gauges of the metrics have followed.
    pub awaits_gauges: bool,
}

impl Default for Terms {
    /// The harness's quick settings, with nothing excused.
    fn default() -> Self {
        Terms {
            retry_initial_us: 200_000,
            retry_factor: 2.0,
            retry_cap_us: 1_000_000,
            retry_jitter: 0.1,
            time_limit_us: 2_000_000,
            visibility_us: 7_000_000,
            tolerance_us: 1_000_000,
            clock_us: 100_000,
            skew_us: 0,
            steps: Vec::new(),
            troubles: Troubles::default(),
            unwilling: Vec::new(),
            faults_over_us: None,
            settled_us: None,
            audited: vec!["delivery.settle", "delivery.resend", "endpoint.pause", "endpoint.resume"],
            awaits_gauges: false,
        }
    }
}

impl Terms {
    /// The least delay after an attempt, in µs.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "far below 2^52 µs")]
    pub(crate) fn delay_min_us(&self, attempt: u32) -> i64 {
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let interval = self.retry_initial_us as f64 * self.retry_factor.powi(exponent);
        (interval.min(self.retry_cap_us as f64) * (1.0 - self.retry_jitter)) as i64
    }
}

/// One offence against an invariant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Violation {
    /// Which invariant: `I1` …
    pub invariant: &'static str,
    /// The id of what offends: mostly a delivery's or a payment's.
    pub id: String,
    /// What is wrong.
    pub what: String,
}

/// The violations, in the order in which they were found.
#[derive(Debug, Default)]
pub(crate) struct Found(Vec<Violation>);

impl Found {
    pub(crate) fn add(&mut self, invariant: &'static str, id: &str, what: impl Into<String>) {
        self.0.push(Violation { invariant, id: id.to_owned(), what: what.into() });
    }
}

/// The evidence with what is looked up in it.
pub(crate) struct Case<'a> {
    pub(crate) evidence: &'a Evidence,
    pub(crate) terms: &'a Terms,
    /// The attempts that the receiver acknowledged.
    pub(crate) acknowledged: HashSet<(&'a str, u32)>,
    attempts: HashMap<&'a str, Vec<StoredAttempt>>,
    posts: HashMap<&'a str, Vec<&'a Seen>>,
    payments: HashMap<&'a str, &'a str>,
    unwilling: HashSet<&'a str>,
}

impl<'a> Case<'a> {
    fn new(evidence: &'a Evidence, terms: &'a Terms) -> Case<'a> {
        let mut attempts: HashMap<&str, Vec<StoredAttempt>> = HashMap::new();
        for attempt in &evidence.dump.attempts {
            attempts.entry(&attempt.delivery).or_default().push(attempt.clone());
        }
        attempts.values_mut().for_each(|attempts| attempts.sort_by_key(|attempt| attempt.number));
        let mut posts: HashMap<&str, Vec<&Seen>> = HashMap::new();
        let mut acknowledged = HashSet::new();
        for seen in &evidence.seen {
            match seen.moment {
                Moment::Requested => posts.entry(&seen.delivery).or_default().push(seen),
                Moment::Acknowledged => drop(acknowledged.insert((seen.delivery.as_str(), seen.attempt))),
            }
        }
        let payments = evidence.dump.deliveries.iter().map(|d| (d.id.as_str(), d.payment.as_str())).collect();
        let unwilling = evidence.dump.endpoints.iter().filter(|e| terms.unwilling.contains(&e.path));
        let unwilling = unwilling.map(|endpoint| endpoint.id.as_str()).collect();
        Case { evidence, terms, acknowledged, attempts, posts, payments, unwilling }
    }

    pub(crate) fn attempts_of(&self, delivery: &str) -> &[StoredAttempt] {
        self.attempts.get(delivery).map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn posts_of(&self, delivery: &str) -> &[&'a Seen] {
        self.posts.get(delivery).map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn payment_of(&self, delivery: &str) -> Option<&'a str> {
        self.payments.get(delivery).copied()
    }

    /// Whether the delivery had to end as delivered.
    pub(crate) fn is_willing(&self, delivery: &StoredDelivery) -> bool {
        delivery.state != "settled" && !self.unwilling.contains(delivery.endpoint.as_str())
    }
}

/// What was counted.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Counts {
    /// Payments that were answered with a 2xx.
    pub accepted: usize,
    /// Requests to the intake whose outcome was unknown to the gateway.
    pub unknown_to_gateway: usize,
    /// Deliveries by their state.
    pub deliveries: BTreeMap<String, usize>,
    /// Attempts by their outcome.
    pub attempts: BTreeMap<String, usize>,
    /// POSTs that receivers saw.
    pub posts: usize,
    /// POSTs that came after the delivery had been acknowledged once: at least once means that this may be.
    pub repeated: usize,
    /// POSTs that came later after their delivery's end than a busy machine explains; only a frozen process may do that.
    pub late: usize,
    /// Accepted payments that are nowhere.
    pub lost: usize,
    /// Lists of the API that were read at the end.
    pub views: usize,
    /// Processes whose metrics were read at the end.
    pub scrapes: usize,
    /// Whether the counters of the metrics had to equal the ledger.
    pub undisturbed: bool,
    /// The longest that anything had been due after the last fault, in µs.
    pub oldest_due_us: i64,
}

/// What the checker says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Verdict {
    /// What was counted.
    pub counts: Counts,
    /// What offends; empty when all is well.
    pub violations: Vec<Violation>,
}

/// Checks the evidence.
pub fn check(evidence: &Evidence, terms: &Terms) -> Verdict {
    let case = Case::new(evidence, terms);
    let mut found = Found::default();
    check_all(&case, &mut found);
    Verdict { counts: count(&case), violations: found.0 }
}

fn count(case: &Case<'_>) -> Counts {
    let Evidence { sent, dump, readings, asked, .. } = case.evidence;
    let accepted: HashSet<&str> =
        sent.iter().filter(|sent| sent.accepted()).filter_map(|s| s.payment_id.as_deref()).collect();
    let stored: HashSet<&str> = dump.payments.iter().map(|payment| payment.id.as_str()).collect();
    let tally = |words: &mut dyn Iterator<Item = &String>| {
        words.fold(BTreeMap::new(), |mut tally: BTreeMap<String, usize>, word| {
            *tally.entry(word.clone()).or_default() += 1;
            tally
        })
    };
    let mut acknowledged = HashSet::new();
    let mut repeated = 0;
    for seen in &case.evidence.seen {
        match seen.moment {
            Moment::Requested => repeated += usize::from(acknowledged.contains(&seen.delivery)),
            Moment::Acknowledged => drop(acknowledged.insert(&seen.delivery)),
        }
    }
    let over = case.terms.faults_over_us.unwrap_or(i64::MAX);
    let is_late = |delivery: &StoredDelivery, post: &&&Seen| {
        let at_us = case.terms.to_database_us(post.at_us);
        let apart = |end: i64| case.terms.clock_us_at(end.min(at_us), at_us) - case.terms.clock_us;
        delivery.finished_us.is_some_and(|end| at_us - end > case.terms.tolerance_us + apart(end))
    };
    let late = dump.deliveries.iter().map(|d| case.posts_of(&d.id).iter().filter(|post| is_late(d, post)).count());
    Counts {
        accepted: accepted.len(),
        unknown_to_gateway: sent.iter().filter(|sent| sent.status.is_none()).count(),
        deliveries: tally(&mut dump.deliveries.iter().map(|delivery| &delivery.state)),
        attempts: tally(&mut dump.attempts.iter().map(|attempt| &attempt.outcome)),
        posts: case.posts.values().map(Vec::len).sum(),
        repeated,
        late: late.sum(),
        lost: accepted.difference(&stored).count(),
        views: asked.views.len(),
        scrapes: asked.scrapes.len(),
        undisturbed: asked.undisturbed,
        oldest_due_us: readings.iter().filter(|r| r.at_us > over).map(|r| r.oldest_due_us).max().unwrap_or(0),
    }
}

/// All that the evidence says of one delivery or payment, in the order of time.
pub fn history(evidence: &Evidence, id: &str) -> Vec<String> {
    let deliveries = || evidence.dump.deliveries.iter().filter(|d| d.id == id || d.payment == id);
    let ids: HashSet<&str> = deliveries().flat_map(|d| [d.id.as_str(), d.payment.as_str()]).chain([id]).collect();
    let mut lines: Vec<(i64, String)> = Vec::new();
    for sent in &evidence.sent {
        let named = sent.payment_id.iter().chain(&sent.deliveries).any(|id| ids.contains(id.as_str()));
        if named || ids.contains(sent.id.as_str()) {
            lines.push((sent.at_us, format!("sent {sent:?}")));
        }
    }
    for seen in evidence.seen.iter().filter(|seen| ids.contains(seen.delivery.as_str())) {
        lines.push((seen.at_us, format!("seen {seen:?}")));
    }
    for attempt in evidence.dump.attempts.iter().filter(|attempt| ids.contains(attempt.delivery.as_str())) {
        lines.push((attempt.started_us, format!("stored {attempt:?}")));
    }
    for act in evidence.acts.iter().filter(|act| ids.contains(act.subject.as_str())) {
        lines.push((act.at_us, format!("act {act:?}")));
    }
    lines.extend(deliveries().map(|delivery| (delivery.created_us, format!("stored {delivery:?}"))));
    lines.sort();
    lines.into_iter().map(|(at, line)| format!("{at} {line}")).collect()
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.invariant, self.id, self.what)
    }
}

#[cfg(test)]
#[path = "checker_tests.rs"]
mod tests;
