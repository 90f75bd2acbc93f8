//! A merchant sees its secret, which the audit notes, and has it replaced with an overlap.

use super::visit::{PortalVisit, must};
use crate::Pages;
use crate::failure::{Answer, Failure};
use crate::form::Form;
use crate::page::{Frame, go_to, show};
use crate::say::moment;
use crate::texts::Lang;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use paybell_delivery::{Endpoint, Timestamp};
use serde_json::{Value, json};
use std::time::Duration;

/// For how long the earlier secret may sign too, in seconds.
const OVERLAPS_S: [u64; 4] = [0, 3_600, 24 * 3_600, 7 * 24 * 3_600];
const OVERLAP_S_USUAL: u64 = 24 * 3_600;

#[derive(Template)]
#[template(path = "portal_secret.html")]
struct SecretPage {
    page: Frame,
    words: String,
    /// Each with until when it signs; nothing for the current one.
    secrets: Vec<(String, Option<String>)>,
    back: String,
}

#[derive(Template)]
#[template(path = "portal_rotate.html")]
struct RotatePage {
    page: Frame,
    action: String,
    overlaps: Vec<(u64, String, bool)>,
    back: String,
}

/// `POST /portal/endpoints/{id}/reveal-secret`.
pub(crate) async fn reveal(State(pages): State<Pages>, visit: PortalVisit, Path(id): Path<String>) -> Answer {
    must(visit.rights.secrets)?;
    let endpoint = pages.own_endpoint(&visit, &id).await?;
    // Whoever has the private key could sign as the gateway; to verify, its public key is enough.
    if pages.public_key_of(&visit, &endpoint).await?.is_some() {
        return Err(Failure::Forbidden);
    }
    let path = format!("/v1/endpoints/{}/reveal-secret", endpoint.id);
    match pages.post(&visit.name(), &path, &json!({})).await? {
        Ok(revealed) => show(&SecretPage {
            page: visit.frame(&pages, visit.l.portal_secret()),
            words: visit.l.portal_secret_words().to_owned(),
            secrets: revealed["secrets"].as_array().into_iter().flatten().map(shown).collect(),
            back: back(&endpoint),
        }),
        Err(refusal) => Ok(refused(&endpoint, &refusal.in_words())),
    }
}

fn shown(secret: &Value) -> (String, Option<String>) {
    let ends_at = secret["ends_at"].as_str().and_then(Timestamp::from_rfc3339);
    (secret["secret"].as_str().unwrap_or_default().to_owned(), ends_at.map(|at| format!("{} UTC", moment(at))))
}

/// `GET /portal/endpoints/{id}/rotate-secret`.
pub(crate) async fn confirm_rotate(State(pages): State<Pages>, visit: PortalVisit, Path(id): Path<String>) -> Answer {
    must(visit.rights.secrets)?;
    let (l, endpoint) = (visit.l, pages.own_endpoint(&visit, &id).await?);
    let overlaps = OVERLAPS_S.map(|seconds| (seconds, overlap_words(l, seconds), seconds == OVERLAP_S_USUAL));
    show(&RotatePage {
        page: visit.frame(&pages, l.portal_rotate()),
        action: format!("{}/rotate-secret", back(&endpoint)),
        overlaps: overlaps.into(),
        back: back(&endpoint),
    })
}

fn overlap_words(l: Lang, seconds: u64) -> String {
    if seconds == 0 { l.portal_overlap_none().to_owned() } else { l.duration(Duration::from_secs(seconds)) }
}

/// `POST /portal/endpoints/{id}/rotate-secret`: shows the new secret, once.
pub(crate) async fn rotate(
    State(pages): State<Pages>,
    visit: PortalVisit,
    Path(id): Path<String>,
    form: Form,
) -> Answer {
    must(visit.rights.secrets)?;
    let (l, endpoint) = (visit.l, pages.own_endpoint(&visit, &id).await?);
    let overlap_s = form.get("overlap_s").and_then(|text| text.parse().ok());
    let overlap_s: u64 = overlap_s.filter(|seconds| OVERLAPS_S.contains(seconds)).ok_or(Failure::Malformed)?;
    let path = format!("/v1/endpoints/{}/rotate-secret", endpoint.id);
    let rotated = match pages.post(&visit.name(), &path, &json!({ "overlap_s": overlap_s })).await? {
        Ok(rotated) => rotated,
        Err(refusal) => return Ok(refused(&endpoint, &refusal.in_words())),
    };
    let until = visit.now + Duration::from_secs(overlap_s);
    let words = match overlap_s {
        0 => l.portal_rotated_at_once().to_owned(),
        _ => format!("{} {} UTC.", l.portal_rotated(), moment(until)),
    };
    // Of a pair, what the merchant needs is the public key.
    let key = rotated["public_key"].as_str().or(rotated["secret"].as_str()).unwrap_or_default().to_owned();
    show(&SecretPage {
        page: visit.frame(&pages, l.portal_new_secret()),
        words,
        secrets: vec![(key, None)],
        back: back(&endpoint),
    })
}

fn back(endpoint: &Endpoint) -> String {
    format!("/portal/endpoints/{}", endpoint.id)
}

fn refused(endpoint: &Endpoint, why: &str) -> Response {
    let why: String = form_urlencoded::byte_serialize(why.as_bytes()).collect();
    go_to(&format!("{}?refused={why}", back(endpoint)))
}
