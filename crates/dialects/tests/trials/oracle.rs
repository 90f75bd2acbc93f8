//! What each dialect's yes is, written down a second time, from the protocols rather than from the definitions.

use super::read_json::{Json, read_json};
use super::read_xml::texts_at;
use md5::{Digest, Md5};
use paybell_dialects::Tolerance;
use sha1::Sha1;
use std::ops::RangeInclusive;

/// Bytes of a body that are read at most.
const BODY_MAX: usize = 64 * 1024;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// An answer.
pub(super) struct Said<'b> {
    pub(super) status: u16,
    pub(super) body: &'b [u8],
    pub(super) truncated: bool,
    pub(super) tolerance: Tolerance,
}

/// What a dialect wants to hear.
pub(super) struct Wanted {
    pub(super) statuses: RangeInclusive<u16>,
    yes: Yes,
    /// Values of the same place that refuse for good; where there are any.
    no: No,
}

enum Yes {
    ByStatus,
    Text(String),
    /// A member with the value.
    Json(&'static str, &'static str),
    /// A member that is there, and another that is not (or is `null`).
    JsonHas(&'static str, &'static str),
    /// An element with the value.
    Xml(&'static [&'static str], &'static str),
    /// A key with the value, whatever its letter case.
    Form(&'static str, &'static str),
}

enum No {
    Never,
    /// One of these values.
    Values(&'static [&'static str]),
    /// Any text that is not the yes.
    Else,
    /// The member that must not be there.
    Other,
}

fn wanted(statuses: RangeInclusive<u16>, yes: Yes) -> Wanted {
    Wanted { statuses, yes, no: No::Never }
}

/// The answer to a payment.
pub(super) fn of_payment(dialect: &str, pay_for: Option<&str>) -> Wanted {
    let text = |text: &str| wanted(200..=200, Yes::Text(text.to_owned()));
    match dialect {
        "standard" | "webmoney" | "liqpay" => wanted(200..=299, Yes::ByStatus),
        "plain-200" | "interkassa" | "yookassa" => wanted(200..=200, Yes::ByStatus),
        "ok-body" => text("ok"),
        "robokassa" => text(&format!("OK{}", pay_for.unwrap_or("7261069"))),
        "freekassa" => text("YES"),
        "payanyway" => text("SUCCESS"),
        "tpay" => text("TRUE"),
        "t-bank" | "intellectmoney" => text("OK"),
        "adyen-classic" => wanted(200..=299, Yes::Text("[accepted]".to_owned())),
        "onpay-1" => Wanted { no: No::Values(&["3"]), ..wanted(200..=200, Yes::Xml(&["result", "code"], "0")) },
        "onpay-2" => wanted(200..=200, Yes::Json("status", "true")),
        "cloudpayments" => wanted(200..=200, Yes::Json("code", "0")),
        "qiwi" => wanted(200..=200, Yes::Xml(&["result", "result_code"], "0")),
        "unitpay" => wanted(200..=200, Yes::JsonHas("result", "error")),
        "walletone" => wanted(200..=200, Yes::Form("WMI_RESULT", "OK")),
        other => panic!("the dialect {other} has no oracle: say here what its yes is"),
    }
}

/// The answer to a check, where the dialect has one.
pub(super) fn of_check(dialect: &str) -> Option<Wanted> {
    let with = |no: No, yes: Yes| Some(Wanted { no, ..wanted(200..=200, yes) });
    match dialect {
        "onpay-1" => with(No::Values(&["2", "3"]), Yes::Xml(&["result", "code"], "0")),
        "onpay-2" => with(No::Values(&["false"]), Yes::Json("status", "true")),
        "cloudpayments" => with(No::Values(&["10", "11", "12", "13", "20"]), Yes::Json("code", "0")),
        "unitpay" => with(No::Other, Yes::JsonHas("result", "error")),
        "webmoney" => with(No::Else, Yes::Text("YES".to_owned())),
        "payanyway" => with(No::Values(&["200", "500"]), Yes::Xml(&["MNT_RESPONSE", "MNT_RESULT_CODE"], "402")),
        _ => None,
    }
}

impl Wanted {
    /// Whether that can be the yes.
    pub(super) fn yes(&self, said: &Said<'_>) -> bool {
        let Said { status, body, truncated, tolerance } = said;
        if !self.statuses.contains(status) {
            return false;
        }
        if let Yes::ByStatus = self.yes {
            return true;
        }
        if *truncated || body.len() > BODY_MAX {
            return false;
        }
        match &self.yes {
            Yes::ByStatus => true,
            Yes::Text(text) => is_exactly(body, text, *tolerance),
            Yes::Json(_, value) | Yes::Xml(_, value) | Yes::Form(_, value) => {
                self.values(body).iter().any(|said| is_same(said, value, *tolerance))
            }
            Yes::JsonHas(name, other) => {
                let Some(document) = read_json(&decoded(body)) else { return false };
                document.member(name).is_some_and(Json::is_something)
                    && !document.member(other).is_some_and(Json::is_something)
            }
        }
    }

