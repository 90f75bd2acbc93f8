//! The invariants, each as algebra over the evidence.

mod belongings;
pub(crate) mod metrics;

use crate::checker::{Case, Found};
use crate::evidence::{Moment, Seen, StoredAttempt, StoredDelivery};
use crate::leeway::may_be_late_us;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// The allowed states of a delivery at the end of a run.
const TERMINAL: [&str; 3] = ["delivered", "undelivered", "settled"];
/// After the last fault and so long, nothing due may be older than this.
const OLDEST_DUE_MAX_US: i64 = 60_000_000;

/// Checks all of them.
pub(crate) fn check_all(case: &Case<'_>, found: &mut Found) {
    accepted_is_stored_and_ends(case, found);
    same_payment_has_one_id(case, found);
    for delivery in &case.evidence.dump.deliveries {
        let attempts = case.attempts_of(&delivery.id);
        ends_before_its_deadline(case, delivery, attempts, found);
        nothing_begins_after_its_end(case, delivery, attempts, found);
        attempts_are_numbered(delivery, attempts, found);
        gaps_are_kept(case, delivery, attempts, found);
        delivered_was_acknowledged(case, delivery, attempts, found);
    }
    posts_are_shown(case, found);
    posts_are_alike_and_signed(case, found);
    nothing_due_is_old(case, found);
    caps_are_kept(case, found);
    acts_are_audited(case, found);
    belongings::each_sees_its_own(case, found);
    metrics::metrics_agree(case, found);
}

/// I1: every payment accepted with a 2xx is stored with one delivery for each endpoint, and each ends.
fn accepted_is_stored_and_ends(case: &Case<'_>, found: &mut Found) {
    let dump = &case.evidence.dump;
    let stored: HashSet<(&str, &str)> = dump.payments.iter().map(|p| (p.id.as_str(), p.merchant.as_str())).collect();
    let mut first_of: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for delivery in dump.deliveries.iter().filter(|delivery| delivery.resend_of.is_none()) {
        *first_of.entry((&delivery.payment, &delivery.endpoint)).or_default() += 1;
    }
    let known: HashSet<&str> = dump.deliveries.iter().map(|delivery| delivery.id.as_str()).collect();
    let mut looked_at = HashSet::new();
    for sent in case.evidence.sent.iter().filter(|sent| sent.accepted()) {
        let Some(payment) = sent.payment_id.as_deref() else {
            found.add("I1", &sent.id, "a 2xx without the payment's id");
            continue;
        };
        for delivery in sent.deliveries.iter().filter(|delivery| !known.contains(delivery.as_str())) {
            found.add("I1", payment, format!("the accepted delivery {delivery} is not stored"));
        }
        if !looked_at.insert(payment) {
            continue;
        }
        if !stored.contains(&(payment, sent.merchant.as_str())) {
            found.add("I1", payment, "accepted with a 2xx and not stored");
            continue;
        }
        for endpoint in dump.endpoints.iter().filter(|endpoint| endpoint.merchant == sent.merchant) {
            let count = first_of.get(&(payment, endpoint.id.as_str())).copied().unwrap_or(0);
            if count != 1 {
                found.add("I1", payment, format!("{count} deliveries to the endpoint {}, not 1", endpoint.path));
            }
        }
    }
    for delivery in &dump.deliveries {
        if !TERMINAL.contains(&delivery.state.as_str()) {
            found.add("I1", &delivery.id, format!("it is still {}", delivery.state));
        } else if delivery.state != "delivered" && case.is_willing(delivery) {
            found.add("I1", &delivery.id, format!("it is {}, though its merchant was willing", delivery.state));
        }
    }
}

