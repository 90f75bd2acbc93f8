//! A dialect of the gateway's own that changes while endpoints use it: they must go on suiting it.

use crate::fixture::{Fixture, actor, at};
use anyhow::{Context, Result};
use paybell_delivery::EndpointId;
use paybell_dialects::Dialect;
use paybell_store::StoreError;
use paybell_store::manage::{EndpointChange, NewEndpoint};

conformance!(
    a_dialect_that_needs_what_endpoints_lack_is_refused_and_names_some,
    a_dialect_whose_endpoints_are_asked_keeps_its_check,
    endpoints_that_were_at_fault_before_keep_nobody_from_changing_a_dialect,
    a_secret_that_the_changed_dialect_cannot_use_refuses_it,
    an_endpoint_that_does_not_suit_the_dialect_as_it_is_now_is_refused,
    a_dialect_and_an_endpoint_that_change_at_once_suit_each_other,
);

/// A dialect with parameters, each with its rules in TOML.
fn dialect(parameters: &[(&str, &str)], rest: &str) -> Dialect {
    let mut text = "name = \"own\"\ntitle = \"Own\"\n".to_owned();
    let mut fields = String::new();
    for (name, rules) in parameters {
        fields.push_str(&format!("{{ name = \"{name}\", value = \"{{param.{name}}}\" }}, "));
        text.push_str(&format!("[parameters.{name}]\ndescription = \"The {name}\"\n{rules}\n"));
    }
    text.push_str(&format!(
        "[notify]\nencoding = \"form\"\nfields = [{fields}{{ name = \"order\", value = \"{{pay_for}}\" }}]\n\
         [notify.reply]\nstatuses = [\"200\"]\n{rest}"
    ));
    Dialect::from_toml(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

const CHECK: &str = "[check]\nencoding = \"form\"\nfields = [{ name = \"a\", value = \"{pay_for}\" }]\n\
                     [check.reply]\nstatuses = [\"200\"]\n";

fn with(parameters: &[(&str, &str)]) -> impl FnOnce(&mut NewEndpoint) {
    let parameters = parameters.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    |new| (new.dialect, new.parameters) = ("own".to_owned(), parameters)
}

async fn refusal(f: &Fixture, dialect: &Dialect) -> Result<String> {
    match f.ledger.put_dialect(dialect, &actor(at(9))).await {
        Err(StoreError::Refused(why)) => Ok(why),
        other => anyhow::bail!("{other:?}"),
    }
}

async fn version_of(f: &Fixture, id: EndpointId) -> Result<i64> {
    Ok(f.ledger.endpoint(id).await?.context("it is there")?.version)
}

async fn a_dialect_that_needs_what_endpoints_lack_is_refused_and_names_some(f: Fixture) -> Result<()> {
    f.shop().await?;
    f.ledger.put_dialect(&dialect(&[("shop", "")], ""), &actor(at(1))).await?;
    let mut endpoints = Vec::new();
    for n in 0..8 {
        endpoints.push(f.endpoint_with(with(&[("shop", &n.to_string())])).await?);
    }
    endpoints.sort();
    f.ledger.delete_endpoint(endpoints.remove(0), &actor(at(2))).await?;
    let needy = dialect(&[("shop", ""), ("till", "")], "");
    let why = refusal(&f, &needy).await?;
    for (nth, endpoint) in endpoints.iter().enumerate() {
        let named = format!("endpoint {endpoint} of shop: the parameter till is missing: The till");
        assert_eq!(why.contains(&named), nth < 5, "{why}");
    }
    assert!(why.contains("; and others. "), "{why}");
    let kept = f.ledger.dialect("own").await?.context("it is there")?;
    assert_eq!((kept.version, version_of(&f, endpoints[0]).await?), (1, 1), "nothing of it remains");

    // The way there: optional first, then given, then needed.
    f.ledger.put_dialect(&dialect(&[("shop", ""), ("till", "optional = true")], ""), &actor(at(3))).await?;
    for endpoint in &endpoints {
        let both = [("shop", "7"), ("till", "1")].map(|(name, text)| (name.to_owned(), text.to_owned()));
        let change = EndpointChange { parameters: Some(both.into()), ..Default::default() };
        f.ledger.change_endpoint(*endpoint, &change, &actor(at(4))).await?;
    }
    f.ledger.put_dialect(&needy, &actor(at(5))).await?;
    let strict = dialect(&[("shop", "pattern = \"[0-9]{4}\""), ("till", "")], "");
    assert!(refusal(&f, &strict).await?.contains("the parameter shop must be of the form [0-9]{4}"));
    f.ledger.put_dialect(&dialect(&[("till", "choices = [\"1\", \"2\"]")], ""), &actor(at(6))).await?;
    Ok(())
}

async fn a_dialect_whose_endpoints_are_asked_keeps_its_check(f: Fixture) -> Result<()> {
    f.shop().await?;
    f.ledger.put_dialect(&dialect(&[], CHECK), &actor(at(1))).await?;
    let silent = f.endpoint_with(with(&[])).await?;
    let asked = f
        .endpoint_with(|new| (new.dialect, new.check_url) = ("own".to_owned(), Some("https://s.example/".to_owned())))
        .await?;
    let why = refusal(&f, &dialect(&[], "")).await?;
    assert!(why.contains(&format!("endpoint {asked} of shop: it has a check URL")), "{why}");
    assert!(!why.contains(&silent.to_string()), "{why}");
    let off = EndpointChange { check_url: Some(None), ..Default::default() };
    f.ledger.change_endpoint(asked, &off, &actor(at(2))).await?;
    f.ledger.put_dialect(&dialect(&[], ""), &actor(at(3))).await?;
    assert_eq!(version_of(&f, asked).await?, 3, "it hears of the change");
    Ok(())
}

async fn endpoints_that_were_at_fault_before_keep_nobody_from_changing_a_dialect(f: Fixture) -> Result<()> {
    f.shop().await?;
    f.ledger.put_dialect(&dialect(&[], ""), &actor(at(1))).await?;
    let id = f.endpoint_with(with(&[])).await?;
    let needy = dialect(&[("shop", "")], "").definition_json();
    let refused = f.execute(&format!("UPDATE dialects SET definition = '{}'", needy.replace('\'', "''"))).await?;
    assert_eq!(refused, None);
    let longer = dialect(&[("shop", ""), ("note", "optional = true\npattern = \"x\"")], "");
    f.ledger.put_dialect(&longer, &actor(at(2))).await?;
    let worse = dialect(&[("shop", ""), ("till", "")], "");
    let why = refusal(&f, &worse).await?;
    assert!(why.contains("till") && !why.contains("the parameter shop"), "{why}");
    assert_eq!(f.execute("UPDATE dialects SET definition = '{}'").await?, None);
    assert!(refusal(&f, &worse).await?.contains(&format!("endpoint {id} of shop")), "nobody knows what was before");
    f.ledger.put_dialect(&dialect(&[], "[secret]\nmin = 8\n"), &actor(at(3))).await?;
    Ok(())
}

async fn a_secret_that_the_changed_dialect_cannot_use_refuses_it(f: Fixture) -> Result<()> {
    f.shop().await?;
    let signed = |min: u32| dialect(&[], &format!("[secret]\nmin = {min}\n"));
    f.ledger.put_dialect(&signed(8), &actor(at(1))).await?;
    let id = f.endpoint_with(with(&[])).await?;
    let why = refusal(&f, &signed(20)).await?;
    assert!(why.contains(&format!("endpoint {id} of shop: its secret cannot be used: ")), "{why}");
    assert!(why.contains("20 to 128 visible ASCII characters") && !why.contains("whsec_first"), "{why}");
    f.ledger.put_dialect(&signed(9), &actor(at(2))).await?;
    Ok(())
}

/// As happens where the dialect changes after the API has looked at the endpoint.
async fn an_endpoint_that_does_not_suit_the_dialect_as_it_is_now_is_refused(f: Fixture) -> Result<()> {
    f.shop().await?;
    f.ledger.put_dialect(&dialect(&[("shop", "pattern = \"[0-9]+\"")], ""), &actor(at(1))).await?;
    let none = f.endpoint_with(with(&[])).await.expect_err("it lacks a parameter").downcast::<StoreError>()?;
    assert!(matches!(&none, StoreError::Refused(why) if why == "the parameter shop is missing: The shop"), "{none}");
    let id = f.endpoint_with(with(&[("shop", "7"), ("more", "x")])).await?;
    let change =
        EndpointChange { parameters: Some([("shop".to_owned(), "x".to_owned())].into()), ..Default::default() };
    assert!(matches!(f.ledger.change_endpoint(id, &change, &actor(at(2))).await, Err(StoreError::Refused(_))));
    assert_eq!(version_of(&f, id).await?, 1);
    Ok(())
}

async fn a_dialect_and_an_endpoint_that_change_at_once_suit_each_other(f: Fixture) -> Result<()> {
    f.shop().await?;
    let (plain, needy) = (dialect(&[("shop", "optional = true")], ""), dialect(&[("shop", "")], ""));
    let another = f.another().await?;
    f.ledger.put_dialect(&plain, &actor(at(0))).await?;
    let id = f.endpoint_with(with(&[("shop", "7")])).await?;
    for round in 1..20_u64 {
        let drop = EndpointChange { parameters: Some([].into()), ..Default::default() };
        let now = actor(at(round * 10));
        let (put, changed) = tokio::join!(f.ledger.put_dialect(&needy, &now), another.change_endpoint(id, &drop, &now));
        assert!(put.is_ok() != changed.is_ok(), "round {round}: {put:?} {changed:?}");
        for refused in [put.err(), changed.err()].into_iter().flatten() {
            assert!(matches!(refused, StoreError::Refused(_)), "round {round}: {refused:?}");
        }
        f.ledger.put_dialect(&plain, &actor(at(round * 10 + 1))).await?;
        let give =
            EndpointChange { parameters: Some([("shop".to_owned(), "7".to_owned())].into()), ..Default::default() };
        f.ledger.change_endpoint(id, &give, &actor(at(round * 10 + 2))).await?;
    }
    Ok(())
}
