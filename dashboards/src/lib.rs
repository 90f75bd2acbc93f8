//! The operators' pages: rendered on the server, everything escaped, no script.
//!
//! Cast:
//! - [`router`] makes the pages of a [`Dashboard`].
//! - `overview`: the figures of the moment and the latest deliveries.
//! - `sign_in`: an operator's key, by HTTP Basic. `protect`: the headers that keep browsers strict.

mod overview;
pub mod password;
mod protect;
mod sign_in;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use paybell_store::manage::KeyRecord;
use paybell_store::{Clock, Ledger};
use std::sync::Arc;
use uuid::Uuid;

/// What the pages work with.
#[derive(Clone)]
pub struct Dashboard {
    /// The database.
    pub ledger: Arc<dyn Ledger>,
    /// The database's time.
    pub clock: Arc<Clock>,
    /// How Paybell runs, for people: `embedded, SQLite 3.50`.
    pub mode: String,
    /// The id within a key; nothing where it has not the form of a key.
    pub key_id: fn(&str) -> Option<Uuid>,
    /// Whether a key is the record's, compared in constant time.
    pub is_key_of: fn(&str, &KeyRecord) -> bool,
}

/// The pages, at `/`.
pub fn router(dashboard: Dashboard) -> Router {
    Router::new()
        .route("/", get(overview::overview))
        .layer(from_fn_with_state(dashboard.clone(), sign_in::sign_in))
        .route("/dashboard.css", get(css))
        .layer(from_fn(protect::protect))
        .with_state(dashboard)
}

async fn css() -> impl axum::response::IntoResponse {
    let headers = [(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "public, max-age=300")];
    (headers, include_str!("../assets/dashboard.css"))
}
