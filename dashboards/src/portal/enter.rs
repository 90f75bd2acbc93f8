//! Into the portal by a link, once; and out.

use super::visit::{PORTAL_COOKIE, PortalVisit};
use crate::failure::{Answer, Failure};
use crate::form::Form;
use crate::page::{go_to, own_path};
use crate::sign_in::set_cookie;
use crate::texts::{LANGUAGE_COOKIE, Lang};
use crate::visit::{hash_of, new_token};
use crate::{Pages, Served};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::IntoResponse;
use paybell_store::manage::{Actor, NewPortalSession};
use std::time::Duration;
use uuid::Uuid;

/// How long a visit lasts.
const SESSION_LIFETIME: Duration = Duration::from_secs(2 * 3600);

/// `GET /portal/enter?token=…`. Programs that only look a link over (by HEAD, or ahead of a click) do not use it up.
pub(crate) async fn enter(State(pages): State<Pages>, method: Method, headers: HeaderMap, uri: Uri) -> Answer {
    if method != Method::GET || is_prefetch(&headers) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let query = Form::parse(uri.query().unwrap_or_default().as_bytes());
    let link = query.get("token").ok_or(Failure::PortalClosed)?;
    let (token, now) = (new_token(), pages.dashboard.clock.now());
    let session = NewPortalSession { id: Uuid::now_v7(), hash: hash_of(&token), now, ends_at: now + SESSION_LIFETIME };
    let used = pages.ledger().use_portal_link(&hash_of(link), &session).await?;
    used.ok_or(Failure::PortalClosed)?;
    let mut response = go_to("/portal");
    let (lasts, terms) = (SESSION_LIFETIME.as_secs(), pages.portal_cookie_terms());
    set_cookie(&mut response, &format!("{PORTAL_COOKIE}={token}; Max-Age={lasts}; {terms}"))?;
    Ok(response)
}

fn is_prefetch(headers: &HeaderMap) -> bool {
    let says = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    ["sec-purpose", "purpose", "x-moz"].iter().any(|name| says(name).contains("prefetch"))
}

/// `POST /portal/leave`.
pub(crate) async fn leave(State(pages): State<Pages>, visit: PortalVisit) -> Answer {
    let actor = Actor { name: visit.name(), now: visit.now };
    pages.ledger().revoke_session(visit.session.id, &actor).await?;
    let mut response = go_to("/portal");
    set_cookie(&mut response, &format!("{PORTAL_COOKIE}=; Max-Age=0; {}", pages.portal_cookie_terms()))?;
    Ok(response)
}

/// `/portal/language?to=ru&back=/portal`: in a cookie that is sent in a frame as well.
pub(crate) async fn choose_language(State(pages): State<Pages>, uri: Uri) -> Answer {
    let query = Form::parse(uri.query().unwrap_or_default().as_bytes());
    let language = query.get("to").and_then(Lang::by_code).ok_or(Failure::Malformed)?;
    let back = own_path(query.get("back"));
    let mut response = go_to(if back == "/" { "/portal" } else { back });
    let (code, terms) = (language.code(), pages.portal_cookie_terms());
    set_cookie(&mut response, &format!("{LANGUAGE_COOKIE}={code}; Max-Age=31536000; {terms}"))?;
    Ok(response)
}

impl Served {
    /// What the portal's cookies say besides their value. In a frame of another site only such a cookie is kept, apart for
    /// each site (CHIPS).
    fn portal_cookie_terms(&self) -> String {
        if self.dashboard.portal.frame_ancestors.is_empty() {
            self.cookie_terms("/portal")
        } else {
            "Path=/portal; HttpOnly; SameSite=None; Secure; Partitioned".to_owned()
        }
    }
}
