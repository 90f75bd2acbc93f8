//! What a definition may not bring about: texts without end, what cannot be stored, documents that are none; and whether a
//! changed one asks more of its endpoints.

mod given;

use given::{body, notification, signing};
use paybell_dialects::{Dialect, DialectError, Notification, Parameters};

fn own(rest: &str) -> Dialect {
    let text = format!("name = \"own\"\ntitle = \"Own\"\n{rest}");
    Dialect::from_toml(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn values_that_double_each_other_end_at_a_bound() {
    let mut text =
        "[notify]\nencoding = \"form\"\nfields = [{ name = \"a\", value = \"{v59}\" }]\n[notify.values]\n".to_owned();
    text.push_str("v0 = { template = \"{pay_for}{pay_for}\" }\n");
    for n in 1..60 {
        text.push_str(&format!("v{n} = {{ template = \"{{v{0}}}{{v{0}}}\" }}\n", n - 1));
    }
    let dialect = own(&format!("{text}[notify.reply]\nstatuses = [\"2xx\"]\n"));
    let parameters = Parameters::new();
    let rendered = dialect.render(&notification(), &signing(&["a-key-of-sixteen"], &parameters));
    assert!(matches!(&rendered, Err(DialectError::Value { rule, .. }) if rule.contains("1 MiB")), "{rendered:?}");
}

#[test]
fn what_would_be_too_long_to_be_read_again_is_refused() {
    let quotes = "\"".repeat(140_000);
    let text = format!(
        "name = \"own\"\ntitle = \"Own\"\ndescription = '{quotes}'\n[notify]\nencoding = \"form\"\n\
         fields = [{{ name = \"a\", value = \"b\" }}]\n[notify.reply]\nstatuses = [\"2xx\"]\n"
    );
    let error = Dialect::from_toml(&text).expect_err("its JSON is twice as long").to_string();
    assert_eq!(error, "the document: must be no longer than 256 KiB as JSON too");
    assert!(Dialect::from_toml(&text.replace(&quotes, "short")).is_ok());
}

#[test]
fn xml_of_which_nothing_is_left_keeps_its_root() {
    let dialect = own(r#"
        [notify]
        encoding = "xml"
        fields = [{ name = "pay.order.id", value = "{pay_for}" }, { name = "pay.text", value = "{data.text}" }]
        [notify.reply]
        statuses = ["2xx"]
    "#);
    let parameters = Parameters::new();
    let told = Notification { pay_for: None, ..notification() };
    let request = dialect.render(&told, &signing(&["a-key-of-sixteen"], &parameters)).expect("renders");
    assert_eq!(body(&request), "<?xml version=\"1.0\" encoding=\"UTF-8\"?><pay></pay>");
}

#[test]
fn a_dialect_that_asks_no_more_suits_all_endpoints_of_the_old_one() {
    let with = |parameters: &str, rest: &str| {
        own(&format!(
            "{parameters}\n[notify]\nencoding = \"plain\"\nbody = \"{{param.a}}\"\n[notify.reply]\nstatuses = [\"2xx\"]\n{rest}"
        ))
    };
    let a = |rules: &str| with(&format!("[parameters.a]\ndescription = \"A\"\n{rules}"), "");
    let check = "[check]\nencoding = \"plain\"\nbody = \"x\"\n[check.reply]\nstatuses = [\"2xx\"]\n";
    let asked = with("[parameters.a]\ndescription = \"A\"", check);
    let short = with("[secret]\nmin = 8\n[parameters.a]\ndescription = \"A\"", "");
    let reserved = with("reserved_names = [\"x\"]\n[parameters.a]\ndescription = \"A\"", "");
    let table = [
        (a(""), a(""), true),
        (a("optional = true"), a(""), true),
        (a(""), a("optional = true"), false),
        (a(""), a("default = \"x\""), false),
        (a(""), a("pattern = \"x\""), true),
        (a("pattern = \"x\""), a(""), false),
        (a("pattern = \"x\""), a("pattern = \"x\""), true),
        (a("choices = [\"x\", \"y\"]"), a("choices = [\"x\"]"), true),
        (a("choices = [\"x\"]"), a("choices = [\"x\", \"y\"]"), false),
        (a("choices = [\"x\"]"), a(""), false),
        (asked.clone(), a(""), true),
        (a(""), asked, false),
        (short.clone(), a(""), false),
        (a(""), short, false),
        (reserved.clone(), a(""), false),
        (a(""), reserved, true),
    ];
    for (nth, (new, old, expected)) in table.iter().enumerate() {
        assert_eq!(new.asks_no_more_than(old), *expected, "row {nth}");
    }
}
