//! Attempts to be recorded, as both databases take them.

use crate::engine::{RecordAttempt, Recorded};
use crate::numbers::{int, micros};
use paybell_delivery::{Decision, Outcome, Reason, State};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::collections::HashMap;
use uuid::Uuid;

/// An attempt with what it means for its delivery, as it is stored.
#[derive(Serialize)]
pub(crate) struct Item<'a> {
    /// Its place in the batch.
    #[serde(skip)]
    pub(crate) place: usize,
    #[serde(serialize_with = "as_hex")]
    pub(crate) delivery_id: Uuid,
    pub(crate) number: i32,
    pub(crate) started_at: i64,
    pub(crate) duration_us: Option<i64>,
    pub(crate) outcome: &'static str,
    pub(crate) detail: Cow<'a, str>,
    pub(crate) status: Option<i32>,
    pub(crate) response_head: Option<Cow<'a, str>>,
    #[serde(serialize_with = "as_hex_if_any")]
    pub(crate) response_body: Option<&'a [u8]>,
    pub(crate) in_doubt: bool,
    pub(crate) state: &'static str,
    pub(crate) reason: Option<&'static str>,
    pub(crate) retry_at: Option<i64>,
    pub(crate) now: i64,
}

/// Splits a batch so that no statement touches a delivery twice; almost always there is one round. Each is sorted by
/// delivery: two processes that record the same deliveries take their locks in the same order.
pub(crate) fn rounds(records: &[RecordAttempt]) -> Vec<Vec<Item<'_>>> {
    let mut seen: HashMap<Uuid, usize> = HashMap::with_capacity(records.len());
    let mut rounds: Vec<Vec<Item<'_>>> = Vec::new();
    for (place, record) in records.iter().enumerate() {
        let round = seen.entry(record.attempt.delivery_id.0).or_default();
        if rounds.len() == *round {
            rounds.push(Vec::new());
        }
        rounds[*round].push(Item::new(place, record));
        *round += 1;
    }
    rounds.iter_mut().for_each(|round| round.sort_by_key(|item| item.delivery_id));
    rounds
}

/// Notes that a delivery of a round moved on.
pub(crate) fn mark_applied(items: &[Item<'_>], delivery_id: Uuid, answers: &mut [Recorded]) {
    if let Ok(at) = items.binary_search_by_key(&delivery_id, |item| item.delivery_id) {
        answers[items[at].place] = Recorded::Applied;
    }
}

impl<'a> Item<'a> {
    fn new(place: usize, RecordAttempt { attempt, decision, now }: &'a RecordAttempt) -> Self {
        let (state, reason, retry_at) = stored_decision(decision);
        Self {
            place,
            delivery_id: attempt.delivery_id.0,
            number: int(attempt.number),
            started_at: attempt.started_at.0,
            duration_us: attempt.duration.map(micros),
            outcome: attempt.outcome.as_str(),
            detail: storable(&attempt.detail),
            status: attempt.status.map(i32::from),
            response_head: attempt.response_head.as_deref().map(storable),
            response_body: attempt.response_body.as_deref(),
            in_doubt: Outcome::leaves_doubt(attempt.outcome),
            state: state.as_str(),
            reason: reason.map(Reason::as_str),
            retry_at,
            now: now.0,
        }
    }
}

fn stored_decision(decision: &Decision) -> (State, Option<Reason>, Option<i64>) {
    match decision {
        Decision::Delivered => (State::Delivered, None, None),
        Decision::RetryAt(at) => (State::Pending, None, Some(at.0)),
        Decision::Undelivered(reason) => (State::Undelivered, Some(*reason), None),
    }
}

/// PostgreSQL's text holds every character but U+0000.
pub(crate) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

pub(crate) fn as_hex<S: Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&id.simple())
}

pub(crate) fn as_hex_if_any<S: Serializer>(bytes: &Option<&[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
    bytes.map(hex::encode).serialize(serializer)
}
