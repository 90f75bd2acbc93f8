//! Planted defects: each is one that an engine could have, and each must turn the checker red by the right invariant.

use super::*;
use crate::evidence::{Act, Dump, Reading, Sent, StoredAct, StoredEndpoint, StoredPayment};
use crate::troubles::Place;

#[path = "asked_tests.rs"]
mod asked;

const S: i64 = 1_000_000;
const AT: i64 = 1_700_000_000 * S;

/// Three payments of one merchant with one endpoint: p0 is delivered at once, p1 at the third attempt, p2 at the second
/// after a crash.
fn sound() -> Evidence {
    let mut evidence = Evidence::default();
    let endpoint = |id: &str, path: &str| StoredEndpoint {
        id: id.into(),
        merchant: "shop".into(),
        path: path.into(),
        concurrency_max: 4,
        paused: true,
    };
    evidence.dump.endpoints = vec![endpoint("e", "/hook")];
    add(&mut evidence, 0, &["acknowledged"]);
    add(&mut evidence, 1, &["wrong_status", "timed_out", "acknowledged"]);
    add(&mut evidence, 2, &["unknown", "acknowledged"]);
    let act = |known: bool| Act { at_us: AT, known, action: "endpoint.pause".into(), subject: "e".into() };
    evidence.acts = vec![act(true), act(false)];
    evidence.dump.acts = vec![
        StoredAct { action: "endpoint.pause".into(), subject: "e".into() },
        StoredAct { action: "key.create".into(), subject: "k".into() },
    ];
    evidence.readings = vec![Reading { at_us: AT + 100 * S, oldest_due_us: 0, pending: 0 }];
    evidence
}

fn add(evidence: &mut Evidence, number: u8, outcomes: &[&str]) {
    let (payment, delivery) = (format!("p{number}"), format!("d{number}"));
    let sent = Sent {
        at_us: AT,
        until_us: AT + 1_000,
        merchant: "shop".into(),
        id: format!("order-{number}"),
        content: 0,
        status: Some(202),
        payment_id: Some(payment.clone()),
        deliveries: vec![delivery.clone()],
    };
    let again = Sent { status: Some(200), ..sent.clone() };
    let other = Sent { status: Some(409), content: 1, payment_id: None, deliveries: Vec::new(), ..sent.clone() };
    let lost = Sent { status: None, payment_id: None, deliveries: Vec::new(), ..sent.clone() };
    evidence.sent.extend([lost, sent, again, other]);
    let gateway_id = format!("order-{number}");
    evidence.dump.payments.push(StoredPayment { id: payment.clone(), merchant: "shop".into(), gateway_id });
    let mut at = AT + 5_000;
    for (number, outcome) in (1..).zip(outcomes) {
        let duration = 10_000;
        evidence.dump.attempts.push(StoredAttempt {
            delivery: delivery.clone(),
            number,
            started_us: at,
            duration_us: (*outcome != "unknown").then_some(duration),
            outcome: (*outcome).into(),
        });
        let post = Seen {
            moment: Moment::Requested,
            at_us: at + 1_000,
            path: "/hook".into(),
            delivery: delivery.clone(),
            attempt: number,
            message_id: payment.clone(),
            timestamp_s: Some(at / S),
            body_hash: format!("hash of {payment}"),
            signature_ok: true,
            in_flight: 1,
        };
        if *outcome == "acknowledged" {
            evidence.seen.extend([post.clone(), Seen { moment: Moment::Acknowledged, ..post }]);
        } else {
            evidence.seen.push(post);
        }
        at += 2 * S;
    }
    evidence.dump.deliveries.push(StoredDelivery {
        id: delivery,
        payment,
        endpoint: "e".into(),
        resend_of: None,
        state: "delivered".into(),
        reason: None,
        created_us: AT,
        due_us: at,
        deadline_us: AT + 60 * S,
        finished_us: Some(at - 2 * S + 11_000),
        attempts: u32::try_from(outcomes.len()).expect("few attempts"),
    });
}

fn terms() -> Terms {
    Terms { faults_over_us: Some(AT + S), settled_us: Some(AT + 9 * S), ..Terms::default() }
}

/// The terms of a run in which this place was in trouble between two moments.
fn troubled(place: Place, from_us: i64, until_us: i64) -> Terms {
    let mut terms = terms();
    terms.troubles.begin(place, "it", from_us);
    terms.troubles.end("it", until_us);
    terms
}

/// The invariants that are broken after a defect was planted.
fn broken_by(plant: impl FnOnce(&mut Evidence)) -> Vec<&'static str> {
    broken_under(&terms(), plant)
}

fn broken_under(terms: &Terms, plant: impl FnOnce(&mut Evidence)) -> Vec<&'static str> {
    let mut evidence = sound();
    plant(&mut evidence);
    let mut broken: Vec<_> = check(&evidence, terms).violations.into_iter().map(|v| v.invariant).collect();
    broken.sort_unstable();
    broken.dedup();
    broken
}

