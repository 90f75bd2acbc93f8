//! `ok-body`: form-encoded, acknowledged by 200 and the body `ok`.
//!
//! The request is `application/x-www-form-urlencoded` (WHATWG URL, UTF-8) with these fields in this order; the
//! optional ones are left out when the gateway did not say them:
//!
//! | field | what it is |
//! |---|---|
//! | `type` | what happened: `payment.confirmed` |
//! | `payment_id` | Paybell's id of the payment, the same in every attempt |
//! | `id` | the gateway's own id of the payment |
//! | `merchant` | who was paid |
//! | `pay_for` | optional: the order reference |
//! | `amount`, `currency` | what was paid, in decimal with the currency's digits: `150.00`, `EUR`; and `150`, `JPY` |
//! | `balance_amount`, `balance_currency` | optional: what reaches the balance |
//! | `method`, `description`, `payer_email`, `payer_phone` | optional: as the gateway said them |
//! | `confirmed_at` | when it was confirmed: RFC 3339, in UTC |
//! | `test` | `true` for a test that is no money, else `false` |
//! | `data` | optional: the gateway's free data: JSON text, as it was sent |
//! | `signature` | lower-case hex of HMAC-SHA256 over the body's bytes before `&signature=` |
//!
//! The HMAC's key is the secret's own text. While a changed secret overlaps with earlier ones, each earlier one signs
//! the same bytes in a field of its own after `signature`: `signature_previous`, `signature_previous_2` and so on. No other
//! field can hold `&signature=`, as `&` and `=` are escaped in values. The body is the same in every attempt, except that its
//! signatures follow a change of the secret.
//!
//! ```
//! use paybell_dialects::{Amount, Dialect, Notification};
//! let notification = Notification {
//!     payment_id: "0190a3d2-7c1e-7000-8000-000000000001", gateway_payment_id: "7261069", merchant: "shop-7",
//!     kind: "payment.confirmed", pay_for: Some("order 55"), balance: None, method: None, description: None,
//!     amount: Amount { minor: 15_000, currency: "EUR", exponent: 2 }, payer_email: None, payer_phone: None,
//!     data: None, confirmed_at: "2026-11-21T09:30:00.000000Z", test: false,
//! };
//! let request = Dialect::OkBody.render(&notification, &["a-secret-of-32-characters-length"], 0).unwrap();
//! assert_eq!(String::from_utf8(request.body).unwrap(), "type=payment.confirmed\
//!     &payment_id=0190a3d2-7c1e-7000-8000-000000000001&id=7261069&merchant=shop-7&pay_for=order+55&amount=150.00\
//!     &currency=EUR&confirmed_at=2026-11-21T09%3A30%3A00.000000Z&test=false\
//!     &signature=9d32715488503fcb32995825c53ceaf8572b48032d221fff1ce60f5da52dc229");
//! ```

use crate::decimal::decimal;
use crate::quote::quote;
use crate::{DialectError, Notification, Rendered, Tolerance, Verdict};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const RULE: &str = "16 to 128 visible ASCII characters without spaces";
const ACKNOWLEDGEMENT: &[u8] = b"ok";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

pub(crate) fn render(notification: &Notification<'_>, secrets: &[&str]) -> Result<Rendered, DialectError> {
    let mut body = form_of(notification);
    let signed = body.len();
    if secrets.is_empty() {
        return Err(DialectError::NoSecret);
    }
    for (nth, secret) in secrets.iter().enumerate() {
        let mac = Hmac::<Sha256>::new_from_slice(key_of(secret)?).map_err(|_| DialectError::NoSecret)?;
        let signature = hex::encode(mac.chain_update(&body.as_bytes()[..signed]).finalize().into_bytes());
        match nth {
            0 => body.push_str("&signature="),
            1 => body.push_str("&signature_previous="),
            _ => body.push_str(&format!("&signature_previous_{nth}=")),
        }
        body.push_str(&signature);
    }
    let headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
    Ok(Rendered { headers, body: body.into_bytes() })
}

/// Exactly 200 with exactly `ok` acknowledges; the tolerances loosen the second only.
pub(crate) fn judge(status: u16, body: &[u8], truncated: bool, tolerance: Tolerance) -> Verdict {
    if status != 200 {
        let redirect = if (300..400).contains(&status) { "; redirects are not followed" } else { "" };
        return Verdict::WrongStatus(format!("{status}, not 200{redirect}"));
    }
    if !truncated && acknowledges(body, tolerance) {
        return Verdict::Acknowledged(r#"200 with the body "ok""#.to_owned());
    }
    Verdict::WrongBody(format!("200, but the body was {}, not \"ok\"", quote(body, truncated)))
}

fn acknowledges(body: &[u8], tolerance: Tolerance) -> bool {
    let word = if tolerance.ignore_whitespace {
        body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body).trim_ascii()
    } else {
        body
    };
    if tolerance.ignore_case { word.eq_ignore_ascii_case(ACKNOWLEDGEMENT) } else { word == ACKNOWLEDGEMENT }
}

pub(crate) fn new_secret(random: &[u8; 32]) -> String {
    hex::encode(random)
}

pub(crate) fn key_of(secret: &str) -> Result<&[u8], DialectError> {
    let visible = secret.bytes().all(|c| c.is_ascii_graphic());
    if visible && (16..=128).contains(&secret.len()) {
        Ok(secret.as_bytes())
    } else {
        Err(DialectError::Secret { dialect: "ok-body", rule: RULE })
    }
}

fn form_of(n: &Notification<'_>) -> String {
    let (amount, balance) = (decimal(n.amount), n.balance.map(decimal));
    let fields = [
        ("type", Some(n.kind)),
        ("payment_id", Some(n.payment_id)),
        ("id", Some(n.gateway_payment_id)),
        ("merchant", Some(n.merchant)),
        ("pay_for", n.pay_for),
        ("amount", Some(&amount)),
        ("currency", Some(n.amount.currency)),
        ("balance_amount", balance.as_deref()),
        ("balance_currency", n.balance.map(|b| b.currency)),
        ("method", n.method),
        ("description", n.description),
        ("payer_email", n.payer_email),
        ("payer_phone", n.payer_phone),
        ("confirmed_at", Some(n.confirmed_at)),
        ("test", Some(if n.test { "true" } else { "false" })),
        ("data", n.data),
    ];
    let mut form = form_urlencoded::Serializer::new(String::with_capacity(512));
    for (name, value) in fields {
        if let Some(value) = value {
            form.append_pair(name, value);
        }
    }
    form.finish()
}
