//! `standard`: [Standard Webhooks](https://www.standardwebhooks.com) 1.0.
//!
//! The body is JSON, the same bytes in every attempt. Members in `[ ]` are left out when the gateway did not say them;
//! amounts are whole numbers of the currency's minor unit:
//! ```text
//! {"type":"payment.confirmed","timestamp":"2026-11-21T09:30:00.000000Z","data":{
//!   "payment_id":"…","id":"…","merchant":"…",["pay_for":"…",]"amount":15000,"currency":"EUR",
//!   ["balance_amount":14500,"balance_currency":"EUR",]["method":"…",]["description":"…",]
//!   ["payer_email":"…",]["payer_phone":"…",]"confirmed_at":"…","test":false[,"data":{…}]}}
//! ```
//! The headers are `webhook-id` (the payment's id, the same in every attempt), `webhook-timestamp` (unix seconds of this
//! attempt) and `webhook-signature`: for each secret `v1,` and the base64 of HMAC-SHA256 over
//! `{webhook-id}.{webhook-timestamp}.{body}`, separated by spaces. It is acknowledged by any 2xx.

use crate::{DialectError, Notification, Rendered, Verdict};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::Sha256;

const PREFIX: &str = "whsec_";
const RULE: &str = "`whsec_` and the base64 of 24 to 64 bytes";

pub(crate) fn render(
    notification: &Notification<'_>,
    secrets: &[&str],
    unix_seconds: i64,
) -> Result<Rendered, DialectError> {
    let body = body_of(notification)?;
    let timestamp = unix_seconds.to_string();
    let signature = sign(secrets, notification.payment_id, &timestamp, &body)?;
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("webhook-id", notification.payment_id.to_owned()),
        ("webhook-timestamp", timestamp),
        ("webhook-signature", signature),
    ];
    Ok(Rendered { headers, body })
}

/// Any 2xx acknowledges.
pub(crate) fn judge(status: u16) -> Verdict {
    match status {
        200..=299 => Verdict::Acknowledged(format!("{status}, a 2xx status")),
        300..=399 => Verdict::WrongStatus(format!("{status}, not a 2xx status; redirects are not followed")),
        _ => Verdict::WrongStatus(format!("{status}, not a 2xx status")),
    }
}

/// Whether one of the signatures in a `webhook-signature` header was made with one of the secrets. It takes the same time
/// wherever a signature differs. Whether the timestamp is fresh is for the caller to judge.
///
/// ```
/// use paybell_dialects::verify_standard;
/// let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
/// assert!(!verify_standard(&[secret], "id", "1700000000", "v1,", b"{}"));
/// ```
pub fn verify_standard(secrets: &[&str], id: &str, timestamp: &str, signatures: &str, body: &[u8]) -> bool {
    let mut verified = false;
    for key in secrets.iter().filter_map(|secret| key_of(secret).ok()) {
        let Some(mac) = mac_of(&key, id, timestamp, body) else { continue };
        let v1 = signatures.split(' ').filter_map(|signature| signature.strip_prefix("v1,"));
        for signature in v1.filter_map(|encoded| BASE64.decode(encoded).ok()) {
            verified |= mac.clone().verify_slice(&signature).is_ok();
        }
    }
    verified
}

pub(crate) fn new_secret(random: &[u8; 32]) -> String {
    format!("{PREFIX}{}", BASE64.encode(random))
}

pub(crate) fn key_of(secret: &str) -> Result<Vec<u8>, DialectError> {
    let wrong = DialectError::Secret { dialect: "standard", rule: RULE };
    let key = secret.strip_prefix(PREFIX).and_then(|encoded| BASE64.decode(encoded).ok());
    key.filter(|key| (24..=64).contains(&key.len())).ok_or(wrong)
}

fn sign(secrets: &[&str], id: &str, timestamp: &str, body: &[u8]) -> Result<String, DialectError> {
    let mut header = String::with_capacity(secrets.len() * 48);
    for secret in secrets {
        let mac = mac_of(&key_of(secret)?, id, timestamp, body).ok_or(DialectError::NoSecret)?;
        if !header.is_empty() {
            header.push(' ');
        }
        header.push_str("v1,");
        BASE64.encode_string(mac.finalize().into_bytes(), &mut header);
    }
    if header.is_empty() { Err(DialectError::NoSecret) } else { Ok(header) }
}

fn mac_of(key: &[u8], id: &str, timestamp: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    Some(mac)
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'a str,
    timestamp: &'a str,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    payment_id: &'a str,
    id: &'a str,
    merchant: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pay_for: Option<&'a str>,
    amount: i64,
    currency: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    balance_amount: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    balance_currency: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payer_email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payer_phone: Option<&'a str>,
    confirmed_at: &'a str,
    test: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
}

fn body_of(n: &Notification<'_>) -> Result<Vec<u8>, DialectError> {
    let free: Option<&RawValue> = n.data.map(serde_json::from_str).transpose().map_err(|_| DialectError::Data)?;
    let data = Data {
        payment_id: n.payment_id,
        id: n.gateway_payment_id,
        merchant: n.merchant,
        pay_for: n.pay_for,
        amount: n.amount.minor,
        currency: n.amount.currency,
        balance_amount: n.balance.map(|b| b.minor),
        balance_currency: n.balance.map(|b| b.currency),
        method: n.method,
        description: n.description,
        payer_email: n.payer_email,
        payer_phone: n.payer_phone,
        confirmed_at: n.confirmed_at,
        test: n.test,
        data: free,
    };
    serde_json::to_vec(&Body { r#type: n.kind, timestamp: n.confirmed_at, data }).map_err(|_| DialectError::Data)
}
