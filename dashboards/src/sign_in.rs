//! Who looks: an operator, by HTTP Basic with a key as the password (RFC 7617). The user name does not matter.

use crate::Dashboard;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use paybell_store::StoreError;
use paybell_store::manage::KeyRole;

const HOW: &str = "Sign in with any user name and an operator's key as the password.\n\
                   Make one with: paybell keys create --role operator\n";

/// The layer around what only operators may see.
pub(crate) async fn sign_in(State(dashboard): State<Dashboard>, request: Request, next: Next) -> Response {
    let Some(key) = password(request.headers()) else { return refuse() };
    match is_operator(&dashboard, &key).await {
        Ok(true) => next.run(request).await,
        Ok(false) => refuse(),
        Err(error) => unavailable(&error),
    }
}

/// The answer when the database does not.
pub(crate) fn unavailable(error: &StoreError) -> Response {
    tracing::warn!(error = error as &dyn std::error::Error, "a page could not be made");
    (StatusCode::SERVICE_UNAVAILABLE, "The database does not answer. Try again in a moment.\n").into_response()
}

fn refuse() -> Response {
    let challenge = [(WWW_AUTHENTICATE, "Basic realm=\"Paybell\", charset=\"UTF-8\"")];
    (StatusCode::UNAUTHORIZED, challenge, HOW).into_response()
}

async fn is_operator(dashboard: &Dashboard, key: &str) -> Result<bool, StoreError> {
    let Some(id) = (dashboard.key_id)(key) else { return Ok(false) };
    let record = dashboard.ledger.key(id).await?;
    Ok(record.is_some_and(|record| {
        record.role == KeyRole::Operator && record.revoked_at.is_none() && (dashboard.is_key_of)(key, &record)
    }))
}

fn password(headers: &HeaderMap) -> Option<String> {
    let (scheme, credentials) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    text.split_once(':').map(|(_, password)| password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_what_follows_the_first_colon() {
        let read = |value: &str| {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value.parse().expect("a header"))]);
            password(&headers)
        };
        let basic = |text: &str| format!("basic {}", STANDARD.encode(text));
        assert_eq!(read(&basic("me:pb_x:y")), Some("pb_x:y".to_owned()));
        assert_eq!(read(&basic("me")), None);
        assert_eq!(read("Bearer pb_x"), None);
        assert_eq!(read("Basic ***"), None);
        assert_eq!(password(&HeaderMap::new()), None);
    }
}
