//! What people find, and what they do to deliveries one by one and to those they choose.

use crate::house::{Browser, House, text};
use crate::payments::Answer;
use crate::read_html::Html;
use anyhow::{Context, Result};
use axum::http::StatusCode;
use paybell_delivery::{Decision, Outcome};
use paybell_store::manage::OperatorRole;
use serde_json::{Value, json};

async fn house() -> Result<(House, Browser)> {
    let house = House::new().await?;
    let browser = house.operator().await?;
    house.merchant("shop", "A shop").await?;
    Ok((house, browser))
}

#[tokio::test]
async fn a_search_leads_to_the_only_one_and_lists_several() -> Result<()> {
    let (house, browser) = house().await?;
    let first = house.pay("shop", "p-1", json!({ "pay_for": "order 7/1" })).await?;
    let second = house.pay("shop", "p-2", json!({ "pay_for": "twice" })).await?;
    let third = house.pay("shop", "p-3", json!({ "pay_for": "twice" })).await?;
    let view = house.api("GET", &format!("/v1/deliveries/{first}"), &Value::Null).await?;
    let (payment, endpoint) = (text(&view, "/payment_id")?, text(&view, "/endpoint")?);
    for (q, to) in [
        ("order+7%2F1", format!("/deliveries/{first}")),
        ("p-1", format!("/deliveries/{first}")),
        (first.as_str(), format!("/deliveries/{first}")),
        (payment.as_str(), format!("/deliveries/{first}")),
        (endpoint.as_str(), format!("/endpoints/{endpoint}")),
        ("shop", "/merchants/shop".to_owned()),
    ] {
        assert_eq!(house.get(&browser, &format!("/search?q={q}")).await?.leads_to()?, to, "{q}");
    }
    let several = house.get(&browser, "/search?q=twice").await?.page()?;
    assert!(several.contains(&second) && several.contains(&third) && !several.contains(&first));
    assert!(house.get(&browser, "/search?q=order+7").await?.page()?.contains("Nothing was found"));
    Ok(())
}

#[tokio::test]
async fn one_is_settled_and_resent_and_the_page_says_so() -> Result<()> {
    let (house, browser) = house().await?;
    let id = house.refused("shop", "p-1").await?;
    let page = format!("/deliveries/{id}");
    let resent = house.post(&browser, &format!("{page}/resend"), &[]).await?;
    let to = resent.leads_to()?.to_owned();
    assert!(to.starts_with("/deliveries/") && !to.contains(&id) && to.ends_with("?done=1"), "{to}");
    let new = house.get(&browser, &to).await?.page()?;
    assert!(new.contains("Done.") && new.contains(&format!("href=\"{page}\"")), "it says what it repeats");

    let without_note = house.post(&browser, &format!("{page}/settle"), &[("who", "Ada")]).await?;
    let refused = house.get(&browser, without_note.leads_to()?).await?.page()?;
    assert!(refused.contains("role=\"alert\"") && refused.contains("note"), "{refused}");
    assert_eq!(house.state_of(&id).await?, "undelivered");
    let fields = [("who", "Ada"), ("note", "told by telephone")];
    let settled = house.post(&browser, &format!("{page}/settle"), &fields).await?;
    let shown = house.get(&browser, settled.leads_to()?).await?.page()?;
    assert!(shown.contains("Settled by Ada") && shown.contains("told by telephone") && shown.contains("Done."));
    let again = house.post(&browser, &format!("{page}/settle"), &fields).await?;
    assert!(again.leads_to()?.starts_with(&format!("{page}?refused=")), "{}", again.location());
    let russian = Browser { language: "ru", ..browser.clone() };
    let why = house.get(&russian, again.leads_to()?).await?.page()?;
    assert!(why.contains(&format!("доставка {id} уже закрыта вручную")), "a reason is said in the visitor's language");

    let audit = house.get(&browser, &format!("/audit?subject={id}")).await?.page()?;
    assert!(audit.contains("delivery.settle") && audit.contains("Olga"), "{audit}");
    let gone = house.post(&browser, "/deliveries/01a1fb3e-0000-7000-8000-000000000000/resend", &[]).await?;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    Ok(())
}

#[tokio::test]
async fn long_answers_of_older_attempts_are_shown_when_they_are_asked_for() -> Result<()> {
    const BODY_BYTES: usize = 4_000;
    let (house, browser) = house().await?;
    let id = house.pay("shop", "p-1", json!({})).await?;
    for n in 1..=60 {
        let (head, body) =
            (format!("x-answer: {n} {}\n", "h".repeat(500)), "b".repeat(BODY_BYTES) + &format!(" end of {n}."));
        let answer = Answer { head, body, ..Answer::new(Outcome::WrongStatus, 503) };
        house.attempt(&id, answer, Decision::RetryAt(house.clock.now())).await?;
    }
    let path = format!("/deliveries/{id}");
    let page = house.get(&browser, &path).await?.page()?;
    assert!(page.len() < 60 * BODY_BYTES / 2, "{} bytes", page.len());
    assert!(page.contains("end of 60.") && page.contains("end of 56.") && !page.contains("end of 55."));
    assert!(
        page.contains("href=\"?whole=7#answer-7\"")
            && page.contains("id=\"answer-7\"")
            && page.contains("x-answer: 7 h")
    );
    let asked = house.get(&browser, &format!("{path}?whole=7")).await?.page()?;
    assert!(
        asked.contains("end of 7.") && !asked.contains("end of 6.") && asked.contains("<details open id=\"answer-7\">")
    );
    Ok(())
}

