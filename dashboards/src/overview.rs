//! The first page: the figures of the moment and the latest deliveries, of one state or of all.

use crate::Dashboard;
use crate::sign_in::unavailable;
use askama::Template;
use axum::extract::State as Extract;
use axum::http::{StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use paybell_delivery::{State, Timestamp};
use paybell_store::StoreError;
use paybell_store::engine::Gauges;
use paybell_store::manage::{DeliveryFilter, DeliveryRow, PageRequest};
use std::time::Duration;

/// How many deliveries are shown.
const SHOWN_MAX: u32 = 100;

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    mode: String,
    now: String,
    pending: String,
    undelivered: String,
    oldest_due: String,
    earliest_deadline: String,
    states: Vec<Choice>,
    rows: Vec<Row>,
}

struct Choice {
    name: &'static str,
    href: String,
    chosen: bool,
}

struct Row {
    made: String,
    merchant: String,
    payment: String,
    pay_for: String,
    state: &'static str,
    reason: &'static str,
    attempts: u32,
    next: String,
}

/// The page.
pub(crate) async fn overview(Extract(dashboard): Extract<Dashboard>, uri: Uri) -> Response {
    let Ok(state) = chosen_state(&uri) else {
        return (StatusCode::BAD_REQUEST, "There is no such state.\n").into_response();
    };
    match read(&dashboard, state).await.map(|page| page.render()) {
        Ok(Ok(html)) => Html(html).into_response(),
        Ok(Err(error)) => {
            tracing::error!(%error, "a page could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Err(error) => unavailable(&error),
    }
}

async fn read(dashboard: &Dashboard, state: Option<State>) -> Result<Overview, StoreError> {
    let now = dashboard.clock.now();
    let gauges = dashboard.ledger.gauges(now).await?;
    let filter = DeliveryFilter { state, ..DeliveryFilter::default() };
    let page = dashboard.ledger.deliveries(&filter, &PageRequest { limit: SHOWN_MAX, after: None }).await?;
    let left = gauges.earliest_deadline_at.map(|at| in_words(at.since(now)));
    Ok(Overview {
        mode: dashboard.mode.clone(),
        now: seconds(now),
        pending: counted(gauges.pending),
        undelivered: counted(gauges.undelivered),
        oldest_due: if gauges.oldest_due.is_zero() { "none".to_owned() } else { in_words(gauges.oldest_due) },
        earliest_deadline: left.map_or_else(|| "none".to_owned(), |left| format!("in {left}")),
        states: choices(state),
        rows: page.items.iter().map(|row| shown(row, now)).collect(),
    })
}

fn chosen_state(uri: &Uri) -> Result<Option<State>, ()> {
    match uri.query() {
        None | Some("") => Ok(None),
        Some(query) => query.strip_prefix("state=").and_then(|word| word.parse().ok()).map(Some).ok_or(()),
    }
}

fn choices(chosen: Option<State>) -> Vec<Choice> {
    let all = Choice { name: "all", href: "/".to_owned(), chosen: chosen.is_none() };
    let each = State::ALL.iter().map(|state| Choice {
        name: state.as_str(),
        href: format!("/?state={}", state.as_str()),
        chosen: chosen == Some(*state),
    });
    std::iter::once(all).chain(each).collect()
}

fn shown(row: &DeliveryRow, now: Timestamp) -> Row {
    let delivery = &row.delivery;
    let next = match (delivery.state, delivery.due_at.since(now)) {
        (State::Pending, Duration::ZERO) => "now".to_owned(),
        (State::Pending, time) => format!("in {}", in_words(time)),
        (State::Delivered | State::Undelivered | State::Settled, _) => String::new(),
    };
    Row {
        made: seconds(delivery.created_at),
        merchant: row.merchant_id.to_string(),
        payment: row.gateway_payment_id.clone(),
        pay_for: row.pay_for.clone().unwrap_or_default(),
        state: delivery.state.as_str(),
        reason: delivery.reason.map_or("", |reason| reason.as_str()),
        attempts: delivery.attempts,
        next,
    }
}

fn counted(count: u64) -> String {
    if count >= Gauges::COUNT_MAX { format!("{} or more", Gauges::COUNT_MAX) } else { count.to_string() }
}

/// A moment to the second: `2026-11-21 09:30:00 UTC`.
fn seconds(at: Timestamp) -> String {
    let text = at.to_rfc3339();
    match text.get(..19) {
        Some(text) => format!("{} UTC", text.replace('T', " ")),
        None => text,
    }
}

/// A time in its two largest units.
fn in_words(time: Duration) -> String {
    let s = time.as_secs();
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min {} s", s / 60, s % 60),
        _ => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_their_two_largest_units() {
        for (s, expected) in [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (259_200, "72 h 0 min")] {
            assert_eq!(in_words(Duration::from_secs(s)), expected);
        }
        assert_eq!(seconds(Timestamp(0)), "1970-01-01 00:00:00 UTC");
    }

    #[test]
    fn a_state_is_chosen_by_its_word_only() {
        let chosen = |uri: &str| chosen_state(&uri.parse().expect("a URI"));
        assert_eq!(chosen("/"), Ok(None));
        assert_eq!(chosen("/?state=undelivered"), Ok(Some(State::Undelivered)));
        assert_eq!(chosen("/?state=lost"), Err(()));
        assert_eq!(chosen("/?merchant=x"), Err(()));
    }
}
