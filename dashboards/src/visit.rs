//! Who looks at a page: the session of a request, and whether it opens this page.

use crate::failure::Failure;
use crate::form::Form;
use crate::page::{go_to, path_and_query};
use crate::texts::{Lang, cookie};
use crate::{Pages, Served};
use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{Method, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use paybell_delivery::Timestamp;
use paybell_store::manage::{OperatorRole, Session, Visitor};
use sha2::{Digest, Sha256};
use std::convert::Infallible;

/// The cookie of an operator's session.
pub(crate) const SESSION_COOKIE: &str = "paybell_session";

/// An operator at a page.
pub(crate) struct Visit {
    pub(crate) session: Session,
    pub(crate) role: OperatorRole,
    pub(crate) l: Lang,
    pub(crate) uri: Uri,
    /// The moment of the visit, by the database's clock.
    pub(crate) now: Timestamp,
}

impl Visit {
    /// Whether the visitor may do something, not only look.
    pub(crate) fn may_act(&self) -> bool {
        self.role == OperatorRole::Operator
    }

    /// The query of the page's address.
    pub(crate) fn query(&self) -> Form {
        Form::parse(self.uri.query().unwrap_or_default().as_bytes())
    }
}

/// An operator who does something: a viewer is refused.
pub(crate) struct Acting(pub(crate) Visit);

/// Why there is no visit: it must be signed in first, or it may not do this.
pub(crate) enum NoVisit {
    SignIn(String),
    Failed(Failure),
}

impl IntoResponse for NoVisit {
    fn into_response(self) -> Response {
        match self {
            NoVisit::SignIn(path) => go_to(&path),
            NoVisit::Failed(failure) => failure.into_response(),
        }
    }
}

/// The hash by which a token is stored and sought.
pub(crate) fn hash_of(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

/// A new token of 256 random bits.
pub(crate) fn new_token() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

impl Served {
    /// The session that a cookie opens, if it is open.
    pub(crate) async fn session(&self, parts: &Parts, name: &str) -> Result<Option<Session>, Failure> {
        let Some(token) = cookie(&parts.headers, name) else { return Ok(None) };
        Ok(self.ledger().session(&hash_of(token), self.dashboard.clock.now()).await?)
    }
}

impl FromRequestParts<Pages> for Visit {
    type Rejection = NoVisit;

    async fn from_request_parts(parts: &mut Parts, pages: &Pages) -> Result<Self, NoVisit> {
        let session = pages.session(parts, SESSION_COOKIE).await.map_err(NoVisit::Failed)?;
        let uri = original_uri(parts).await;
        match session.map(|session| (session.visitor.clone(), session)) {
            Some((Visitor::Operator(role), session)) => {
                let now = pages.dashboard.clock.now();
                Ok(Visit { session, role, l: Lang::of(&parts.headers), uri, now })
            }
            _ => {
                // What was posted is lost, and cannot be come back to.
                let to = if parts.method == Method::GET { path_and_query(&uri) } else { "/".to_owned() };
                let mut query = form_urlencoded::Serializer::new(String::new());
                query.append_pair("to", &to);
                Err(NoVisit::SignIn(format!("/sign-in?{}", query.finish())))
            }
        }
    }
}

impl FromRequestParts<Pages> for Acting {
    type Rejection = NoVisit;

    async fn from_request_parts(parts: &mut Parts, pages: &Pages) -> Result<Self, NoVisit> {
        let visit = Visit::from_request_parts(parts, pages).await?;
        if visit.may_act() { Ok(Acting(visit)) } else { Err(NoVisit::Failed(Failure::Forbidden)) }
    }
}

/// The address as the visitor asked for it.
pub(crate) async fn original_uri(parts: &mut Parts) -> Uri {
    let found: Result<OriginalUri, Infallible> = OriginalUri::from_request_parts(parts, &()).await;
    found.map_or_else(|_| parts.uri.clone(), |OriginalUri(uri)| uri)
}
