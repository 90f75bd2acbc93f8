//! `/endpoints/{id}`: how an endpoint is and was, what it answered last, and what waits for it.

use super::health;
use crate::Pages;
use crate::deliveries::ListedDelivery;
use crate::failure::{Answer, Failure};
use crate::page::{Frame, show};
use crate::percentile::as_float;
use crate::say::moment;
use crate::texts::Lang;
use crate::visit::Visit;
use askama::Template;
use axum::extract::{Path, State as Extract};
use paybell_delivery::{Endpoint, EndpointId, Outcome, State, Timestamp};
use paybell_store::manage::{Activity, AuditFilter, AuditRow, DeliveryFilter, PageRequest, Sum};
use std::time::Duration;

/// How many of its last deliveries are looked at.
const LOOKED_AT: u32 = 100;
/// How many of them, of what waits and of the history are shown.
const SHOWN: usize = 20;

#[derive(Template)]
#[template(path = "endpoint.html")]
struct EndpointPage {
    page: Frame,
    id: String,
    merchant: String,
    mark: &'static str,
    health: String,
    is_paused: bool,
    is_failing: bool,
    figures: Vec<(String, &'static str)>,
    facts: Vec<(&'static str, String)>,
    answers: Vec<LastAnswer>,
    rows: Vec<ListedDelivery>,
    history: Vec<Happened>,
}

struct LastAnswer {
    id: String,
    order: String,
    at: String,
    mark: &'static str,
    words: &'static str,
    status: String,
    duration: String,
    detail: String,
}

/// An act of a person or of the engine in a history.
pub(crate) struct Happened {
    pub(crate) at: String,
    pub(crate) who: String,
    pub(crate) what: String,
    pub(crate) detail: String,
}

impl From<&AuditRow> for Happened {
    fn from(row: &AuditRow) -> Self {
        let AuditRow { at, actor, action, detail, .. } = row;
        Self { at: moment(*at), who: actor.clone(), what: action.clone(), detail: detail.clone() }
    }
}

/// `GET /endpoints/{id}`.
pub(crate) async fn one(Extract(pages): Extract<Pages>, visit: Visit, Path(id): Path<EndpointId>) -> Answer {
    let (l, now, ledger) = (visit.l, visit.now, pages.ledger());
    let endpoint = ledger.endpoint(id).await?.ok_or(Failure::NotFound)?;
    let filter = DeliveryFilter { endpoint_id: Some(id), state: Some(State::Pending), ..DeliveryFilter::default() };
    let (request, of_it) = (PageRequest { limit: 20, after: None }, AuditFilter { subject: Some(id.to_string()) });
    let (activity, waiting, rows, history) = tokio::try_join!(
        async { Ok(ledger.endpoint_activity(id, LOOKED_AT).await?) },
        pages.sum_up(&filter),
        async { Ok(ledger.waiting(&filter, &request).await?) },
        async { Ok(ledger.audit(&of_it, &request).await?) },
    )?;
    let (mark, health) = health(l, &endpoint, now);
    show(&EndpointPage {
        id: id.to_string(),
        merchant: endpoint.merchant_id.to_string(),
        mark,
        health,
        is_paused: endpoint.pause.is_some(),
        is_failing: endpoint.failing.is_some(),
        figures: figures(l, &endpoint, &activity, &waiting),
        facts: facts(l, &endpoint),
        answers: activity.iter().filter_map(|each| answer(l, each)).take(SHOWN).collect(),
        rows: rows.items.iter().map(|row| ListedDelivery::of(l, row, now)).collect(),
        history: history.items.iter().map(Happened::from).collect(),
        page: Frame::of(&visit, &endpoint.url).refused(visit.query().get("refused").map(str::to_owned)),
    })
}

fn figures(l: Lang, endpoint: &Endpoint, activity: &[Activity], waiting: &Sum) -> Vec<(String, &'static str)> {
    let finished: Vec<_> = activity.iter().filter_map(|each| each.last.as_ref()).collect();
    let good = finished.iter().filter(|attempt| attempt.outcome == Outcome::Acknowledged).count();
    let share = (!finished.is_empty()).then(|| 100.0 * as_float(good as u64) / as_float(finished.len() as u64));
    let share = share.map_or_else(|| "–".to_owned(), |share| format!("{}\u{a0}%", l.decimals(share, 0)));
    let mut times: Vec<Duration> = finished.iter().filter_map(|attempt| attempt.duration).collect();
    times.sort_unstable();
    let median = times.get(times.len() / 2).map_or_else(|| "–".to_owned(), |time| l.duration(*time));
    let probes = endpoint.failing.as_ref().map(|failing| (failing.probes.to_string(), l.probes_failed()));
    [
        (share, l.success_rate()),
        (median, l.median_time()),
        (l.count(waiting), l.waiting_here()),
        (l.moneys(waiting), l.money_at_stake()),
        (endpoint.concurrency_max.to_string(), l.concurrency()),
    ]
    .into_iter()
    .chain(probes)
    .collect()
}

fn facts(l: Lang, endpoint: &Endpoint) -> Vec<(&'static str, String)> {
    let optional = [
        (l.check_url(), endpoint.check_url.clone()),
        (l.time_limit(), endpoint.time_limit.map(|time| l.duration(time))),
        (l.lifetime(), endpoint.lifetime.map(|time| l.duration(time))),
    ];
    let mut facts = vec![(l.dialect(), endpoint.dialect.clone())];
    facts.extend(optional.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))));
    facts.push((l.made_at(), at(endpoint.created_at)));
    facts
}

fn at(at: Timestamp) -> String {
    format!("{} UTC", moment(at))
}

fn answer(l: Lang, activity: &Activity) -> Option<LastAnswer> {
    let last = activity.last.as_ref()?;
    let row = &activity.row;
    Some(LastAnswer {
        id: row.delivery.id.to_string(),
        order: row.pay_for.clone().unwrap_or_else(|| row.gateway_payment_id.clone()),
        at: moment(last.started_at),
        mark: if last.outcome == Outcome::Acknowledged { "good" } else { "bad" },
        words: l.outcome_words(last.outcome),
        status: last.status.map(|status| status.to_string()).unwrap_or_default(),
        duration: last.duration.map(|time| l.duration(time)).unwrap_or_default(),
        detail: last.detail.clone(),
    })
}