fn attempt<'a>(evidence: &'a mut Evidence, delivery: &str, number: u32) -> &'a mut StoredAttempt {
    let mut all = evidence.dump.attempts.iter_mut();
    all.find(|a| a.delivery == delivery && a.number == number).expect("the attempt is there")
}

fn post<'a>(evidence: &'a mut Evidence, delivery: &str, number: u32) -> &'a mut Seen {
    let mut all = evidence.seen.iter_mut();
    all.find(|s| s.delivery == delivery && s.attempt == number).expect("the post is there")
}

#[test]
fn sound_evidence_is_green() {
    let verdict = check(&sound(), &terms());
    assert_eq!(verdict.violations, []);
    assert_eq!((verdict.counts.accepted, verdict.counts.lost, verdict.counts.posts), (3, 0, 6));
    assert_eq!(verdict.counts.unknown_to_gateway, 3);
}

#[test]
fn lost_payment_is_found() {
    let broken = broken_by(|e| {
        e.dump.payments.remove(0);
        e.dump.deliveries.remove(0);
        e.dump.attempts.remove(0);
    });
    assert!(broken.contains(&"I1"), "{broken:?}");
}

#[test]
fn payment_without_its_delivery_is_found() {
    let broken = broken_by(|e| {
        let (id, path) = ("e2".into(), "/other".into());
        let twin = StoredEndpoint { id, path, paused: false, ..e.dump.endpoints[0].clone() };
        e.dump.endpoints.push(twin);
    });
    assert_eq!(broken, ["I1"]);
}

#[test]
fn dropped_enqueue_that_leaves_a_delivery_pending_is_found() {
    let broken = broken_by(|e| {
        e.dump.deliveries[1].state = "pending".into();
        e.dump.deliveries[1].finished_us = None;
    });
    assert_eq!(broken, ["I1"]);
}

#[test]
fn silent_expiry_at_a_willing_merchant_is_found() {
    let plant = |e: &mut Evidence| {
        e.dump.deliveries[1].state = "undelivered".into();
    };
    assert_eq!(broken_by(plant), ["I1"]);
    let excused = Terms { unwilling: vec!["/hook".into()], ..terms() };
    assert!(broken_under(&excused, plant).is_empty());
}

#[test]
fn skipped_deadline_check_is_found() {
    let begun_after = broken_by(|e| e.dump.deliveries[1].deadline_us = AT + 4 * S);
    assert!(begun_after.contains(&"I2"), "{begun_after:?}");
    let ran_past = broken_by(|e| attempt(e, "d1", 3).duration_us = Some(70 * S));
    assert!(ran_past.contains(&"I2"), "{ran_past:?}");
    let came_after = broken_by(|e| post(e, "d2", 1).at_us = AT + 63 * S);
    assert!(came_after.contains(&"I2"), "{came_after:?}");
}

#[test]
fn attempt_after_the_end_is_found() {
    let recorded = broken_by(|e| e.dump.deliveries[1].finished_us = Some(AT + 3 * S));
    assert_eq!(recorded, ["I3"]);
    let seen = broken_by(|e| post(e, "d1", 1).at_us = AT + 20 * S);
    assert!(seen.contains(&"I3"), "{seen:?}");
}

#[test]
fn frozen_worker_excuses_what_is_late_by_its_freeze_and_no_more() {
    let late_by = |s: i64| move |e: &mut Evidence| post(e, "d1", 1).at_us = AT + 5_000 + s * S;
    let frozen = troubled(Place::Worker, AT + S, AT + 20 * S);
    assert_eq!(broken_under(&frozen, late_by(20)), Vec::<&str>::new());
    assert_eq!(broken_under(&frozen, late_by(35)), ["I3", "I6"]);
    let at_another_time = troubled(Place::Worker, AT + 30 * S, AT + 60 * S);
    assert_eq!(broken_under(&at_another_time, late_by(20)), ["I3", "I6"]);
}

#[test]
fn lost_attempt_row_is_found() {
    let broken = broken_by(|e| e.dump.attempts.retain(|a| (a.delivery.as_str(), a.number) != ("d1", 2)));
    assert_eq!(broken, ["I4", "I5"]);
}

#[test]
fn attempt_that_a_crash_took_is_found() {
    let broken = broken_by(|e| e.dump.attempts.retain(|a| a.outcome != "unknown"));
    assert_eq!(broken, ["I4", "I5"]);
}

#[test]
fn repeated_number_is_found() {
    let broken = broken_by(|e| attempt(e, "d1", 2).number = 1);
    assert!(broken.contains(&"I4"), "{broken:?}");
}

#[test]
fn post_that_nobody_shows_is_found() {
    let broken = broken_by(|e| {
        let ghost = Seen { attempt: 9, ..post(e, "d0", 1).clone() };
        e.seen.push(ghost);
    });
    assert_eq!(broken, ["I5"]);
}

