//! What came from outside (merchants, their answers, people, addresses) is shown as text, and is nothing but text.

use crate::house::{Browser, House, text};
use crate::payments::Answer;
use crate::read_html::Html;
use anyhow::{Context, Result};
use paybell_delivery::{Decision, Outcome, Reason};
use paybell_dialects::Dialect;
use paybell_store::manage::{EndpointChange, KeyRole, OperatorRole};
use serde_json::json;

const HOSTILE: &str = "<script>alert(1)</script>\"'>&<img src=x onerror=alert(1)>";

struct Scene {
    house: House,
    browser: Browser,
    endpoint: String,
    refused: String,
    settled: String,
    waiting: String,
}

/// A house in which everything that can be named has the hostile name.
async fn scene() -> Result<Scene> {
    let house = House::new().await?;
    let (key, _) = house.key(KeyRole::Operator, HOSTILE).await?;
    let browser = house.sign_in(&[("key", &key)]).await?.context("the key opens nothing")?;
    house.add(HOSTILE, OperatorRole::Viewer).await?;
    let endpoint = house.merchant("shop", HOSTILE).await?;
    let parameters = [(HOSTILE.to_owned(), HOSTILE.to_owned())].into();
    let url = format!("https://shop.example/?{HOSTILE}");
    let change = EndpointChange {
        url: Some(url.clone()),
        check_url: Some(Some(url)),
        parameters: Some(parameters),
        ..EndpointChange::default()
    };
    house.ledger.change_endpoint(endpoint.parse()?, &change, &house.actor()).await?;
    let fields = json!({
        "pay_for": HOSTILE, "method": HOSTILE, "description": HOSTILE,
        "data": { "note": HOSTILE },
    });
    let (mut deliveries, now) = (Vec::new(), house.clock.now());
    for (n, decision) in [
        Decision::Undelivered(Reason::Refused),
        Decision::Undelivered(Reason::Refused),
        Decision::RetryAt(now + std::time::Duration::from_secs(60)),
    ]
    .into_iter()
    .enumerate()
    {
        let delivery = house.pay("shop", &format!("{n}{HOSTILE}"), fields.clone()).await?;
        let (detail, head) = (HOSTILE.to_owned(), format!("server: {HOSTILE}\n"));
        let body = format!("{HOSTILE}{}{HOSTILE}", "x".repeat(500));
        let answer = Answer { detail, head, body, ..Answer::new(Outcome::Refused, 410) };
        house.attempt(&delivery, answer, decision).await?;
        house.ledger.follow_up(delivery.parse()?, Some(HOSTILE), HOSTILE, &house.actor()).await?;
        deliveries.push(delivery);
    }
    let [refused, settled, waiting] = deliveries.try_into().map_err(|_| anyhow::anyhow!("three deliveries"))?;
    house.ledger.settle(settled.parse()?, HOSTILE, HOSTILE, &house.actor()).await?;
    house.post(&browser, &format!("/endpoints/{endpoint}/pause"), &[]).await?.leads_to()?;
    let mut definition = house.api("GET", "/v1/dialects/standard", &json!(null)).await?["definition"].clone();
    (definition["title"], definition["name"]) = (HOSTILE.into(), "own".into());
    let own = Dialect::from_json(&definition.to_string())?;
    house.ledger.put_dialect(&own, &house.actor()).await?;
    Ok(Scene { house, browser, endpoint, refused, settled, waiting })
}

/// The page, which holds nothing that it should not. Answers how often the hostile text can be read on it.
async fn shown(scene: &Scene, path: &str) -> Result<usize> {
    let seen = scene.house.get(&scene.browser, path).await?;
    safe(path, &seen.text)
}

fn safe(path: &str, page: &str) -> Result<usize> {
    let html = Html::read(page).map_err(|fault| anyhow::anyhow!("{path}: {fault}"))?;
    let faults = html.faults();
    anyhow::ensure!(faults.is_empty(), "{path}: {faults:#?}");
    anyhow::ensure!(!page.contains("<script>") && !page.contains("<img src=x"), "{path}: it is not escaped");
    Ok(html.words().matches(HOSTILE).count())
}

