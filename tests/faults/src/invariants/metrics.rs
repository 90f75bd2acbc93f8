//! I12: the metrics agree with the ledger. Counters begin anew with their process, and what a fault took from a process
//! may be in the ledger and not in its counters; so they never exceed the ledger, and equal it in a run that nothing
//! disturbed.

use crate::asked::{Sample, Scrape};
use crate::checker::{Case, Found};
use crate::evidence::Dump;
use std::collections::BTreeSet;

/// Payments handed in, by `result`.
pub(crate) const INTAKE: &str = "paybell_intake_requests_total";
/// Attempts made, by `outcome`.
pub(crate) const ATTEMPTS: &str = "paybell_attempts_total";
/// Deliveries that ended, by `state` and `reason`.
pub(crate) const FINISHED: &str = "paybell_deliveries_finished_total";
/// Deliveries whose deadline passed.
pub(crate) const EXPIRED: &str = "paybell_expired_total";
/// Claims, by `result`.
pub(crate) const CLAIMS: &str = "paybell_claims_total";
/// Deliveries of this moment, by `state`.
pub(crate) const DELIVERIES: &str = "paybell_deliveries";

/// The outcome of an attempt that nobody could count.
const UNKNOWN: &str = "unknown";
/// The gauges count no further.
const GAUGE_MAX: usize = 100_000;

/// Checks the counters of all processes, and the gauges of each.
pub(super) fn metrics_agree(case: &Case<'_>, found: &mut Found) {
    let Some(books) = Books::open(case) else { return };
    books.intake(case, found);
    books.attempts(case, found);
    books.ends(case, found);
    if case.evidence.asked.gauges_awaited {
        for scrape in &case.evidence.asked.scrapes {
            if !gauges_agree(&case.evidence.dump, scrape) {
                let what = format!("{} shows {:?}", scrape.node, gauges(scrape));
                found.add("I12", DELIVERIES, format!("{what}, the ledger has {:?}", waiting(&case.evidence.dump)));
            }
        }
    }
}

/// Whether a process shows as many deliveries as there are.
pub(crate) fn gauges_agree(dump: &Dump, scrape: &Scrape) -> bool {
    gauges(scrape) == waiting(dump).map(|(state, count)| (state, Some(count)))
}

