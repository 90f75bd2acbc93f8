//! What people do to merchants, endpoints, dialects, keys and to each other.

use crate::house::{Browser, House};
use crate::read_html::Html;
use anyhow::{Context, Result};
use serde_json::json;

async fn house() -> Result<(House, Browser, String)> {
    let house = House::new().await?;
    let browser = house.operator().await?;
    let endpoint = house.merchant("shop", "A shop").await?;
    Ok((house, browser, endpoint))
}

/// What stands in a page's fields, by their names.
fn typed(page: &str) -> Result<Vec<(String, String)>> {
    let html = Html::read(page).map_err(anyhow::Error::msg)?;
    let fields = html.elements.iter().filter_map(|is| {
        let name = is.get("name")?.to_owned();
        match is.name.as_str() {
            "textarea" => Some((name, is.text.clone())),
            "input" if is.get("type") == Some("checkbox") => is.get("checked").map(|_| (name, "on".to_owned())),
            "input" => Some((name, is.get("value").unwrap_or_default().to_owned())),
            _ => None,
        }
    });
    let chosen = html.all("option").filter(|option| option.get("selected").is_some());
    let chosen = chosen.map(|option| ("chosen".to_owned(), option.text.clone()));
    Ok(fields.chain(chosen).collect())
}

#[tokio::test]
async fn an_endpoint_is_paused_resumed_tested_and_probed() -> Result<()> {
    let (house, browser, id) = house().await?;
    let page = format!("/endpoints/{id}");
    let act = async |what: &str| -> Result<String> {
        let done = house.post(&browser, &format!("{page}/{what}"), &[]).await?;
        let to = done.leads_to()?.to_owned();
        house.get(&browser, &to).await?.page()
    };
    let paused = act("pause").await?;
    assert!(paused.contains("paused since") && paused.contains("by Olga") && paused.contains("Done."), "{paused}");
    assert!(paused.contains(&format!("{page}/resume")) && !paused.contains(&format!("{page}/pause\"")));
    assert!(act("resume").await?.contains("answers"));
    assert!(act("test").await?.contains("a test, no money"), "it goes on to the test's delivery");
    assert!(act("probe").await?.contains("role=\"alert\""), "what does not fail is not probed");
    house.retried("shop", "p-1").await?;
    house.ledger.mark_failing(id.parse()?, house.clock.now(), "no answer", &house.actor()).await?;
    let failing = house.get(&browser, &page).await?.page()?;
    assert!(failing.contains("failing since") && failing.contains(&format!("{page}/probe")), "{failing}");
    let history = house.get(&browser, &page).await?.page()?;
    for act in ["endpoint.create", "endpoint.pause", "endpoint.resume", "no answer"] {
        assert!(history.contains(act), "{act}");
    }
    Ok(())
}

#[tokio::test]
async fn the_form_of_an_endpoint_keeps_what_was_typed_when_it_is_refused() -> Result<()> {
    let (house, browser, id) = house().await?;
    let fields = [
        ("url", "ftp://shop.example/bell"),
        ("check_url", "https://shop.example/check"),
        ("dialect", "ok-body"),
        ("parameters", "shop=7\nkey=x"),
        ("concurrency_max", "7"),
        ("time_limit_s", "5"),
        ("lifetime_s", "many"),
        ("ignore_case", "on"),
        ("reply_signature", "warn"),
    ];
    let change = format!("/endpoints/{id}/change");
    let of_new: Vec<_> = fields.iter().copied().chain([("merchant", "shop")]).collect();
    for (path, fields) in [(change.as_str(), fields.as_slice()), ("/endpoints/new", &of_new)] {
        let page = house.post(&browser, path, fields).await?.page()?;
        assert!(page.contains("role=\"alert\"") && page.contains("url") && page.contains("lifetime_s"), "{page}");
        let typed = typed(&page)?;
        for (name, value) in fields {
            let name = if matches!(*name, "dialect" | "reply_signature") { "chosen" } else { name };
            assert!(typed.contains(&(name.to_owned(), (*value).to_owned())), "{path}: {name} of {typed:?}");
        }
        assert!(!typed.iter().any(|(name, _)| name == "ignore_whitespace"), "{typed:?}");
    }
    let of_nobody =
        house.post(&browser, "/endpoints/new", &[("merchant", "nobody"), ("url", "https://a.example")]).await?;
    let page = of_nobody.page()?;
    assert!(page.contains("role=\"alert\"") && page.contains("https://a.example"), "{page}");
    Ok(())
}

#[tokio::test]
async fn an_endpoint_is_changed_as_the_form_says_and_what_is_emptied_is_cleared() -> Result<()> {
    let (house, browser, id) = house().await?;
    let change = format!("/endpoints/{id}/change");
    let fields = [
        ("url", "https://shop.example/new"),
        ("check_url", "https://shop.example/check"),
        ("dialect", "cloudpayments"),
        ("concurrency_max", "7"),
        ("time_limit_s", "5"),
        ("lifetime_s", "3600"),
        ("ignore_whitespace", "on"),
    ];
    let done = house.post(&browser, &change, &fields).await?;
    assert_eq!(done.leads_to()?, format!("/endpoints/{id}?done=1"));
    let shown = typed(&house.get(&browser, &change).await?.page()?)?;
    for (name, value) in fields.iter().filter(|(name, _)| *name != "dialect") {
        assert!(shown.contains(&((*name).to_owned(), (*value).to_owned())), "{name} of {shown:?}");
    }
    house.post(&browser, &change, &[("url", "https://shop.example/new"), ("dialect", "standard")]).await?.leads_to()?;
    let endpoint = house.ledger.endpoint(id.parse()?).await?.context("it is gone")?;
    let cleared = (endpoint.check_url, endpoint.time_limit, endpoint.lifetime, endpoint.options.ignore_whitespace);
    assert_eq!(cleared, (None, None, None, false));
    Ok(())
}

