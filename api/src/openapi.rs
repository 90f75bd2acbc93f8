//! All routes, each with its description, and `GET /openapi.json`. A route that is not described cannot be served, as
//! both come from the same list.

use crate::authenticate::Guard;
use crate::problem::ProblemBody;
use crate::{Api, BATCH_BYTES_MAX};
use crate::{accept_batch, accept_payment, ask_check, audit, bulk_resends, bulk_settlements, change_endpoint};
use crate::{
    dialects, endpoints, health, merchants, portal_links, read_checks, read_deliveries, read_payments, resend,
    rotate_secret, settle, test_endpoint,
};
use crate::{reveal_secret, show_request};
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;
use paybell_store::manage::KeyRole;
use std::sync::Arc;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, Ref, RefOr, ResponseBuilder};
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

#[derive(OpenApi)]
#[openapi(
    info(title = "Paybell", description = "Tells merchants that they were paid, at least once, until they acknowledge."),
    tags(
        (name = "intake", description = "Payments come in. For keys of the role gateway."),
        (name = "checks", description = "Merchants are asked before a payment. Asking is for keys of the role gateway."),
        (name = "state", description = "What became of them."),
        (name = "acts", description = "What people and their programs do about deliveries."),
        (name = "management", description = "Merchants and their endpoints."),
        (name = "dialects", description = "How merchants' receivers want to be told."),
        (name = "operation", description = "For those who watch the process. No key is needed."),
    ),
    components(schemas(
        ProblemBody,
        accept_batch::LineAccepted,
        accept_batch::LineRefused,
    ))
)]
struct Description;

const KEY: &str = "key";

/// The routes with the layers that ask for a key; leaves their description to be served.
pub(crate) fn routes(api: &Api) -> Router<Api> {
    let guard = |roles, refusal| Guard { api: Arc::clone(api), roles, refusal };
    let intake =
        intake().route_layer(guard(&[KeyRole::Gateway], "payments and checks are taken from keys of the role gateway"));
    let shared = reads().merge(acts()).merge(management());
    let shared = shared.route_layer(guard(&[KeyRole::Gateway, KeyRole::Operator], "no role of this key allows this"));
    let operators = OpenApiRouter::new().routes(routes!(audit::read_audit));
    let operators =
        operators.route_layer(guard(&[KeyRole::Operator], "the audit is shown to keys of the role operator"));
    let all = OpenApiRouter::with_openapi(Description::openapi());
    let all = all.merge(intake).merge(shared).merge(operators).merge(operation());
    let (router, document) = all.split_for_parts();
    // The document is made of strings and integers, which always serialise.
    let json = serde_json::to_vec(&finished(document)).unwrap_or_default();
    api.description.get_or_init(|| json.into());
    router
}

fn intake() -> OpenApiRouter<Api> {
    let batch = routes!(accept_batch::accept_batch).layer(DefaultBodyLimit::max(BATCH_BYTES_MAX));
    OpenApiRouter::new()
        .routes(routes!(accept_payment::accept_payment))
        .routes(batch)
        .routes(routes!(ask_check::ask_check))
}

fn reads() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(read_payments::read_payments))
        .routes(routes!(read_payments::read_payment))
        .routes(routes!(read_deliveries::read_deliveries))
        .routes(routes!(read_deliveries::read_delivery))
        .routes(routes!(show_request::show_request))
        .routes(routes!(bulk_resends::read_bulk_resend))
        .routes(routes!(bulk_settlements::read_bulk_settlement))
        .routes(routes!(read_checks::read_checks))
        .routes(routes!(read_checks::read_check))
}

fn acts() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(resend::resend))
        .routes(routes!(settle::settle))
        .routes(routes!(bulk_resends::create_bulk_resend))
        .routes(routes!(bulk_settlements::create_bulk_settlement))
        .routes(routes!(test_endpoint::test_endpoint))
}

fn management() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(merchants::create_merchant, merchants::read_merchants))
        .routes(routes!(merchants::read_merchant, merchants::rename_merchant, merchants::delete_merchant))
        .routes(routes!(merchants::pause_merchant))
        .routes(routes!(merchants::resume_merchant))
        .routes(routes!(portal_links::create_portal_link))
        .routes(routes!(endpoints::create_endpoint, endpoints::read_endpoints))
        .routes(routes!(endpoints::read_endpoint, change_endpoint::change_endpoint, endpoints::delete_endpoint))
        .routes(routes!(endpoints::pause_endpoint))
        .routes(routes!(endpoints::resume_endpoint))
        .routes(routes!(endpoints::probe_endpoint))
        .routes(routes!(rotate_secret::rotate_secret))
        .routes(routes!(reveal_secret::reveal_secret))
        .routes(routes!(dialects::read_dialects))
        .routes(routes!(dialects::read_dialect, dialects::put_dialect, dialects::delete_dialect))
        .routes(routes!(dialects::try_out))
}

fn operation() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics_text))
        .routes(routes!(openapi_json))
}

/// Adds to each operation that needs a key what all of them share: the key, and the form of every error.
fn finished(mut document: Document) -> Document {
    for (path, item) in &mut document.paths.paths {
        let methods = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in methods.into_iter().flatten().filter(|_| path.starts_with("/v1/")) {
            operation.security = Some(vec![SecurityRequirement::new(KEY, [""; 0])]);
            add_problem(operation);
        }
    }
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("pb_<role>_<id>_<secret>").build();
    document.components.get_or_insert_default().add_security_scheme(KEY, SecurityScheme::Http(scheme));
    document
}

fn add_problem(operation: &mut Operation) {
    let schema = Ref::from_schema_name(ProblemBody::name());
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let response = ResponseBuilder::new()
        .description("A problem of RFC 9457: 400, 401, 403, 404, 409, 413, 415, 422, 429, 500 or 503")
        .content("application/problem+json", content)
        .build();
    operation.responses.responses.insert("default".to_owned(), RefOr::T(response));
}

/// This description.
#[utoipa::path(get, path = "/openapi.json", tag = "operation",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json")))]
pub(crate) async fn openapi_json(State(api): State<Api>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], api.description.get().cloned().unwrap_or_default())
}
