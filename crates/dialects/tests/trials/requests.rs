//! Requests: a payment with arbitrary texts gives the same bytes twice, in which nothing has broken out of its place.

use super::read_json::read_json;
use super::{Prepared, notification, question};
use paybell_dialects::{Amount, Dialect, DialectError, Notification, Question, Rendered};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Between two texts; no text of UTF-8 has it.
const SEPARATOR: u8 = 0xff;

/// Dialects that use what the built-in ones do not: texts in headers, XML, a plain body, members in a query.
const OWN: [&str; 4] = [
    r#"
name = "in-headers"
title = "Texts in headers"
[notify]
encoding = "plain"
body = "{data}{pay_for}{base64:{description}}"
headers = [
  { name = "X-Text", value = "{description}" },
  { name = "X-Two", value = "a {pay_for} b {data.a}" },
  { name = "X-Base64", value = "{base64:{payer_email}}" },
  { name = "X-Signature", value = "t={attempt_at},v={signature.mac}" },
]
[notify.signatures.mac]
algorithm = "hmac-sha512"
over = "{body}.{method}"
[notify.reply]
statuses = ["2xx"]
"#,
    r#"
name = "in-xml"
title = "Texts in XML"
[notify]
encoding = "xml"
fields = [
  { name = "pay.order.id", value = "{pay_for}" },
  { name = "pay.text", value = "{description}" },
  { name = "pay.data", value = "{data}" },
]
[notify.reply]
statuses = ["2xx"]
"#,
    r#"
name = "in-xml-alone"
title = "One text in XML in another charset"
[notify]
encoding = "xml"
charset = "shift_jis"
fields = [{ name = "pay.text", value = "{description}" }]
[notify.reply]
statuses = ["2xx"]
"#,
    r#"
name = "in-query"
title = "Members in the query"
[notify]
method = "get"
encoding = "query"
fields = [{ name = "a", value = "{pay_for}" }, { each = "own_" }, { name = "z", value = "{signature.sum}" }]
[notify.signatures.sum]
algorithm = "md5"
over = "{sorted}{secret}"
sorted = { join = "&", each = "{name}={value}", ignore_case = true }
[notify.reply]
statuses = ["2xx"]
"#,
];

static ALL: LazyLock<Vec<Prepared>> = LazyLock::new(|| {
    let own = OWN.iter().map(|text| Dialect::from_toml(text).unwrap_or_else(|error| panic!("{error}\n{text}")));
    Dialect::built_in().iter().cloned().chain(own).map(|dialect| Prepared::of(&dialect)).collect()
});

/// Renders a payment. The bytes: the dialect's place, whether it is a test, the exponent, eight of the amount, and then
/// texts in UTF-8 with 0xFF between them: order, description, method, e-mail, phone, the gateway's id, the free data.
pub(crate) fn render_request(bytes: &[u8]) {
    let Some(([place, test, exponent], rest)) = bytes.split_first_chunk() else { return };
    let Some((minor, rest)) = rest.split_first_chunk() else { return };
    let texts: Vec<String> =
        rest.split(|byte| *byte == SEPARATOR).map(|text| String::from_utf8_lossy(text).into_owned()).collect();
    let text = |nth: usize| texts.get(nth).map(String::as_str);
    let amount = Amount { minor: i64::from_le_bytes(*minor), currency: "RUB", exponent: u32::from(*exponent) };
    let told = Notification {
        description: text(1),
        method: text(2),
        payer_email: text(3),
        payer_phone: text(4),
        gateway_payment_id: text(5).unwrap_or("7261069"),
        data: text(6),
        amount,
        balance: (test & 2 != 0).then_some(Amount { minor: 7, currency: "USD", exponent: 2 }),
        test: test & 1 != 0,
        ..notification(text(0))
    };
    let asked = Question {
        method: text(2),
        payer_email: text(3),
        payer_phone: text(4),
        data: text(6),
        amount,
        ..question(text(0))
    };
    let prepared = &ALL[usize::from(*place) % ALL.len()];
    for rendered in check_dialect(prepared, &told, &asked) {
        let ours =
            matches!(&rendered, Err(DialectError::Secret { .. } | DialectError::NoSecret | DialectError::Parameter(_)));
        assert!(!ours, "{:?}: {rendered:?}", prepared.dialect);
    }
}

/// Renders what can be rendered, and looks at it.
pub(super) fn check_dialect(
    prepared: &Prepared,
    told: &Notification<'_>,
    asked: &Question<'_>,
) -> Vec<Result<Rendered, DialectError>> {
    let Prepared { dialect, definition, .. } = prepared;
    let notify = || prepared.signing(|signing| dialect.render(told, signing));
    let check = || prepared.signing(|signing| dialect.render_check(asked, signing));
    let mut all = vec![check_twice(notify, &definition["notify"])];
    if dialect.has_check() {
        all.push(check_twice(check, &definition["check"]));
    }
    all
}

fn check_twice(
    render: impl Fn() -> Result<Rendered, DialectError>,
    exchange: &serde_json::Value,
) -> Result<Rendered, DialectError> {
    let rendered = render();
    assert_eq!(rendered, render(), "the same bytes twice");
    if let Ok(request) = &rendered {
        check_rendered(request, exchange);
    }
    rendered
}

/// Nothing in the request has broken out of its place.
fn check_rendered(request: &Rendered, exchange: &serde_json::Value) {
    for (name, value) in &request.headers {
        assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{name}: {value:?}");
        assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':'), "{name:?}");
    }
    let query = request.query.as_deref().unwrap_or_default();
    assert!(query.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'), "{query:?}");
    if exchange["charset"].as_str().is_some_and(|charset| !charset.eq_ignore_ascii_case("utf-8")) {
        return;
    }
    let body = std::str::from_utf8(&request.body).expect("it is UTF-8");
    match exchange["encoding"].as_str() {
        Some("form") => check_form(body),
        Some("query") => check_form(query),
        Some("json") => {
            assert!(read_json(body).is_some(), "no JSON: {body}");
            assert!(serde_json::from_str::<serde::de::IgnoredAny>(body).is_ok() || is_deep(body), "no JSON: {body}");
        }
        Some("xml") => {
            assert!(roxmltree::Document::parse(body).is_ok(), "no XML: {body}");
        }
        _ => {}
    }
}

/// Whether it is deeper than a reader must be willing to go.
fn is_deep(body: &str) -> bool {
    body.matches(['[', '{']).count() > 100
}

/// No name stands there twice, and nothing but what a form has.
fn check_form(form: &str) {
    assert!(form.bytes().all(|byte| byte.is_ascii_graphic()), "{form:?}");
    let mut seen = BTreeSet::new();
    for (name, _) in form_urlencoded::parse(form.as_bytes()) {
        assert!(seen.insert(name.clone().into_owned()), "{name:?} is there twice: {form}");
    }
}