#[tokio::test]
async fn a_secret_is_rotated_and_an_endpoint_deleted() -> Result<()> {
    let (house, browser, id) = house().await?;
    let rotated = house.post(&browser, &format!("/endpoints/{id}/rotate-secret"), &[("overlap_s", "3600")]).await?;
    assert!(rotated.page()?.contains("whsec_"));
    let deleted = house.post(&browser, &format!("/endpoints/{id}/delete"), &[]).await?;
    assert_eq!(deleted.leads_to()?, "/endpoints?done=1");
    assert!(house.ledger.endpoint(id.parse()?).await?.is_none());
    Ok(())
}

#[tokio::test]
async fn merchants_are_made_renamed_linked_and_deleted() -> Result<()> {
    let (house, browser, _) = house().await?;
    let made = house.post(&browser, "/merchants", &[("id", "tea.shop-1"), ("name", "Tea")]).await?;
    assert_eq!(made.leads_to()?, "/merchants/tea.shop-1?done=1");
    let twice = house.post(&browser, "/merchants", &[("id", "tea.shop-1"), ("name", "Tea")]).await?;
    assert!(house.get(&browser, twice.leads_to()?).await?.page()?.contains("role=\"alert\""));
    house.post(&browser, "/merchants/tea.shop-1/rename", &[("name", "Tea & Co.")]).await?.leads_to()?;
    let page = house.get(&browser, "/merchants/tea.shop-1").await?.page()?;
    assert!(page.contains("Tea &#38; Co."), "{page}");
    let link = house.post(&browser, "/merchants/tea.shop-1/portal-link", &[]).await?.page()?;
    let html = Html::read(&link).map_err(anyhow::Error::msg)?;
    let link = html.elements.iter().find(|is| is.get("id") == Some("portal-link")).context("no link")?;
    assert!(link.text.starts_with("http://127.0.0.1:8080/portal/"), "{}", link.text);
    let deleted = house.post(&browser, "/merchants/tea.shop-1/delete", &[]).await?;
    assert_eq!(deleted.leads_to()?, "/merchants?done=1");
    for act in ["rename", "pause", "delete", "portal-link"] {
        let path = format!("/merchants/a%20b%3Fc/{act}");
        assert_eq!(house.post(&browser, &path, &[("name", "x")]).await?.status.as_u16(), 404, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn a_dialect_is_made_changed_and_deleted_and_keeps_what_was_typed() -> Result<()> {
    let (house, browser, _) = house().await?;
    let mut definition = house.api("GET", "/v1/dialects/standard", &json!(null)).await?["definition"].clone();
    definition["name"] = "own".into();
    let definition = definition.to_string();
    for (name, text) in
        [("own", "{ broken"), ("own", "{}"), ("not a name", definition.as_str()), ("standard", &definition)]
    {
        let page = house.post(&browser, "/dialects", &[("name", name), ("definition", text)]).await?.page()?;
        assert!(page.contains("role=\"alert\""), "{name}: {page}");
        let typed = typed(&page)?;
        assert!(typed.contains(&("definition".to_owned(), text.to_owned())), "{name}: {typed:?}");
    }
    let made = house.post(&browser, "/dialects", &[("name", "own"), ("definition", &definition)]).await?;
    assert_eq!(made.leads_to()?, "/dialects/own?done=1");
    let deleted = house.post(&browser, "/dialects/own/delete", &[]).await?;
    assert_eq!(deleted.leads_to()?, "/dialects?done=1");
    Ok(())
}

#[tokio::test]
async fn keys_and_people_are_added_and_a_new_key_is_shown_once() -> Result<()> {
    let (house, browser, _) = house().await?;
    let made = house.post(&browser, "/keys", &[("name", "till 2"), ("role", "operator")]).await?.page()?;
    let html = Html::read(&made).map_err(anyhow::Error::msg)?;
    let key = html.elements.iter().find(|is| is.get("id") == Some("new-key")).context("no key")?.text.clone();
    let other = house.sign_in(&[("key", &key)]).await?.context("the new key opens nothing")?;
    let keys = house.get(&other, "/keys").await?.page()?;
    assert!(keys.contains("till 2") && !keys.contains(&key));
    let short = [("name", "Bob"), ("role", "viewer"), ("password", "short")];
    assert!(house.post(&browser, "/people", &short).await?.page()?.contains("at least 12 characters"));
    let russian = Browser { language: "ru", ..browser.clone() };
    assert!(house.post(&russian, "/people", &short).await?.page()?.contains("не короче 12"));
    let good = [("name", "Bob"), ("role", "viewer"), ("password", crate::house::PASSWORD)];
    assert_eq!(house.post(&browser, "/people", &good).await?.leads_to()?, "/people?done=1");
    house.sign_in(&good).await?.context("the password opens nothing")?;
    let people = house.get(&browser, "/people").await?.page()?;
    assert!(people.contains("Bob") && people.contains("yours") && !people.contains("argon2"));
    Ok(())
}