fn gauges(scrape: &Scrape) -> [(&'static str, Option<i64>); 2] {
    let value_of = |state: &str| {
        let of_state = |sample: &&Sample| sample.metric == DELIVERIES && sample.is("state", state);
        scrape.samples.iter().find(of_state).map(|sample| sample.value)
    };
    ["pending", "undelivered"].map(|state| (state, value_of(state)))
}

fn waiting(dump: &Dump) -> [(&'static str, i64); 2] {
    let count = |state: &str| dump.deliveries.iter().filter(|delivery| delivery.state == state).count();
    ["pending", "undelivered"].map(|state| (state, to_i64(count(state).min(GAUGE_MAX))))
}

/// The counters of all processes beside the ledger.
struct Books<'a> {
    samples: Vec<&'a Sample>,
    /// Whether the counters must equal the ledger.
    exact: bool,
}

impl<'a> Books<'a> {
    /// Nothing when no process was asked.
    fn open(case: &Case<'a>) -> Option<Books<'a>> {
        let asked = &case.evidence.asked;
        let knows_all = case.evidence.sent.iter().all(|sent| sent.status.is_some_and(|status| status < 500));
        let nothing_lost = case.evidence.dump.attempts.iter().all(|attempt| attempt.outcome != UNKNOWN);
        let samples = asked.scrapes.iter().flat_map(|scrape| &scrape.samples).collect();
        let exact = asked.undisturbed && knows_all && nothing_lost;
        (!asked.scrapes.is_empty()).then_some(Books { samples, exact })
    }

    fn sum(&self, metric: &str, labels: &[(&str, &str)]) -> i64 {
        let of = |sample: &&&Sample| sample.metric == metric && labels.iter().all(|(name, is)| sample.is(name, is));
        self.samples.iter().filter(of).map(|sample| sample.value).sum()
    }

    /// A counter is never above `most`; where nothing was disturbed, it is not below `least` either.
    fn compare(&self, what: &str, counted: i64, (least, most): (i64, i64), found: &mut Found) {
        if counted > most || (self.exact && counted < least) {
            found.add("I12", what, format!("the metrics count {counted}, the ledger says {least} to {most}"));
        }
    }

    /// What was answered as accepted is counted; what is counted is stored.
    fn intake(&self, case: &Case<'_>, found: &mut Found) {
        let answered = case.evidence.sent.iter().filter(|sent| sent.status == Some(202)).count();
        let stored = case.evidence.dump.payments.len();
        let counted = self.sum(INTAKE, &[("result", "accepted")]);
        self.compare(INTAKE, counted, (to_i64(answered), to_i64(stored)), found);
    }

    /// An attempt that was counted shows with its outcome, or as unknown where it could not be recorded.
    fn attempts(&self, case: &Case<'_>, found: &mut Found) {
        let dump = &case.evidence.dump;
        let begun: i64 = dump.deliveries.iter().map(|delivery| i64::from(delivery.attempts)).sum();
        let shown = |outcome: &str| to_i64(dump.attempts.iter().filter(|a| a.outcome == outcome).count());
        let unrecorded = shown(UNKNOWN) + (begun - to_i64(dump.attempts.len())).max(0);
        let counted_words = self.samples.iter().filter_map(|s| s.labels.get("outcome")).map(String::as_str);
        let words: BTreeSet<&str> = counted_words.chain(dump.attempts.iter().map(|a| a.outcome.as_str())).collect();
        for outcome in words.into_iter().filter(|outcome| *outcome != UNKNOWN) {
            let (counted, shown) = (self.sum(ATTEMPTS, &[("outcome", outcome)]), shown(outcome));
            self.compare(&format!("{ATTEMPTS} {outcome}"), counted, (shown, shown + unrecorded), found);
        }
        self.compare(ATTEMPTS, self.sum(ATTEMPTS, &[]), (to_i64(dump.attempts.len()), begun), found);
        let won = self.sum(CLAIMS, &[("result", "won")]) + self.sum(CLAIMS, &[("result", "ahead")]);
        self.compare(CLAIMS, won, (begun, begun), found);
    }

    /// Each end is counted once; what is settled after it was given up has two.
    fn ends(&self, case: &Case<'_>, found: &mut Found) {
        let deliveries = &case.evidence.dump.deliveries;
        for state in ["delivered", "settled"] {
            let stored = to_i64(deliveries.iter().filter(|delivery| delivery.state == state).count());
            self.compare(
                &format!("{FINISHED} {state}"),
                self.sum(FINISHED, &[("state", state)]),
                (stored, stored),
                found,
            );
        }
        let given_up = |reason: &str| to_i64(deliveries.iter().filter(|d| d.reason.as_deref() == Some(reason)).count());
        let known = deliveries.iter().filter_map(|delivery| delivery.reason.as_deref());
        for reason in known.chain(["expired"]).collect::<BTreeSet<&str>>() {
            let counted = self.sum(FINISHED, &[("state", "undelivered"), ("reason", reason)]);
            self.compare(&format!("{FINISHED} {reason}"), counted, (given_up(reason), given_up(reason)), found);
        }
        let all = to_i64(deliveries.iter().filter(|delivery| delivery.reason.is_some()).count());
        self.compare(
            &format!("{FINISHED} undelivered"),
            self.sum(FINISHED, &[("state", "undelivered")]),
            (all, all),
            found,
        );
        let expired = given_up("expired");
        self.compare(EXPIRED, self.sum(EXPIRED, &[]), (expired, expired), found);
    }
}

fn to_i64(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