    /// Whether that can be a refusal.
    pub(super) fn no(&self, said: &Said<'_>) -> bool {
        if !self.statuses.contains(&said.status) || said.truncated || said.body.len() > BODY_MAX {
            return false;
        }
        match (&self.no, &self.yes) {
            (No::Values(values), _) => {
                let found = self.values(said.body);
                found.iter().any(|found| values.iter().any(|value| is_same(found, value, said.tolerance)))
            }
            (No::Else, _) => !self.yes(said),
            (No::Other, Yes::JsonHas(_, other)) => {
                let document = read_json(&decoded(said.body));
                document.is_some_and(|document| document.member(other).is_some_and(Json::is_something))
            }
            (No::Other | No::Never, _) => false,
        }
    }

    /// All that stands at the place of the decisive value.
    fn values(&self, body: &[u8]) -> Vec<String> {
        let text = decoded(body);
        match self.yes {
            Yes::Json(name, _) => {
                let found = read_json(&text).and_then(|document| document.member(name).map(Json::text));
                found.into_iter().collect()
            }
            Yes::Xml(path, _) => texts_at(&text, path).unwrap_or_default(),
            Yes::Form(key, _) => {
                let pairs = form_urlencoded::parse(text.trim().as_bytes());
                pairs.filter(|(name, _)| name == key).map(|(_, value)| value.to_ascii_uppercase()).collect()
            }
            Yes::ByStatus | Yes::Text(_) | Yes::JsonHas(..) => Vec::new(),
        }
    }
}

fn is_exactly(body: &[u8], text: &str, tolerance: Tolerance) -> bool {
    let body = match tolerance.ignore_whitespace {
        true => body.strip_prefix(BOM).unwrap_or(body).trim_ascii(),
        false => body,
    };
    if tolerance.ignore_case { body.eq_ignore_ascii_case(text.as_bytes()) } else { body == text.as_bytes() }
}

fn is_same(said: &str, value: &str, tolerance: Tolerance) -> bool {
    let said = if tolerance.ignore_whitespace { said.trim_ascii() } else { said };
    if tolerance.ignore_case { said.eq_ignore_ascii_case(value) } else { said == value }
}

/// The text by its byte order mark, or by the charset that an XML declaration names, or as UTF-8.
fn decoded(body: &[u8]) -> String {
    let declared = || {
        let head = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
        let head = head.strip_prefix("<?xml")?.split('>').next()?.to_owned();
        let label = head.split("encoding").nth(1)?.split(['"', '\'']).nth(1)?.to_owned();
        encoding_rs::Encoding::for_label(label.as_bytes())
    };
    match encoding_rs::Encoding::for_bom(body).map(|(encoding, _)| encoding).or_else(declared) {
        Some(encoding) => encoding.decode(body).0.into_owned(),
        None => String::from_utf8_lossy(body).into_owned(),
    }
}

/// Whether the reply's own signature is right, where the dialect has one.
pub(super) fn has_right_signature(
    dialect: &str,
    is_check: bool,
    pay_for: Option<&str>,
    secret: &str,
    body: &[u8],
) -> bool {
    let pay_for = pay_for.unwrap_or_default();
    let text = decoded(body);
    let in_xml = |name: &'static str| texts_at(&text, &["result", name]).unwrap_or_default();
    let md5 = |message: String| hex::encode(Md5::digest(message.as_bytes()));
    let (said, right) = match (dialect, is_check) {
        ("onpay-1", true) => (in_xml("md5"), vec![md5(format!("check;{pay_for};100.5;RUR;0;{secret}"))]),
        ("onpay-1", false) => {
            let mut orders = in_xml("order_id");
            orders.push(String::new());
            let right = |order: String| md5(format!("pay;{pay_for};7261069;{order};100.5;RUR;0;{secret}"));
            (in_xml("md5"), orders.into_iter().map(right).collect())
        }
        ("onpay-2", _) => {
            let said = read_json(&text).and_then(|document| document.member("signature").map(Json::text));
            let word = if is_check { "check" } else { "pay" };
            let right = Sha1::digest(format!("{word};true;{pay_for};{secret}").as_bytes());
            (said.into_iter().collect(), vec![hex::encode(right)])
        }
        ("payanyway", true) => {
            let said = texts_at(&text, &["MNT_RESPONSE", "MNT_SIGNATURE"]).unwrap_or_default();
            (said, vec![md5(format!("402123{pay_for}{secret}"))])
        }
        _ => return true,
    };
    said.iter().any(|said| right.contains(&said.trim().to_ascii_lowercase()))
}
