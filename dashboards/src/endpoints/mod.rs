//! Pages of endpoints: a list, one with its health and history, and what is done to one.

mod act_on_one;
mod list;
mod one;

pub(crate) use list::Listed;
pub(crate) use one::Happened;

use crate::Pages;
use crate::say::moment;
use crate::texts::Lang;
use axum::Router;
use axum::routing::{get, post};
use paybell_delivery::{Endpoint, Timestamp};

pub(crate) fn routes() -> Router<Pages> {
    Router::new()
        .route("/endpoints", get(list::list))
        .route("/endpoints/{id}", get(one::one))
        .route("/endpoints/{id}/pause", post(act_on_one::pause))
        .route("/endpoints/{id}/resume", post(act_on_one::resume))
        .route("/endpoints/{id}/test", post(act_on_one::test))
        .route("/endpoints/{id}/probe", post(act_on_one::probe))
}

/// An endpoint's health in words, with the mark that it is drawn with.
pub(crate) fn health(l: Lang, endpoint: &Endpoint, now: Timestamp) -> (&'static str, String) {
    match (&endpoint.pause, &endpoint.failing) {
        (Some(pause), _) => {
            ("wait", format!("{} {}, {} {}", l.paused_since(), moment(pause.at), l.by_whom(), pause.by))
        }
        (None, Some(failing)) => {
            let probe = failing.probe_at.map(|at| format!(", {} {}", l.next_probe(), l.until(at, now)));
            let probe = probe.unwrap_or_default();
            ("bad", format!("{} {}{probe}", l.failing_since(), moment(failing.since)))
        }
        (None, None) => ("good", l.is_well().to_owned()),
    }
}