#[tokio::test]
async fn what_came_from_outside_is_text_on_every_page() -> Result<()> {
    let scene = scene().await?;
    let Scene { endpoint, refused, settled, waiting, .. } = &scene;
    let encoded: String = form_urlencoded::byte_serialize(HOSTILE.as_bytes()).collect();
    for (path, least) in [
        ("/".to_owned(), 2),
        ("/retries".to_owned(), 3),
        ("/deliveries".to_owned(), 6),
        // Order, method, description, rule, head, body thrice (its beginning, and all of it), owner, note, URL, name.
        (format!("/deliveries/{refused}"), 9),
        (format!("/deliveries/{settled}"), 9),
        (format!("/deliveries/{waiting}"), 9),
        ("/undelivered".to_owned(), 4),
        ("/endpoints".to_owned(), 2),
        (format!("/endpoints/{endpoint}"), 5),
        (format!("/endpoints/{endpoint}/change"), 2),
        ("/merchants".to_owned(), 1),
        ("/merchants/shop".to_owned(), 2),
        ("/dialects".to_owned(), 1),
        ("/dialects/own".to_owned(), 1),
        ("/keys".to_owned(), 2),
        ("/people".to_owned(), 3),
        ("/audit".to_owned(), 3),
        (format!("/audit?subject={encoded}"), 1),
        (format!("/search?q={encoded}"), 3),
        (format!("/deliveries?order={encoded}"), 3),
        (format!("/deliveries?merchant={encoded}&endpoint={encoded}&state={encoded}&since={encoded}"), 1),
        (format!("/retries?order={encoded}&within_h={encoded}"), 1),
        (format!("/undelivered?order={encoded}&reason={encoded}"), 1),
        (format!("/undelivered?refused={encoded}"), 2),
        (format!("/endpoints/new?merchant={encoded}"), 1),
        (format!("/merchants/shop?refused={encoded}"), 2),
        (format!("/bulk?what=settle&state=pending&order={encoded}"), 3),
        (format!("/bulk?what=pause&merchant=shop&order={encoded}"), 2),
        (format!("/sign-in?to=/{encoded}"), 0),
        (format!("/deliveries/{encoded}"), 0),
        (format!("/dialects/{encoded}"), 0),
    ] {
        let count = shown(&scene, &path).await?;
        assert!(count >= least, "{path}: {count} times, not {least}");
    }
    Ok(())
}

#[tokio::test]
async fn what_somebody_typed_is_text_on_the_page_that_refuses_it() -> Result<()> {
    let scene = scene().await?;
    let (house, endpoint) = (&scene.house, &scene.endpoint);
    let change = format!("/endpoints/{endpoint}/change");
    for (path, fields) in [
        ("/sign-in", [("name", HOSTILE), ("password", HOSTILE), ("to", HOSTILE)].as_slice()),
        ("/endpoints/new", &[("merchant", "shop"), ("url", HOSTILE), ("parameters", HOSTILE), ("lifetime_s", HOSTILE)]),
        (change.as_str(), &[("url", HOSTILE), ("check_url", HOSTILE), ("dialect", HOSTILE)]),
        ("/dialects", &[("name", "other"), ("definition", HOSTILE)]),
        ("/dialects", &[("name", HOSTILE), ("definition", "{}")]),
        ("/people", &[("name", HOSTILE), ("password", "short"), ("role", "viewer")]),
        ("/keys", &[("name", HOSTILE), ("role", "gateway")]),
        ("/merchants", &[("id", HOSTILE), ("name", HOSTILE)]),
        ("/undelivered/act", &[("what", "settle"), ("id", &scene.refused), ("note", HOSTILE), ("back", HOSTILE)]),
        ("/bulk", &[("what", "settle"), ("state", "pending"), ("who", HOSTILE), ("order", HOSTILE)]),
    ] {
        let seen = house.post(&scene.browser, path, fields).await?;
        let page =
            if seen.text.is_empty() { house.get(&scene.browser, seen.leads_to()?).await?.text } else { seen.text };
        safe(path, &page)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_secret_stands_on_no_page_but_the_one_that_shows_it_once() -> Result<()> {
    let scene = scene().await?;
    let fields = [("merchant", "shop"), ("url", "https://shop.example/2"), ("dialect", "standard")];
    let made = scene.house.post(&scene.browser, "/endpoints/new", &fields).await?.page()?;
    let html = Html::read(&made).map_err(anyhow::Error::msg)?;
    let secret = html.elements.iter().find(|is| is.get("id") == Some("secret")).context("no secret")?.text.clone();
    assert!(secret.starts_with("whsec_"), "{secret}");
    let endpoints = scene.house.api("GET", "/v1/endpoints?merchant=shop", &json!(null)).await?;
    let id = text(&endpoints, "/items/0/id")?;
    for path in [format!("/endpoints/{id}"), format!("/endpoints/{id}/change"), "/audit".to_owned()] {
        assert!(!scene.house.get(&scene.browser, &path).await?.page()?.contains(&secret), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn a_table_for_spreadsheets_holds_no_formulas() -> Result<()> {
    let house = House::new().await?;
    let browser = house.operator().await?;
    house.merchant("shop", "A shop").await?;
    let id = house.pay("shop", "=1+1", json!({ "pay_for": "@SUM(A1)" })).await?;
    house.attempt(&id, Answer::new(Outcome::Refused, 410), Decision::Undelivered(Reason::Refused)).await?;
    house.ledger.follow_up(id.parse()?, Some("=cmd"), "+a \"b\", c", &house.actor()).await?;
    let seen = house.get(&browser, "/undelivered.csv").await?;
    assert_eq!(seen.headers.get("content-type").context("no type")?, "text/csv; charset=utf-8; header=present");
    let lines: Vec<&str> = seen.text.lines().collect();
    assert_eq!(lines.len(), 2, "{}", seen.text);
    assert!(lines[0].starts_with("delivery,merchant,endpoint,payment,order,amount_minor,currency,reason"));
    assert!(lines[1].starts_with(&format!("{id},shop,")), "{}", lines[1]);
    assert!(lines[1].contains(",'=1+1,'@SUM(A1),1050,EUR,refused,1,"), "{}", lines[1]);
    assert!(lines[1].ends_with(",'=cmd,\"'+a \"\"b\"\", c\""), "{}", lines[1]);
    Ok(())
}