#[tokio::test]
async fn who_looks_after_it_is_shown_in_the_queue() -> Result<()> {
    let (house, browser) = house().await?;
    let id = house.refused("shop", "p-1").await?;
    let path = format!("/deliveries/{id}/follow-up");
    let note = "ж".repeat(2_000);
    let saved = house.post(&browser, &path, &[("owner", "Ada"), ("note", &note)]).await?;
    assert_eq!(saved.leads_to()?, format!("/deliveries/{id}?done=1"));
    let queue = house.get(&browser, "/undelivered").await?.page()?;
    assert!(queue.contains(">Ada<") && queue.contains(&"ж".repeat(1_024)) && !queue.contains(&"ж".repeat(1_025)));
    house.post(&browser, &path, &[("owner", ""), ("note", "")]).await?.leads_to()?;
    assert!(!house.get(&browser, "/undelivered").await?.page()?.contains(">Ada<"));
    Ok(())
}

#[tokio::test]
async fn those_that_were_chosen_are_done_and_refusals_are_told() -> Result<()> {
    let (house, browser) = house().await?;
    let (one, two) = (house.refused("shop", "p-1").await?, house.refused("shop", "p-2").await?);
    let (left, pending) = (house.refused("shop", "p-3").await?, house.retried("shop", "p-4").await?);
    let back = ("back", "/undelivered?merchant=shop");
    let act = async |fields: &[(&str, &str)]| -> Result<String> {
        Ok(house.post(&browser, "/undelivered/act", fields).await?.leads_to()?.to_owned())
    };
    assert_eq!(act(&[("what", "settle"), back]).await?, "/undelivered?merchant=shop&refused=Nothing+was+chosen.");
    let without_note = act(&[("what", "settle"), ("id", &one), back]).await?;
    assert!(without_note.contains("refused=Some+were+not+done"), "{without_note}");
    let settled = act(&[("what", "settle"), ("id", &one), ("id", &two), ("note", "told"), back]).await?;
    assert_eq!(settled, "/undelivered?merchant=shop&done=1");
    let page = house.get(&browser, &settled).await?.page()?;
    assert!(page.contains("Done.") && !page.contains(&one) && page.contains(&left));
    let resent = act(&[("what", "resend"), ("id", &left), ("id", &pending), back]).await?;
    assert!(resent.contains("refused=Some+were+not+done"), "a pending one is not resent: {resent}");
    let mut states = Vec::new();
    for id in [&one, &two, &left, &pending] {
        states.push(house.state_of(id).await?);
    }
    assert_eq!(states, ["settled", "settled", "undelivered", "pending"]);
    let resends = house.get(&browser, "/deliveries?payment=p-3").await?.page()?;
    assert!(resends.matches("<th scope=\"row\"").count() == 2, "it was resent");
    Ok(())
}

#[tokio::test]
async fn a_list_goes_on_on_the_next_page_without_what_was_said_before() -> Result<()> {
    let (house, browser) = house().await?;
    for n in 0..51 {
        house.refused("shop", &format!("p-{n}")).await?;
    }
    let first = house.get(&browser, "/undelivered?merchant=shop&done=1&refused=why").await?.page()?;
    let html = Html::read(&first).map_err(anyhow::Error::msg)?;
    let next = html.all("a").find(|a| a.get("rel") == Some("next")).and_then(|a| a.get("href")).context("no next")?;
    assert!(!next.contains("done") && !next.contains("refused") && next.contains("merchant=shop"), "{next}");
    let second = house.get(&browser, next).await?.page()?;
    assert_eq!((first.matches("type=\"checkbox\"").count(), second.matches("type=\"checkbox\"").count()), (50, 1));
    assert!(second.contains("href=\"/undelivered?merchant=shop\""), "back to the newest");
    Ok(())
}

#[tokio::test]
async fn an_operator_who_becomes_a_viewer_can_do_nothing_more() -> Result<()> {
    let (house, _) = house().await?;
    house.add("Ada", OperatorRole::Operator).await?;
    let fields = [("name", "Ada"), ("password", crate::house::PASSWORD)];
    let ada = house.sign_in(&fields).await?.context("the password opens nothing")?;
    house.add("Ada", OperatorRole::Viewer).await?;
    assert!(house.get(&ada, "/").await?.leads_to()?.starts_with("/sign-in"));
    let ada = house.sign_in(&fields).await?.context("the password opens nothing")?;
    house.get(&ada, "/").await?.page()?;
    assert_eq!(house.post(&ada, "/keys", &[("name", "x"), ("role", "gateway")]).await?.status, StatusCode::FORBIDDEN);
    Ok(())
}
