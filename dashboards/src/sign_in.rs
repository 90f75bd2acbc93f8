//! Signing in: a name with a password, or an operator's key; and out.

use crate::failure::{Answer, Failure};
use crate::form::Form;
use crate::page::{Frame, go_to, own_path, show};
use crate::texts::Lang;
use crate::visit::{SESSION_COOKIE, Visit, hash_of, new_token};
use crate::{Pages, Served, password};
use askama::Template;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use paybell_delivery::Timestamp;
use paybell_store::StoreError;
use paybell_store::manage::{Actor, KeyRole, OperatorRole, Session, Visitor};
use std::time::Duration;
use uuid::Uuid;

/// How long a session lasts.
const SESSION_LIFETIME: Duration = Duration::from_secs(12 * 3600);

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    page: Frame,
    to: String,
    name: String,
}

/// `GET /sign-in`.
pub(crate) async fn form(headers: HeaderMap, uri: Uri) -> Answer {
    let query = Form::parse(uri.query().unwrap_or_default().as_bytes());
    let l = Lang::of(&headers);
    let to = own_path(query.get("to")).to_owned();
    let page = Frame { here: format!("/sign-in?{}", query.query_without(&[])), ..Frame::bare(l, l.sign_in(), false) };
    show(&SignInPage { page, to, name: String::new() })
}

/// `POST /sign-in`.
pub(crate) async fn sign_in(State(pages): State<Pages>, headers: HeaderMap, form: Form) -> Answer {
    let to = own_path(form.get("to"));
    let who = match form.get("key") {
        Some(key) => pages.by_key(key).await?,
        None => pages.by_password(form.get("name").unwrap_or(""), form.get("password").unwrap_or("")).await?,
    };
    let token = match who {
        Some(who) => pages.begin_session(who).await?,
        None => None,
    };
    let Some(token) = token else { return wrong(Lang::of(&headers), &form, to) };
    let mut response = go_to(to);
    set_cookie(&mut response, &format!("{SESSION_COOKIE}={token}; {}", pages.cookie_terms("/")))?;
    Ok(response)
}

/// The same form again, as what was given opens nothing.
fn wrong(l: Lang, form: &Form, to: &str) -> Answer {
    let page = Frame { here: "/sign-in".to_owned(), ..Frame::bare(l, l.sign_in(), false) };
    let page = page.refused(Some(l.sign_in_wrong().to_owned()));
    let name = form.get("name").unwrap_or_default().to_owned();
    let mut response = show(&SignInPage { page, to: to.to_owned(), name })?;
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    Ok(response)
}

/// `POST /sign-out`.
pub(crate) async fn sign_out(State(pages): State<Pages>, visit: Visit) -> Answer {
    let actor = Actor { name: visit.session.name.clone(), now: visit.now };
    pages.ledger().revoke_session(visit.session.id, &actor).await?;
    let mut response = go_to("/sign-in");
    set_cookie(&mut response, &format!("{SESSION_COOKIE}=; Max-Age=0; {}", pages.cookie_terms("/")))?;
    Ok(response)
}

/// Adds a cookie to an answer.
pub(crate) fn set_cookie(response: &mut Response, cookie: &str) -> Result<(), Failure> {
    let cookie = cookie.try_into().map_err(|error| Failure::internal(&error))?;
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(())
}

/// Whom a password or a key is of.
struct Who {
    name: String,
    role: OperatorRole,
    key_id: Option<Uuid>,
    /// Read before the password or key was looked at, so that the ledger notices what was changed meanwhile.
    asked_at: Timestamp,
}

impl Served {
    async fn by_password(&self, name: &str, given: &str) -> Result<Option<Who>, Failure> {
        let place = self.throttle.enter(name).await.ok_or(Failure::TooMany)?;
        let asked_at = self.dashboard.clock.now();
        let operator = self.ledger().operator(name).await?;
        let (given, hash) = (given.to_owned(), operator.as_ref().map(|operator| operator.password_hash.clone()));
        let right = tokio::task::spawn_blocking(move || {
            let right = password::verify(&given, hash.as_deref());
            drop(place);
            right
        });
        let right = right.await.map_err(|error| Failure::internal(&error))?;
        if right {
            self.throttle.was_right(name);
        }
        Ok(operator.filter(|_| right).map(|is| Who { name: is.name, role: is.role, key_id: None, asked_at }))
    }

    async fn by_key(&self, key: &str) -> Result<Option<Who>, Failure> {
        let Some(id) = (self.dashboard.key_id)(key) else { return Ok(None) };
        let asked_at = self.dashboard.clock.now();
        let record = self.ledger().key(id).await?.filter(|record| {
            record.role == KeyRole::Operator && record.revoked_at.is_none() && (self.dashboard.is_key_of)(key, record)
        });
        Ok(record.map(|record| Who { name: record.name, role: OperatorRole::Operator, key_id: Some(id), asked_at }))
    }

    /// The token of a new session; nothing where the operator or key was changed since it was looked at.
    async fn begin_session(&self, who: Who) -> Result<Option<String>, Failure> {
        let (token, now) = (new_token(), who.asked_at);
        let session = Session {
            id: Uuid::now_v7(),
            hash: hash_of(&token),
            name: who.name.clone(),
            visitor: Visitor::Operator(who.role),
            key_id: who.key_id,
            created_at: now,
            ends_at: now + SESSION_LIFETIME,
        };
        match self.ledger().create_session(&session, &Actor { name: who.name, now }).await {
            Ok(()) => Ok(Some(token)),
            Err(StoreError::Refused(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What every cookie of ours says besides its value.
    pub(crate) fn cookie_terms(&self, path: &str) -> String {
        let secure = if self.dashboard.https { "; Secure" } else { "" };
        format!("Path={path}; HttpOnly; SameSite=Lax{secure}")
    }
}
