//! Pages of deliveries: lists of them, one of them, and what is done to one.

mod act_on_one;
mod list;
mod one;
mod search;

use crate::Pages;
use axum::Router;
use axum::routing::{get, post};

pub(crate) use list::{Filter, ListedDelivery, next_page};

pub(crate) fn routes() -> Router<Pages> {
    Router::new()
        .route("/deliveries", get(list::list))
        .route("/deliveries/{id}", get(one::one))
        .route("/deliveries/{id}/resend", post(act_on_one::resend))
        .route("/deliveries/{id}/settle", post(act_on_one::settle))
        .route("/deliveries/{id}/follow-up", post(act_on_one::follow_up))
        .route("/search", get(search::search))
}
