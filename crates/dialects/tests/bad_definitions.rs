//! Definitions that break a rule: the error names the place and the rule.

use paybell_dialects::Dialect;

/// A small definition that is right; each case spoils it.
const GOOD: &str = r#"name = "mine"
title = "Mine"

[parameters.shop]
description = "The shop's number"
pattern = "[0-9]+"

[values.amount]
from = "amount"
money = { digits_min = 1, digits_max = 2 }

[notify]
encoding = "form"
fields = [
  { name = "shop", value = "{param.shop}" },
  { name = "amount", value = "{amount}" },
  { name = "sign", value = "{signature.sign}" },
]

[notify.signatures.sign]
algorithm = "md5"
over = "{amount};{secret}"

[notify.reply]
statuses = ["200"]
format = "text"
rules = [{ is = "OK", means = "accepted" }]
"#;

/// What the error says of a definition that was changed so.
fn error_of(from: &str, to: &str) -> String {
    let spoilt = GOOD.replacen(from, to, 1);
    assert_ne!(spoilt, GOOD, "{from}");
    match Dialect::from_toml(&spoilt) {
        Ok(_) => panic!("{from} -> {to} is taken for right"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_small_definition_is_right_and_survives_json() {
    let dialect = Dialect::from_toml(GOOD).expect("right");
    let again = Dialect::from_json(&dialect.definition_json()).expect("right");
    assert_eq!(dialect, again);
    assert_eq!(again.definition_json(), dialect.definition_json());
}

#[test]
fn each_broken_rule_is_named_with_its_place() {
    let table = [
        // What is no definition at all.
        ("[notify]\n", "[notify\n", "the document (line 12, column 8): "),
        ("title =", "titel =", "titel (line 2, column 1): unknown field `titel`"),
        (r#"encoding = "form""#, r#"encoding = "fax""#, "notify.encoding (line 13, column 12): unknown variant `fax`"),
        ("digits_min = 1", "digits_min = -1", "values.amount.money.digits_min (line 10, column 24): "),
        (r#"statuses = ["200"]"#, "", "notify.reply (line 24, column 1): missing field `statuses`"),
        // The whole.
        (r#"name = "mine""#, r#"name = "My Own""#, "name (line 1, column 8): must be 1 to 40 small letters"),
        (r#"title = "Mine""#, r#"title = " ""#, "title (line 2, column 9): must not be empty"),
        (
            "\n[parameters.shop]",
            "\n[secret]\nmin = 50\nmax = 20\n[parameters.shop]",
            "secret (line 4, column 1): must have",
        ),
        (
            "\n[parameters.shop]",
            "\n[secret]\nmin = 65\n[parameters.shop]",
            "secret.min (line 5, column 7): must be at most 64, as a new secret has 64 characters",
        ),
        (
            "\n[parameters.shop]",
            "\n[secret]\nform = \"hex\"\nmin = 33\n[parameters.shop]",
            "secret.min (line 6, column 7): must be at most 32, as a new secret has 32 bytes",
        ),
        (
            "\n[parameters.shop]",
            "\n[schedule]\nwaits_s = []\n[parameters.shop]",
            "schedule (line 4, column 1): must have",
        ),
        // Parameters.
        (r#"pattern = "[0-9]+""#, r#"pattern = "[0-9""#, "parameters.shop.pattern (line 6, column 11): is no regular"),
        (
            r#"pattern = "[0-9]+""#,
            r#"pattern = "a)|(?:b""#,
            "parameters.shop.pattern (line 6, column 11): is no regular",
        ),
        (
            r#"pattern = "[0-9]+""#,
            r#"pattern = "(.{900}){900}""#,
            "parameters.shop.pattern (line 6, column 11): is no regular",
        ),
        (
            r#"pattern = "[0-9]+""#,
            "pattern = \"[0-9]+\"\ndefault = \"x\"",
            "parameters.shop.default (line 7, column 11): does not fit",
        ),
        ("{param.shop}", "7", "parameters.shop (line 4, column 1): is never used"),
        ("{param.shop}", "{param.shoe}", "notify.fields[0].value (line 15, column 28): there is no parameter \"shoe\""),
        // Values.
        (r#"from = "amount""#, r#"from = "amuont""#, "values.amount (line 8, column 1): "),
        (r#"from = "amount""#, r#"template = "{amount}""#, "values.amount"),
        (r#"from = "amount""#, r#"from = "kind""#, "values.amount (line 8, column 1): is no amount"),
        (
            "digits_max = 2",
            "digits_max = 0",
            "values.amount.money (line 10, column 9): must have digits_min <= digits_max",
        ),
        ("money = {", "time = {pattern = \"unix\"} # {", "values.amount (line 8, column 1): is an amount"),
        (
            "[values.amount]",
            "[values.other]\nfrom = \"kind\"\n[values.amount]",
            "values.other (line 8, column 1): is never used",
        ),
        ("{amount}\" }", "{check_id}\" }", "can be had in check only, and notify uses it"),
        ("{amount}\" }", "{balance_amount}\" }", "needs a format"),
        (
            "{amount}\" }",
            "{nonsense}\" }",
            "notify.fields[1].value (line 16, column 30): there is no value or source \"nonsense\"",
        ),
        // Templates.
        ("{amount}\" }", "{amount\" }", "notify.fields[1].value (line 16, column 30): has a { without a }"),
        ("{amount}\" }", "{secret}\" }", "{secret} has no meaning here"),
        ("{amount}\" }", "{signature.no}\" }", "{signature.no} names nothing that can be used here"),
        // Fields.
        (
            r#"name = "amount", "#,
            r#"name = "shop", "#,
            "notify.fields[1] (line 16, column 3): the name \"shop\" is there twice",
        ),
        (r#"name = "amount", "#, r#"name = "amount", type = "number", "#, "notify.fields[1].type"),
        (r#"name = "amount", "#, r#"name = "amount", absent = "null", "#, "notify.fields[1].absent"),
        (r#"name = "amount", "#, r#"name = "amount", previous = "x", "#, "notify.fields[1].previous"),
        (r#"{ name = "amount", value = "{amount}" }"#, r#"{ each = "sh" }"#, "another field's name begins so"),
        // Signatures.
        ("{signature.sign}", "x", "notify.signatures.sign (line 20, column 1): is never used"),
        (
            r#""md5""#,
            r#""md6""#,
            "notify.signatures.sign.algorithm (line 21, column 13): there is no algorithm \"md6\"",
        ),
        (r#""md5""#, r#""standard-webhooks""#, "go only with each other"),
        (r#""md5""#, r#""ed25519""#, "ed25519 needs secrets of the form hex"),
        (r#""md5""#, r#""{param.shop}""#, "must name a parameter that has choices"),
        ("{amount};{secret}", "{amount}", "a hash without {secret} in it could be made by anybody"),
        ("over =", "sorted = {}\nover =", "notify.signatures.sign.sorted (line 22, column 10): is never used"),
        // Exchanges.
        (r#"encoding = "form""#, r#"encoding = "plain""#, "notify.body"),
        (
            r#"encoding = "form""#,
            "encoding = \"form\"\nmethod = \"get\"",
            "notify.method (line 14, column 10): GET has no body",
        ),
        (r#"encoding = "form""#, "encoding = \"form\"\ncharset = \"utf-16\"", "notify.charset (line 14, column 11): "),
        (
            r#"encoding = "form""#,
            "encoding = \"form\"\ntime_limit_s = 0",
            "notify.time_limit_s (line 14, column 16): must be 1 to 120",
        ),
        (
            r#"encoding = "form""#,
            "encoding = \"form\"\nheaders = [{ name = \"Host\", value = \"x\" }]",
            "notify.headers[0].name (line 14, column 21): is said by Paybell itself",
        ),
        // Replies.
        (r#"["200"]"#, r#"["20x"]"#, "notify.reply.statuses[0] (line 25, column 13): must be a status"),
        (r#"["200"]"#, "[]", "notify.reply.statuses (line 25, column 12): must not be empty"),
        (r#"format = "text""#, r#"format = "none""#, "notify.reply.rules (line 27, column 9): must not be empty where"),
        (r#"format = "text""#, r#"format = "json""#, "notify.reply.rules[0] (line 27, column 10): must say where"),
        (r#"means = "accepted""#, r#"means = "retry""#, "notify.reply.rules (line 27, column 9): no rule accepts"),
        (r#"is = "OK", "#, "", "notify.reply.rules[0] (line 27, column 10): must have either is, or present"),
    ];
    let mut strayed = Vec::new();
    for (from, to, expected) in table {
        let error = error_of(from, to);
        if !error.contains(expected) {
            strayed.push(format!("{from} -> {to}\nsaid:     {error}\nexpected: {expected}\n"));
        }
    }
    assert!(strayed.is_empty(), "{}", strayed.join("\n"));
}

#[test]
fn all_problems_are_told_at_once() {
    let spoilt = GOOD.replace("{amount}", "{one}").replace("{param.shop}", "{two}");
    let error = Dialect::from_toml(&spoilt).expect_err("spoilt");
    assert!(error.problems.len() >= 3, "{error}");
}

#[test]
fn documents_in_json_are_refused_with_their_places() {
    let good = Dialect::from_toml(GOOD).expect("right").definition_json();
    let table = [
        (good.replace("\"title\"", "\"titel\""), "titel (line 1, column "),
        (good.replace("{amount}", "{nonsense}"), "notify.signatures.sign.over: there is no value or source"),
        (good[..good.len() - 1].to_owned(), "(line 1, column "),
        (good.clone() + "x", "the document (line 1, column "),
        ("[]".to_owned(), "the document (line 1, column "),
    ];
    for (json, expected) in table {
        let error = Dialect::from_json(&json).expect_err(&json).to_string();
        assert!(error.contains(expected), "said:     {error}\nexpected: {expected}");
    }
}

#[test]
fn trees_of_fields_must_be_trees() {
    let tree = |encoding: &str, names: &[&str]| {
        let fields: String = names.iter().map(|name| format!("{{ name = \"{name}\", value = \"x\" }},")).collect();
        let text = format!(
            "name = \"t\"\ntitle = \"T\"\n[notify]\nencoding = \"{encoding}\"\nfields = [{fields}]\n[notify.reply]\nstatuses = [\"2xx\"]\n"
        );
        Dialect::from_toml(&text).map(|_| ()).map_err(|error| error.to_string())
    };
    let deep = ["a"; 40].join(".");
    let table: &[(&str, &[&str], &str)] = &[
        ("json", &["a.b", "a.c", "d.0.e", "d.0.f", "d.1"], ""),
        ("json", &["a.b", "c", "a.d"], "the fields inside \"a\" must stand together"),
        ("json", &["a", "a.b"], "\"a\" is there twice"),
        ("json", &["a.b", "a"], "\"a\" is there twice"),
        ("json", &["a.0", "a.2"], "is not the next index"),
        ("json", &["a.0", "a.b"], "is no index"),
        ("json", &["a..b"], "has an empty name"),
        ("json", &[&deep], "goes more than 12 names deep"),
        ("xml", &["r.a", "r.b"], ""),
        ("xml", &["a"], "must stand inside a root element"),
        ("xml", &["a.b", "c.d"], "must all stand inside one root element"),
        ("xml", &["a.b<"], "cannot be an element's name"),
    ];
    for (encoding, names, expected) in table {
        let error = tree(encoding, names).err().unwrap_or_default();
        assert_eq!(error.is_empty(), expected.is_empty(), "{names:?}: {error}");
        assert!(error.contains(expected), "{names:?}: {error}");
    }
}
