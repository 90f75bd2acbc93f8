//! The portal: where a merchant sees what was told to it, and acts for itself.
//!
//! Cast:
//! - `enter`: a link of the gateway's lets in, once; `visit`: the session of a request. All that a page shows or an act
//!   changes is looked up by [`visit::PortalVisit`]'s merchant, and is not found where it is another's.
//! - `payments`, `delivery`, `act_on_delivery`: the notifications.
//! - `endpoints`, `endpoint`, `change_endpoint`, `send_test`, `secrets`: where they go.
//! - `signatures`, `snippets`: how to verify them. `reconciliation`, `figures_of_day`: whether they add up.
//! - `brand`: the gateway's look.

mod act_on_delivery;
pub(crate) mod adding_up;
mod brand;
mod change_endpoint;
mod delivery;
mod endpoint;
mod endpoints;
mod enter;
mod figures_of_day;
mod payments;
mod reconciliation;
mod secrets;
mod send_test;
mod signatures;
mod snippets;
mod visit;

use crate::Pages;
use axum::Router;
use axum::routing::{get, post};

pub(crate) fn routes() -> Router<Pages> {
    Router::new()
        .route("/portal", get(payments::payments))
        .route("/portal/enter", get(enter::enter))
        .route("/portal/leave", post(enter::leave))
        .route("/portal/language", get(enter::choose_language))
        .route("/portal/deliveries/{id}", get(delivery::delivery))
        .route("/portal/deliveries/{id}/resend", get(act_on_delivery::confirm_resend).post(act_on_delivery::resend))
        .route("/portal/deliveries/{id}/settle", get(act_on_delivery::confirm_settle).post(act_on_delivery::settle))
        .route("/portal/endpoints", get(endpoints::endpoints))
        .route("/portal/endpoints/{id}", get(endpoint::endpoint).post(change_endpoint::change))
        .route("/portal/endpoints/{id}/test", post(send_test::send_test))
        .route("/portal/endpoints/{id}/reveal-secret", post(secrets::reveal))
        .route("/portal/endpoints/{id}/rotate-secret", get(secrets::confirm_rotate).post(secrets::rotate))
        .route("/portal/signatures", get(signatures::signatures))
        .route("/portal/reconciliation", get(reconciliation::page))
        .route("/portal/reconciliation.csv", get(reconciliation::csv))
        .route("/portal/logo", get(brand::logo))
        .route("/portal/brand.css", get(brand::style))
}
