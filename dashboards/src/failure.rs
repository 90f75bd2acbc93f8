//! What went wrong, as a page in the visitor's language.

use crate::Pages;
use crate::page::Frame;
use crate::texts::Lang;
use askama::Template;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use paybell_store::StoreError;
use std::error::Error;

/// Why there is no page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Failure {
    /// What was asked for is not there.
    NotFound,
    /// The visitor may not do this.
    Forbidden,
    /// The request cannot be understood.
    Malformed,
    /// A form was sent from another site.
    Foreign,
    /// Nobody was let into the portal, or the visit has ended.
    PortalClosed,
    /// Too many wrong passwords.
    TooMany,
    /// The database does not answer.
    Unavailable,
    /// A fault of Paybell's; what it was stands in the log.
    Internal,
}

/// What a page's handler answers.
pub(crate) type Answer = Result<Response, Failure>;

impl Failure {
    /// A fault of Paybell's, written to the log.
    pub(crate) fn internal(error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error, "a page could not be made");
        Failure::Internal
    }

    fn status(self) -> StatusCode {
        match self {
            Failure::NotFound => StatusCode::NOT_FOUND,
            Failure::Forbidden | Failure::Foreign => StatusCode::FORBIDDEN,
            Failure::Malformed => StatusCode::BAD_REQUEST,
            Failure::PortalClosed => StatusCode::UNAUTHORIZED,
            Failure::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Failure::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Failure::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn in_words(self, l: Lang) -> &'static str {
        match self {
            Failure::NotFound => l.not_found(),
            Failure::Forbidden => l.forbidden(),
            Failure::Malformed => l.malformed(),
            Failure::Foreign => l.foreign_form(),
            Failure::PortalClosed => l.portal_closed(),
            Failure::TooMany => l.too_many_tries(),
            Failure::Unavailable => l.database_away(),
            Failure::Internal => l.internal_fault(),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::NotFound { .. } => Failure::NotFound,
            StoreError::Unavailable { .. } | StoreError::Stopping => {
                tracing::warn!(error = &error as &dyn Error, "a page could not be made");
                Failure::Unavailable
            }
            StoreError::Refused(_) => Failure::Malformed,
            _ => Failure::internal(&error),
        }
    }
}

impl IntoResponse for Failure {
    /// The bare status; [`render`] makes a page of it.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage {
    page: Frame,
    words: &'static str,
}

/// What was not a page of ours: an id that is none stands in the address, or a form's address was read.
fn of_routing(response: &mut Response) -> Option<Failure> {
    let is_page = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if is_page || !matches!(response.status(), StatusCode::BAD_REQUEST | StatusCode::METHOD_NOT_ALLOWED) {
        return None;
    }
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.headers_mut().remove(CONTENT_LENGTH);
    Some(Failure::NotFound)
}

/// The layer that turns failures into pages.
pub(crate) async fn render(State(pages): State<Pages>, request: Request, next: Next) -> Response {
    let l = Lang::of(request.headers());
    let in_portal = request.uri().path().starts_with("/portal");
    let mut response = next.run(request).await;
    let failure = response.extensions_mut().remove::<Failure>().or_else(|| of_routing(&mut response));
    let Some(failure) = failure else { return response };
    let words = failure.in_words(l);
    let title = if failure == Failure::PortalClosed { l.portal_closed_title() } else { l.something_is_wrong() };
    let page = match in_portal {
        true => Frame::branded(l, title, &pages.dashboard.portal),
        false => Frame::bare(l, title, false),
    };
    let page = FailurePage { page, words };
    let html = page.render().unwrap_or_else(|_| words.to_owned());
    let (mut head, _) = response.into_parts();
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    Response::from_parts(head, html.into())
}
