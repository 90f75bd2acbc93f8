//! What the model can do that no built-in dialect needs: XML requests, a plain body, headers with base64, ed25519, lists of
//! statuses, parts of a reply by index, tolerance that is fixed.

mod given;

use ed25519_dalek::{Signature, SigningKey, Verifier, VerifyingKey};
use given::{answer, body, dialect, header, notification, parameters, signing, strict, word};
use paybell_dialects::{Amount, Dialect, DialectError, Notification, Parameters, Tolerance};
use std::time::Duration;

fn own(rest: &str) -> Dialect {
    let text = format!("name = \"own\"\ntitle = \"Own\"\n{rest}");
    Dialect::from_toml(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn xml_is_escaped_and_in_its_charset() {
    let dialect = own(r#"
        [notify]
        encoding = "xml"
        charset = "windows-1251"
        method = "put"
        time_limit_s = 7
        fields = [
          { name = "pay.order.id", value = "{pay_for}" },
          { name = "pay.order.text", value = "{description}" },
          { name = "pay.none.left", value = "{data.nothing}" },
          { name = "pay.kind", value = "{kind}" },
        ]
        [notify.reply]
        statuses = ["200", "3xx"]
        format = "json"
        at = "items.1.code"
        fixed = true
        rules = [{ is = "yes", means = "accepted" }]
    "#);
    let told = Notification { description: Some("<Да> & \"нет\" ]]>"), ..notification() };
    let parameters = Parameters::new();
    let signing = signing(&["a-key-of-sixteen"], &parameters);
    let request = dialect.render(&told, &signing).expect("renders");
    let expected = "<?xml version=\"1.0\" encoding=\"WINDOWS-1251\"?><pay><order><id>55</id><text>&lt;\u{c4}\u{e0}&gt; &amp; \
                    \"\u{ed}\u{e5}\u{f2}\" ]]&gt;</text></order><kind>payment.confirmed</kind></pay>";
    let latin: String = request.body.iter().map(|byte| char::from(*byte)).collect();
    assert_eq!(latin, expected);
    assert_eq!(header(&request, "content-type"), Some("application/xml; charset=windows-1251"));
    assert_eq!((request.method.as_str(), dialect.time_limit()), ("PUT", Some(Duration::from_secs(7))));
    let control = Notification { description: Some("\u{1}"), ..told };
    assert!(matches!(dialect.render(&control, &signing), Err(DialectError::Value { .. })));

    let loose = Tolerance { ignore_case: true, ignore_whitespace: true, ..Tolerance::default() };
    let judge = |status, text: &str| word(&dialect.judge(&told, &signing, &answer(status, text.as_bytes()), loose));
    assert_eq!(judge(307, r#"{"items":[1,{"code":"yes"}]}"#), "acknowledged");
    assert_eq!(judge(200, r#"{"items":[1,{"code":"YES"}]}"#), "wrong body");
    assert_eq!(judge(200, r#"{"items":[1]}"#), "wrong body");
    assert_eq!(judge(201, r#"{"items":[1,{"code":"yes"}]}"#), "wrong status");
}

#[test]
fn plain_bodies_and_headers_are_templates() {
    let dialect = own(r#"
        [parameters.user]
        description = "The user"
        [notify]
        encoding = "plain"
        body = "{{{pay_for}}} {signature.mac}"
        content_type = "text/x-own"
        headers = [
          { name = "Authorization", value = "Basic {base64:{param.user}:{cut_merchant}}" },
          { name = "X-None", value = "{data.nothing}" },
          { name = "X-Text", value = "{description}" },
        ]
        [notify.values]
        cut_merchant = { from = "merchant", case = "upper", cut = 3 }
        [notify.signatures.mac]
        algorithm = "hmac-sha512"
        output = "base64url"
        over = "{pay_for}"
        [notify.reply]
        statuses = ["2xx"]
    "#);
    let parameters = parameters(&[("user", "Aladdin")]);
    let signing = signing(&["a-key-of-sixteen"], &parameters);
    let told = Notification { description: None, ..notification() };
    let request = dialect.render(&told, &signing).expect("renders");
    assert!(body(&request).starts_with("{55} ") && body(&request).len() == 5 + 86, "{}", body(&request));
    // base64 of "Aladdin:SHO".
    assert_eq!(header(&request, "authorization"), Some("Basic QWxhZGRpbjpTSE8="));
    assert_eq!(header(&request, "content-type"), Some("text/x-own"));
    assert_eq!(header(&request, "x-none"), None);
    for smuggled in ["a\r\nx-evil: 1", "да", "\0"] {
        let evil = Notification { description: Some(smuggled), ..told };
        assert!(matches!(dialect.render(&evil, &signing), Err(DialectError::Value { .. })), "{smuggled:?}");
    }
    assert_eq!(
        dialect.render(&told, &given::signing(&["a-key-of-sixteen"], &Parameters::new())),
        Err(DialectError::Parameter("user".to_owned()))
    );
}

#[test]
fn ed25519_signs_standard_webhooks_beside_hmac() {
    let standard = dialect("standard");
    let private = standard.new_private_key(&[9; 32]).expect("a key");
    let hmac = standard.new_secret(&[7; 32]);
    let secrets = [private.as_str(), hmac.as_str()];
    let parameters = Parameters::new();
    let request = standard.render(&notification(), &signing(&secrets, &parameters)).expect("renders");
    let signatures = header(&request, "webhook-signature").expect("signatures");
    let (first, second) = signatures.split_once(' ').expect("two");
    assert!(first.starts_with("v1a,") && second.starts_with("v1,"), "{signatures}");

    let decode = |text: &str| base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).expect("base64");
    let public = standard.public_key(&private).expect("a public key");
    let public = decode(public.strip_prefix("whpk_").expect("its prefix"));
    let public = VerifyingKey::from_bytes(&public.try_into().expect("32 bytes")).expect("a key");
    let signature = Signature::from_slice(&decode(&first[4..])).expect("64 bytes");
    let message = format!("0190a3d2-7c1e-7000-8000-000000000001.1700000000.{}", body(&request));
    assert!(public.verify(message.as_bytes(), &signature).is_ok());
    assert_eq!(public, SigningKey::from_bytes(&[9; 32]).verifying_key());

    assert_eq!(standard.public_key(&hmac), None);
    assert_eq!(standard.check_secret(&private), Ok(()));
    let seed_alone = format!("whsk_{}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [9; 32]));
    assert_eq!(standard.public_key(&seed_alone), standard.public_key(&private));
    let mismatched = format!("whsk_{}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [9; 64]));
    assert!(standard.check_secret(&mismatched).is_err());
    assert_eq!(dialect("ok-body").new_private_key(&[9; 32]), None);
}

#[test]
fn ed25519_signs_other_dialects_with_a_hexadecimal_seed() {
    let dialect = own(r#"
        secret = { form = "hex", min = 32, max = 32 }
        [notify]
        encoding = "json"
        fields = [{ name = "id", value = "{payment_id}" }]
        headers = [{ name = "x-signature", value = "ed={signature.key}" }]
        [notify.signatures.key]
        algorithm = "ed25519"
        over = "{body}"
        [notify.reply]
        statuses = ["2xx"]
    "#);
    let secret = dialect.new_secret(&[9; 32]);
    let parameters = Parameters::new();
    let request = dialect.render(&notification(), &signing(&[&secret], &parameters)).expect("renders");
    let said = header(&request, "x-signature").and_then(|text| text.strip_prefix("ed=")).expect("a signature");
    let signature = Signature::from_slice(&hex::decode(said).expect("hex")).expect("64 bytes");
    let public = SigningKey::from_bytes(&[9; 32]).verifying_key();
    assert!(public.verify(&request.body, &signature).is_ok());
}

#[test]
fn values_are_mapped_defaulted_and_taken_from_inside_the_free_data() {
    let dialect = own(r#"
        [notify]
        encoding = "json"
        fields = [
          { name = "kind", value = "{kind}" },
          { name = "deep", value = "{data.a.b}", type = "number" },
          { name = "list", value = "{data.list}", type = "raw" },
          { name = "none", value = "{data.none}", absent = "null" },
          { name = "minor", value = "{minor}", type = "number" },
          { name = "at", value = "{at}", type = "number" },
        ]
        [notify.values]
        kind = { from = "kind", map = { "payment.refunded" = "back" }, otherwise = "other" }
        minor = { from = "amount", money = { unit = "minor" } }
        at = { from = "attempt_at", time = { pattern = "unix-ms" } }
        [notify.reply]
        statuses = ["2xx"]
    "#);
    let parameters = Parameters::new();
    let signing = signing(&["a-key-of-sixteen"], &parameters);
    let told = Notification { data: Some(r#"{"a":{"b":1.50},"list":[1, 2],"none":null}"#), ..notification() };
    let request = dialect.render(&told, &signing).expect("renders");
    let expected = r#"{"kind":"other","deep":1.50,"list":[1, 2],"none":null,"minor":10050,"at":1700000000000}"#;
    assert_eq!(body(&request), expected);
    let no_number = Notification { data: Some(r#"{"a":{"b":"1; x"}}"#), ..told };
    assert!(matches!(dialect.render(&no_number, &signing), Err(DialectError::Value { .. })));
    let no_object = Notification { data: Some("[1]"), ..told };
    assert_eq!(dialect.render(&no_object, &signing), Err(DialectError::Data));
    let yen = Notification { amount: Amount { minor: 7, currency: "JPY", exponent: 0 }, data: None, ..told };
    assert!(body(&dialect.render(&yen, &signing).expect("renders")).contains(r#""minor":7"#));
}

#[test]
fn endpoints_are_checked_for_reserved_names_and_parameters() {
    type Row<'r> = (&'r str, &'r str, &'r [(&'r str, &'r str)], &'r [&'r str]);
    let table: &[Row<'_>] = &[
        ("onpay-1", "https://shop.example/оплата?a=1&x[]=2", &[], &[]),
        ("onpay-1", "https://shop.example/?type=1&md%35=2#pay_for=3", &[], &["\"type\"", "\"md5\""]),
        ("onpay-1", "https://shop.example/", &[("offset", "3")], &["the parameter offset must be of the form"]),
        ("onpay-1", "https://shop.example/", &[("shop", "3")], &["no parameter \"shop\""]),
        ("unitpay", "https://shop.example/?params[sum]=1&method=2", &[("project_id", "1")], &["\"method\""]),
        ("freekassa", "https://shop.example/", &[], &["the parameter shop_id is missing: The shop's number"]),
        ("robokassa", "https://shop.example/", &[("hash", "md4")], &["the parameter hash must be one of md5, sha1"]),
    ];
    for (name, url, pairs, expected) in table {
        let problems = dialect(name).check_endpoint(url, &parameters(pairs)).err().unwrap_or_default();
        assert_eq!(problems.len(), expected.len(), "{name}: {problems:?}");
        for (problem, expected) in problems.iter().zip(*expected) {
            assert!(problem.contains(expected), "{problem}");
        }
    }
}

#[test]
fn schedules_are_data() {
    let with = |schedule: &str| {
        own(&format!(
            "[schedule]\n{schedule}\n[notify]\nencoding = \"form\"\nfields = [{{ name = \"a\", value = \"b\" }}]\n\
             [notify.reply]\nstatuses = [\"2xx\"]\n"
        ))
    };
    let waits = with("waits_s = [60, 120]");
    assert_eq!(waits.schedule().expect("one").waits_s, [60, 120]);
    let growing = with("initial_s = 10\nfactor = 2.0\ncap_s = 3600");
    assert_eq!(growing.schedule().expect("one").cap_s, Some(3600));
    assert_eq!(dialect("standard").schedule(), None);
    assert_eq!(strict().reply_signature, Some(paybell_dialects::Verify::Strict));
}

#[test]
fn the_readmes_example_is_a_definition() {
    let readme = include_str!("../README.md");
    let example = readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let dialect = Dialect::from_toml(example).unwrap_or_else(|error| panic!("{error}"));
    let parameters = parameters(&[("shop", "7")]);
    let request = dialect.render(&notification(), &signing(&["a-key-of-sixteen"], &parameters)).expect("renders");
    let expected = "shop=7&order=55&sum=100.5&when=2026-11-21+12%3A30%3A00&sign=";
    assert!(body(&request).starts_with(expected), "{}", body(&request));
    for built_in in Dialect::built_in() {
        assert!(readme.contains(&format!("| `{}` |", built_in.name())), "{} is not in the table", built_in.name());
    }
    let error = Dialect::from_toml(&example.replace("value = \"{sum}\"", "value = \"{summ}\"")).expect_err("spoilt");
    assert!(readme.contains(&error.problems[0].to_string()), "{error}");
}

#[test]
fn names_of_members_that_go_into_the_query_are_reserved() {
    let dialect = own(r#"
        reserved_names = ["b"]
        [notify]
        method = "get"
        encoding = "query"
        fields = [{ name = "a", value = "{pay_for}" }, { each = "own_" }]
        [notify.reply]
        statuses = ["2xx"]
    "#);
    let check = |query: &str| dialect.check_endpoint(&format!("http://x/?{query}"), &Parameters::new()).is_ok();
    assert!(check("c=1&ow=2"));
    for taken in ["a=1", "b=1", "own_=1", "c=1&own_x"] {
        assert!(!check(taken), "{taken}");
    }
    let told = Notification { data: Some(r#"{"own_x":"1 2"}"#), ..notification() };
    let request = dialect.render(&told, &signing(&["a-key-of-sixteen"], &Parameters::new())).expect("renders");
    assert_eq!(request.query.as_deref(), Some("a=55&own_x=1+2"));
}