/// I2: no attempt starts at or after the deadline, none runs past it, and no POST arrives after it.
fn ends_before_its_deadline(case: &Case<'_>, delivery: &StoredDelivery, attempts: &[StoredAttempt], found: &mut Found) {
    let deadline = delivery.deadline_us;
    for attempt in attempts {
        let late = attempt.started_us - deadline;
        if late >= 0 {
            found.add("I2", &delivery.id, format!("attempt {} began {late} µs after the deadline", attempt.number));
        }
        let ended = attempt.started_us + attempt.duration_us.unwrap_or(0);
        let over = ended - deadline;
        if over > case.terms.tolerance_us + case.terms.frozen_us(attempt.started_us, ended) {
            found.add("I2", &delivery.id, format!("attempt {} ran {over} µs past the deadline", attempt.number));
        }
    }
    for post in case.posts_of(&delivery.id) {
        let late = case.terms.to_database_us(post.at_us) - deadline;
        if late > may_be_late_us(case, post, attempts) {
            found.add("I2", &delivery.id, format!("POST {} came {late} µs after the deadline", post.attempt));
        }
    }
}

/// I3: no attempt begins, and no POST arrives, after the delivery's end was recorded.
fn nothing_begins_after_its_end(
    case: &Case<'_>,
    delivery: &StoredDelivery,
    attempts: &[StoredAttempt],
    found: &mut Found,
) {
    let Some(finished) = delivery.finished_us else { return };
    for attempt in attempts {
        let late = attempt.started_us - finished;
        if late > case.terms.clock_us_at(finished, attempt.started_us) {
            found.add("I3", &delivery.id, format!("attempt {} began {late} µs after its end", attempt.number));
        }
    }
    for post in case.posts_of(&delivery.id) {
        let late = case.terms.to_database_us(post.at_us) - finished;
        if late > may_be_late_us(case, post, attempts) {
            found.add("I3", &delivery.id, format!("POST {} came {late} µs after its end", post.attempt));
        }
    }
}

/// I4: attempts are numbered 1..n, gap-free and unique, and n is how many were begun.
fn attempts_are_numbered(delivery: &StoredDelivery, attempts: &[StoredAttempt], found: &mut Found) {
    let numbers: Vec<u32> = attempts.iter().map(|attempt| attempt.number).collect();
    let expected: Vec<u32> = (1..=delivery.attempts).collect();
    if numbers != expected && delivery.state != "pending" {
        found.add("I4", &delivery.id, format!("attempts {numbers:?} are shown, {} were begun", delivery.attempts));
    }
}

/// I5: every POST that a receiver saw belongs to an attempt that the engine shows.
fn posts_are_shown(case: &Case<'_>, found: &mut Found) {
    let shown: HashSet<(&str, u32)> =
        case.evidence.dump.attempts.iter().map(|attempt| (attempt.delivery.as_str(), attempt.number)).collect();
    let mut seen = HashSet::new();
    for post in case.evidence.seen.iter().filter(|seen| seen.moment == Moment::Requested) {
        let key = (post.delivery.as_str(), post.attempt);
        if !shown.contains(&key) {
            found.add("I5", &post.delivery, format!("POST {} was seen, and no attempt shows it", post.attempt));
        }
        if !seen.insert(key) {
            found.add("I5", &post.delivery, format!("attempt {} was POSTed twice", post.attempt));
        }
    }
}

/// I6: all attempts of a delivery carry the payment's id and the same bytes, signed, with a fresh timestamp.
fn posts_are_alike_and_signed(case: &Case<'_>, found: &mut Found) {
    let mut first: BTreeMap<&str, &Seen> = BTreeMap::new();
    for post in case.evidence.seen.iter().filter(|seen| seen.moment == Moment::Requested) {
        let first = *first.entry(&post.delivery).or_insert(post);
        if post.body_hash != first.body_hash {
            found.add("I6", &post.delivery, format!("POST {} has other bytes than the first", post.attempt));
        }
        if let Some(payment) = case.payment_of(&post.delivery)
            && post.message_id != payment
        {
            found.add("I6", &post.delivery, format!("POST {} carries the id {}", post.attempt, post.message_id));
        }
        if !post.signature_ok {
            found.add("I6", &post.delivery, format!("POST {} is not signed by its endpoint's secret", post.attempt));
        }
        let Some(timestamp) = post.timestamp_s else { continue };
        let at_us = case.terms.to_database_us(post.at_us);
        let age = at_us - timestamp * 1_000_000;
        let clock_us = case.terms.clock_us_at(timestamp * 1_000_000, at_us);
        // A timestamp is cut to whole seconds; a frozen worker's is older by its freeze.
        let oldest =
            1_000_000 + case.terms.time_limit_us + may_be_late_us(case, post, case.attempts_of(&post.delivery));
        if !(-clock_us..=oldest).contains(&age) {
            found.add("I6", &post.delivery, format!("the timestamp of POST {} is {age} µs old", post.attempt));
        }
    }
}

