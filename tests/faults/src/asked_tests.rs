//! Planted defects in what the engine says of itself: lists that show another merchant's things, metrics that disagree.

use super::*;
use crate::asked::{Asked, Caller, Kind, Sample, Scrape, View};
use crate::invariants::metrics::{ATTEMPTS, CLAIMS, DELIVERIES, EXPIRED, FINISHED, INTAKE};

/// The merchant of the sound evidence.
const SHOP: &str = "shop";

/// What an engine says of itself that tells the truth about this evidence.
fn truth(evidence: &Evidence) -> Asked {
    let dump = &evidence.dump;
    let ids = |ids: Vec<&String>| ids.into_iter().map(|id| (id.clone(), SHOP.to_owned())).collect();
    let views = vec![
        view(Caller::Gateway, Kind::Payments, 200, ids(dump.payments.iter().map(|p| &p.id).collect())),
        view(Caller::Gateway, Kind::Deliveries, 200, ids(dump.deliveries.iter().map(|d| &d.id).collect())),
        view(Caller::Gateway, Kind::Endpoints, 200, ids(dump.endpoints.iter().map(|e| &e.id).collect())),
        view(Caller::Gateway, Kind::Audit, 403, Vec::new()),
        view(Caller::Nobody, Kind::Deliveries, 401, Vec::new()),
    ];
    let count = |outcome: &str| to_i64(dump.attempts.iter().filter(|a| a.outcome == outcome).count());
    let attempts = ["acknowledged", "wrong_status", "timed_out", "interrupted"];
    let attempts = attempts.map(|outcome| sample(ATTEMPTS, &[("outcome", outcome)], count(outcome)));
    let (waiting, delivered) = (|state| sample(DELIVERIES, &[("state", state)], 0), to_i64(dump.deliveries.len()));
    let worker = attempts.into_iter().chain([
        sample(CLAIMS, &[("result", "won")], to_i64(dump.attempts.len())),
        sample(CLAIMS, &[("result", "lost")], 4),
        sample(FINISHED, &[("state", "delivered"), ("reason", "")], delivered),
        waiting("pending"),
        waiting("undelivered"),
    ]);
    let api = vec![
        sample(INTAKE, &[("result", "accepted")], to_i64(dump.payments.len())),
        sample(INTAKE, &[("result", "same")], 3),
        waiting("pending"),
        waiting("undelivered"),
    ];
    let scrape = |node: &str, samples| Scrape { node: node.to_owned(), samples };
    let scrapes = vec![scrape("api-1", api), scrape("worker-1", worker.collect())];
    Asked { views, scrapes, undisturbed: true, gauges_awaited: true }
}

fn view(caller: Caller, kind: Kind, status: u16, items: Vec<(String, String)>) -> View {
    View { caller, kind, merchant: SHOP.to_owned(), status, items, whole: true }
}

fn sample(metric: &str, labels: &[(&str, &str)], value: i64) -> Sample {
    let labels = labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    Sample { metric: metric.to_owned(), labels, value }
}

fn to_i64(count: usize) -> i64 {
    i64::try_from(count).expect("few")
}

/// Changes a sample of the worker's.
fn count_more(evidence: &mut Evidence, metric: &str, value: &str, more: i64) {
    let mut samples = evidence.asked.scrapes.iter_mut().flat_map(|scrape| &mut scrape.samples);
    let is_it = |sample: &&mut Sample| sample.metric == metric && sample.labels.values().any(|label| label == value);
    samples.find(is_it).expect("the sample is there").value += more;
}

/// The invariants that are broken after a defect was planted in a run in which the gateway missed answers and a worker
/// died.
fn broken_disturbed(plant: impl FnOnce(&mut Evidence)) -> Vec<&'static str> {
    broken_by(|e| {
        e.asked = truth(e);
        plant(e);
    })
}

/// The same for a run in which nothing was disturbed.
fn broken_undisturbed(plant: impl FnOnce(&mut Evidence)) -> Vec<&'static str> {
    broken_by(|e| {
        e.sent.retain(|sent| sent.status.is_some());
        let attempt = attempt(e, "d2", 1);
        (attempt.outcome, attempt.duration_us) = ("interrupted".into(), Some(10_000));
        e.asked = truth(e);
        plant(e);
    })
}

#[test]
fn engine_that_tells_the_truth_is_green() {
    assert!(broken_undisturbed(|_| {}).is_empty());
    assert!(broken_disturbed(|_| {}).is_empty());
}