#[test]
fn attempt_that_was_posted_twice_is_found() {
    let broken = broken_by(|e| {
        let twin = post(e, "d1", 1).clone();
        e.seen.push(twin);
    });
    assert_eq!(broken, ["I5"]);
}

#[test]
fn other_bytes_other_id_bad_signature_and_stale_timestamp_are_found() {
    assert_eq!(broken_by(|e| post(e, "d1", 2).body_hash = "other".into()), ["I6"]);
    assert_eq!(broken_by(|e| post(e, "d1", 2).message_id = "d1".into()), ["I6"]);
    assert_eq!(broken_by(|e| post(e, "d1", 2).signature_ok = false), ["I6"]);
    assert_eq!(broken_by(|e| post(e, "d1", 2).timestamp_s = Some(AT / S - 30)), ["I6"]);
}

#[test]
fn second_payment_for_one_id_is_found() {
    let answered = broken_by(|e| e.sent[2].payment_id = Some("p1".into()));
    assert!(answered.contains(&"I8"), "{answered:?}");
    let stored = broken_by(|e| {
        let twin = StoredPayment { id: "p9".into(), ..e.dump.payments[0].clone() };
        e.dump.payments.push(twin);
    });
    assert_eq!(stored, ["I8"]);
    let other_content = broken_by(|e| {
        e.sent[3].status = Some(200);
        e.sent[3].payment_id = Some("p0".into());
    });
    assert!(other_content.contains(&"I8"), "{other_content:?}");
}

#[test]
fn stuck_dispatcher_is_found() {
    let stuck = Reading { at_us: AT + 90 * S, oldest_due_us: 80 * S, pending: 1 };
    assert_eq!(broken_by(|e| e.readings.push(stuck)), ["I9"]);
    let never = Terms { settled_us: None, ..terms() };
    assert_eq!(broken_under(&never, |_| {}), ["I9"]);
}

#[test]
fn hammering_and_overrun_caps_are_found() {
    assert_eq!(broken_by(|e| attempt(e, "d1", 2).started_us = AT + 5_000 + 20_000), ["I10"]);
    assert_eq!(broken_by(|e| post(e, "d1", 1).in_flight = 5), ["I10"]);
    let overrun = |e: &mut Evidence| post(e, "d1", 1).in_flight = 5;
    assert!(broken_under(&troubled(Place::Queue, AT, AT + S), overrun).is_empty());
    assert_eq!(broken_under(&troubled(Place::Queue, AT + S, AT + 2 * S), overrun), ["I10"]);
}

#[test]
fn takeover_is_excused_by_what_slowed_the_way_from_the_claim_and_by_no_more() {
    let visibility = terms().visibility_us;
    // The first goes on for longer than its claim holds; the next comes 1.2 s before the claim would end, were it that young.
    let begun = AT - visibility;
    let taken_over = |e: &mut Evidence| {
        (attempt(e, "d1", 1).started_us, attempt(e, "d1", 1).duration_us) = (begun, Some(visibility + S));
        attempt(e, "d1", 2).started_us = begun + visibility - 1_200_000;
    };
    let slow = |from, until| broken_under(&troubled(Place::Database, from, until), taken_over).contains(&"I10");
    assert!(!slow(begun - S, begun), "a second of it, and the second that is allowed");
    assert!(slow(begun - 20 * S, begun - 19 * S), "at another time");
}

#[test]
fn invented_acknowledgement_is_found() {
    let unheard = broken_by(|e| e.seen.retain(|s| s.moment != Moment::Acknowledged || s.delivery != "d0"));
    assert_eq!(unheard, ["I11"]);
    let by_the_wrong_body = broken_by(|e| attempt(e, "d0", 1).outcome = "wrong_body".into());
    assert_eq!(by_the_wrong_body, ["I11"]);
}

#[test]
fn act_without_its_row_and_row_without_its_act_are_found() {
    assert_eq!(broken_by(|e| drop(e.dump.acts.remove(0))), ["I13"]);
    assert_eq!(broken_by(|e| e.acts.clear()), ["I13"]);
    let in_a_transaction_of_its_own = broken_by(|e| {
        e.dump.deliveries[1].state = "settled".into();
        e.acts.push(Act { at_us: AT, known: false, action: "delivery.settle".into(), subject: "d1".into() });
    });
    assert_eq!(in_a_transaction_of_its_own, ["I13"]);
    assert_eq!(broken_by(|e| e.dump.endpoints[0].paused = false), ["I13"]);
}

#[test]
fn history_names_all_that_is_known_of_a_delivery() {
    let lines = history(&sound(), "d1").join("\n");
    for part in ["order-1", "wrong_status", "Acknowledged", "StoredDelivery"] {
        assert!(lines.contains(part), "{part} in {lines}");
    }
    assert!(!lines.contains("order-2"), "and nothing of another");
}

#[test]
fn empty_dump_is_not_green() {
    assert!(!broken_by(|e| e.dump = Dump::default()).is_empty());
}
