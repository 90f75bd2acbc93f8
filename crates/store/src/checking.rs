//! Checks to be recorded, as both databases take them.

use crate::numbers::micros;
use crate::recording::{as_hex, as_hex_if_any, storable};
use paybell_delivery::{Check, CheckQuestion};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use uuid::Uuid;

/// A check as it is stored.
#[derive(Serialize)]
pub(crate) struct Item<'a> {
    #[serde(serialize_with = "as_hex")]
    pub(crate) id: Uuid,
    pub(crate) merchant_id: &'a str,
    #[serde(serialize_with = "id_as_hex_if_any")]
    pub(crate) endpoint_id: Option<Uuid>,
    pub(crate) key: Option<&'a str>,
    pub(crate) pay_for: &'a str,
    pub(crate) amount_minor: i64,
    pub(crate) currency: &'static str,
    pub(crate) method: Option<&'a str>,
    pub(crate) payer_email: Option<&'a str>,
    pub(crate) payer_phone: Option<&'a str>,
    pub(crate) data: Option<&'a str>,
    pub(crate) test: bool,
    pub(crate) answer: &'static str,
    pub(crate) reason: Cow<'a, str>,
    pub(crate) code: Option<Cow<'a, str>>,
    pub(crate) comment: Option<Cow<'a, str>>,
    pub(crate) status: Option<i32>,
    pub(crate) response_head: Option<Cow<'a, str>>,
    #[serde(serialize_with = "as_hex_if_any")]
    pub(crate) response_body: Option<&'a [u8]>,
    pub(crate) asked_at: i64,
    pub(crate) duration_us: i64,
}

impl<'a> Item<'a> {
    pub(crate) fn new(check: &'a Check) -> Self {
        let CheckQuestion { merchant_id, key, pay_for, amount, method, payer_email, payer_phone, data, test } =
            &check.question;
        Self {
            id: check.id.0,
            merchant_id: merchant_id.as_str(),
            endpoint_id: check.endpoint_id.map(|id| id.0),
            key: key.as_deref(),
            pay_for,
            amount_minor: amount.amount_minor,
            currency: amount.currency.code(),
            method: method.as_deref(),
            payer_email: payer_email.as_deref(),
            payer_phone: payer_phone.as_deref(),
            data: data.as_deref(),
            test: *test,
            answer: check.answer.as_str(),
            reason: storable(&check.reason),
            code: check.code.as_deref().map(storable),
            comment: check.comment.as_deref().map(storable),
            status: check.status.map(i32::from),
            response_head: check.response_head.as_deref().map(storable),
            response_body: check.response_body.as_deref().map(cut),
            asked_at: check.asked_at.0,
            duration_us: micros(check.duration),
        }
    }
}

/// The most that is kept of an answer's body, in bytes.
const BODY_MAX: usize = 64 * 1024;

fn cut(body: &[u8]) -> &[u8] {
    &body[..body.len().min(BODY_MAX)]
}

fn id_as_hex_if_any<S: Serializer>(id: &Option<Uuid>, serializer: S) -> Result<S::Ok, S::Error> {
    id.map(|id| id.simple().to_string()).serialize(serializer)
}