#[test]
fn list_that_shows_what_is_anothers_is_found() {
    let another = || ("p9".to_owned(), "another".to_owned());
    assert_eq!(broken_disturbed(|e| e.asked.views[0].items.push(another())), ["I7"]);
    let unnamed = broken_disturbed(|e| e.asked.views[1].items.push(("d9".to_owned(), SHOP.to_owned())));
    assert_eq!(unnamed, ["I7"], "it says that it is the shop's, and the ledger does not");
}

#[test]
fn list_that_hides_what_is_its_merchants_is_found() {
    assert_eq!(broken_disturbed(|e| drop(e.asked.views[1].items.remove(0))), ["I7"]);
    let in_part = broken_disturbed(|e| {
        e.asked.views[1].items.remove(0);
        e.asked.views[1].whole = false;
    });
    assert!(in_part.is_empty(), "a list that was not read to its end shows a part");
}

#[test]
fn list_that_is_open_to_nobody_or_to_another_role_is_found() {
    assert_eq!(broken_disturbed(|e| e.asked.views[3].status = 200), ["I7"]);
    assert_eq!(broken_disturbed(|e| e.asked.views[4].status = 200), ["I7"]);
}

#[test]
fn request_to_anothers_endpoint_is_found() {
    assert_eq!(broken_disturbed(|e| post(e, "d1", 2).path = "/another".into()), ["I7"]);
    let delivery_to_another = broken_disturbed(|e| e.dump.payments[1].merchant = "another".into());
    assert!(delivery_to_another.contains(&"I7"), "{delivery_to_another:?}");
}

#[test]
fn metric_that_counts_twice_is_found() {
    for (metric, value) in [(ATTEMPTS, "wrong_status"), (FINISHED, "delivered"), (CLAIMS, "won"), (INTAKE, "accepted")]
    {
        assert_eq!(broken_undisturbed(|e| count_more(e, metric, value, 1)), ["I12"], "{metric}");
    }
    // What was counted and not recorded shows as unknown, of which the sound evidence has one.
    assert!(broken_disturbed(|e| count_more(e, ATTEMPTS, "timed_out", 1)).is_empty());
    assert_eq!(broken_disturbed(|e| count_more(e, ATTEMPTS, "timed_out", 2)), ["I12"]);
    assert_eq!(broken_disturbed(|e| e.asked.scrapes[1].samples.push(sample(EXPIRED, &[], 1))), ["I12"]);
}

#[test]
fn metric_that_does_not_count_is_found_where_nothing_was_disturbed() {
    for (metric, value) in [(ATTEMPTS, "timed_out"), (FINISHED, "delivered"), (CLAIMS, "won"), (INTAKE, "accepted")] {
        assert_eq!(broken_undisturbed(|e| count_more(e, metric, value, -1)), ["I12"], "{metric}");
        assert!(
            broken_disturbed(|e| count_more(e, metric, value, -1)).is_empty(),
            "{metric}: a restart forgets its counts"
        );
    }
    let settled = |e: &mut Evidence| {
        let settled = &mut e.dump.deliveries[1];
        (settled.state, settled.reason) = ("settled".into(), Some("refused".into()));
        let (action, subject) = (String::from("delivery.settle"), String::from("d1"));
        e.acts.push(Act { at_us: AT, known: true, action: action.clone(), subject: subject.clone() });
        e.dump.acts.push(StoredAct { action, subject });
        count_more(e, FINISHED, "delivered", -1);
    };
    assert_eq!(broken_undisturbed(settled), ["I12"], "neither its refusal nor its settlement is counted");
    let counted = broken_undisturbed(|e| {
        settled(e);
        e.asked.scrapes[0].samples.push(sample(FINISHED, &[("state", "settled"), ("reason", "")], 1));
        e.asked.scrapes[1].samples.push(sample(FINISHED, &[("state", "undelivered"), ("reason", "refused")], 1));
    });
    assert!(counted.is_empty(), "{counted:?}");
}

#[test]
fn gauge_of_one_process_that_is_off_is_found() {
    let off = |e: &mut Evidence| count_more(e, DELIVERIES, "undelivered", 1);
    assert_eq!(broken_disturbed(off), ["I12"]);
    assert_eq!(broken_disturbed(|e| e.asked.scrapes[1].samples.retain(|sample| sample.metric != DELIVERIES)), ["I12"]);
    let not_awaited = broken_disturbed(|e| {
        off(e);
        e.asked.gauges_awaited = false;
    });
    assert!(not_awaited.is_empty(), "gauges follow late");
}