/// I8: one merchant and id give one payment and the same deliveries; other content gives no 2xx.
fn same_payment_has_one_id(case: &Case<'_>, found: &mut Found) {
    let mut first: BTreeMap<(&str, &str), (&str, BTreeSet<&str>)> = BTreeMap::new();
    for sent in case.evidence.sent.iter().filter(|sent| sent.accepted()) {
        let Some(payment) = sent.payment_id.as_deref() else { continue };
        if sent.content != 0 {
            found.add("I8", payment, format!("other content under the id {} was accepted", sent.id));
            continue;
        }
        let deliveries: BTreeSet<&str> = sent.deliveries.iter().map(String::as_str).collect();
        let (id, before) = first.entry((&sent.merchant, &sent.id)).or_insert_with(|| (payment, deliveries.clone()));
        if *id != payment || *before != deliveries {
            found.add("I8", payment, format!("the id {} was answered as {id} with {before:?} before", sent.id));
        }
    }
    let mut stored = HashSet::new();
    for payment in &case.evidence.dump.payments {
        if !stored.insert((&payment.merchant, &payment.gateway_id)) {
            found.add("I8", &payment.id, format!("the id {} is stored twice", payment.gateway_id));
        }
    }
    for sent in case.evidence.sent.iter().filter(|sent| sent.content != 0) {
        if sent.status.is_some_and(|status| status != 409 && status < 500) && !sent.accepted() {
            found.add("I8", &sent.id, format!("other content under one id was answered with {:?}", sent.status));
        }
    }
}

/// I9: 60 s after the last fault nothing due is older than 60 s, and all that is willing has ended in the time given.
fn nothing_due_is_old(case: &Case<'_>, found: &mut Found) {
    let Some(over) = case.terms.faults_over_us else { return };
    for reading in &case.evidence.readings {
        if reading.at_us > over + OLDEST_DUE_MAX_US && reading.oldest_due_us > OLDEST_DUE_MAX_US {
            let after = (reading.at_us - over) / 1_000_000;
            let age = reading.oldest_due_us / 1_000_000;
            found.add("I9", "the oldest due", format!("{after} s after the last fault it is {age} s overdue"));
        }
    }
    if case.terms.settled_us.is_none() {
        found.add("I9", "the backlog", "it had not ended in the time given after the last fault");
    }
}

/// I10: two attempts are apart by at least the schedule's delay less its jitter. After an attempt whose outcome is
/// unknown the recovery sets the pace, and the last attempt may come early, but for a least gap.
fn gaps_are_kept(case: &Case<'_>, delivery: &StoredDelivery, attempts: &[StoredAttempt], found: &mut Found) {
    let terms = &case.terms;
    for pair in attempts.windows(2) {
        let (one, next) = (&pair[0], &pair[1]);
        let Some(duration) = one.duration_us else { continue };
        let gap = next.started_us - one.started_us - duration;
        let lead = terms.time_limit_us.min((delivery.deadline_us - delivery.created_us) / 20);
        let clock_us = terms.clock_us_at(one.started_us, next.started_us);
        let mut least = terms.delay_min_us(one.number);
        if next.started_us >= delivery.deadline_us - lead - clock_us {
            least = least.min(lead);
        }
        // A record that came after its claim had run out does not hold back who took over. A claim is as old as its
        // attempt, but for the way from the database to the worker, which may be slowed, and for the worker's freeze.
        let since_us = one.started_us - terms.visibility_us;
        let excused_us = terms.frozen_us(since_us, one.started_us) + terms.slowed_us(since_us, one.started_us);
        let before = terms.tolerance_us + excused_us;
        let is_taken_over = next.started_us - one.started_us >= terms.visibility_us - before;
        if gap < least - clock_us && !is_taken_over {
            found.add("I10", &delivery.id, format!("{gap} µs between attempts {} and the next", one.number));
        }
    }
}

/// I10: the requests to an endpoint at one time never exceed its cap.
fn caps_are_kept(case: &Case<'_>, found: &mut Found) {
    let caps: BTreeMap<&str, u32> =
        case.evidence.dump.endpoints.iter().map(|e| (e.path.as_str(), e.concurrency_max)).collect();
    for post in case.evidence.seen.iter().filter(|seen| seen.moment == Moment::Requested) {
        if let Some(cap) = caps.get(post.path.as_str())
            && post.in_flight > *cap
            && !case.terms.forgets_who_is_in_flight(post.at_us)
        {
            found.add(
                "I10",
                &post.delivery,
                format!("{} at a time at {}, its cap is {cap}", post.in_flight, post.path),
            );
        }
    }
}

/// I11: `delivered` means that the receiver sent the acknowledgement, to that very attempt.
fn delivered_was_acknowledged(
    case: &Case<'_>,
    delivery: &StoredDelivery,
    attempts: &[StoredAttempt],
    found: &mut Found,
) {
    for attempt in attempts.iter().filter(|attempt| attempt.outcome == "acknowledged") {
        if !case.acknowledged.contains(&(delivery.id.as_str(), attempt.number)) {
            found.add("I11", &delivery.id, format!("attempt {} was not acknowledged by anybody", attempt.number));
        }
    }
    let by_attempt = attempts.iter().any(|attempt| attempt.outcome == "acknowledged");
    if delivery.state == "delivered" && !by_attempt {
        found.add("I11", &delivery.id, "delivered, without an attempt that was acknowledged");
    }
}

/// I13: each act of a person leaves one row in the audit, and there is no row without an act. What was settled or resent
/// has its row in any case: both are written in one transaction, even where the person saw no answer. So do pauses.
fn acts_are_audited(case: &Case<'_>, found: &mut Found) {
    let mut acts: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
    for act in &case.evidence.acts {
        let (known, tried) = acts.entry((&act.action, &act.subject)).or_default();
        *known += usize::from(act.known);
        *tried += 1;
    }
    let mut rows: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for row in &case.evidence.dump.acts {
        // The set-up's own rows (keys, merchants, endpoints) are not what is tested.
        if case.terms.audited.contains(&row.action.as_str()) {
            *rows.entry((&row.action, &row.subject)).or_default() += 1;
        }
    }
    let both: BTreeSet<(&str, &str)> = acts.keys().chain(rows.keys()).copied().collect();
    for (action, subject) in both {
        let (known, tried) = acts.get(&(action, subject)).copied().unwrap_or_default();
        let rows = rows.get(&(action, subject)).copied().unwrap_or(0);
        if !(known..=tried).contains(&rows) {
            found.add("I13", subject, format!("{rows} rows in the audit for {known} to {tried} acts: {action}"));
        }
    }
    for endpoint in &case.evidence.dump.endpoints {
        let rows_of = |action| rows.get(&(action, endpoint.id.as_str())).copied().unwrap_or(0);
        let (pauses, resumes) = (rows_of("endpoint.pause"), rows_of("endpoint.resume"));
        if pauses != resumes + usize::from(endpoint.paused) {
            found.add("I13", &endpoint.id, format!("paused {pauses} and resumed {resumes} times, by the audit"));
        }
    }
    let mut done: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for delivery in &case.evidence.dump.deliveries {
        if delivery.state == "settled" {
            *done.entry(("delivery.settle", &delivery.id)).or_default() += 1;
        }
        if let Some(first) = &delivery.resend_of {
            *done.entry(("delivery.resend", first)).or_default() += 1;
        }
    }
    for action in ["delivery.settle", "delivery.resend"] {
        let of_action = |key: &&(&str, &str)| key.0 == action;
        let both: BTreeSet<_> = done.keys().chain(rows.keys()).filter(of_action).copied().collect();
        for key in both {
            let (happened, rows) = (done.get(&key).copied().unwrap_or(0), rows.get(&key).copied().unwrap_or(0));
            if happened != rows {
                found.add("I13", key.1, format!("{action} happened {happened} times, the audit has {rows} rows"));
            }
        }
    }
}
