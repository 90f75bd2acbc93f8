//! A merchant in its portal, by a link of the gateway's.

use crate::browser::{Browser, PATIENCE};
use crate::devtools::complaints;
use crate::every_page::{FAINT, WRONG, wrong_by};
use crate::pages::portal_pages;
use crate::scene::{Mode, Scene, order};
use anyhow::{Context, Result, ensure};
use paybell_testkit::{Api, Reply, eventually};
use serde_json::json;

/// The path of a link into a merchant's portal.
pub(crate) async fn link(scene: &Scene, merchant: &str) -> Result<String> {
    let made = scene.api().post(&format!("/v1/merchants/{merchant}/portal-links"), &json!({})).await?;
    let made = made.expect_success()?;
    let url: url::Url = made["url"].as_str().context("a link has a URL")?.parse()?;
    Ok(url[url::Position::BeforePath..].to_owned())
}

/// A merchant's browser in its portal.
async fn enters(scene: &Scene, merchant: &str) -> Result<Browser> {
    let browser = Browser::start(scene.api().base()).await?;
    browser.open(&link(scene, merchant).await?).await?;
    browser.comes_to("/portal").await?;
    browser.sees("Payments").await?;
    Ok(browser)
}

/// Opens what the merchant must not see; all that the console says is that it was refused.
async fn is_refused(browser: &Browser, path: &str, status: &str) -> Result<()> {
    complaints(&browser.client).await?;
    browser.open(path).await?;
    let said = eventually("the refusal is seen", PATIENCE, async || {
        Ok(Some(complaints(&browser.client).await?).filter(|said| !said.is_empty()))
    });
    let said = said.await?;
    ensure!(said.iter().all(|line| line.contains(&format!("status of {status}"))), "{path}: {said:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_settles_a_payment_by_saying_what_it_did() -> Result<()> {
    let scene = Scene::busy(Mode::Production).await?;
    let browser = enters(&scene, "gone-quiet").await?;
    browser.click_link(&order("gone-quiet", 2)).await?;
    let path = browser.comes_to("/portal/deliveries/").await?;
    let text = browser.sees("Your server answered, but its status does not acknowledge the payment.").await?;
    assert!(text.contains("404"), "{text}");
    browser.click_link("I have seen this payment").await?;
    browser.type_in("What you did about it", "Booked by hand, shipped.").await?;
    browser.click_button("I have seen this payment").await?;
    browser.sees("Booked by hand, shipped.").await?;
    assert_eq!(browser.path().await?, path);
    let settled = scene.api().delivery(path.trim_start_matches("/portal/deliveries/")).await?;
    assert_eq!((&settled["state"], &settled["settled_by"]), (&json!("settled"), &json!("gone-quiet")));
    browser.nothing_went_wrong().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_replaces_its_secret_and_the_next_notification_is_signed_by_it() -> Result<()> {
    let scene = Scene::busy(Mode::Embedded).await?;
    let browser = enters(&scene, "tea-and-co").await?;
    browser.click_link("Endpoints").await?;
    browser.click_link(&scene.receiver.url("/tea-and-co")).await?;
    browser.click_link("Replace the secret").await?;
    browser.click_button("Replace the secret").await?;
    let text = browser.sees("whsec_").await?;
    let secret = text.split_whitespace().find(|word| word.starts_with("whsec_")).context("the secret is shown")?;
    let verifier = standardwebhooks::Webhook::new(secret)?;
    let before = scene.receiver.requests().len();
    let paid = scene.api().pay("tea-and-co", "after-the-change", json!({})).await?;
    scene.api().wait_delivery_state(&paid.deliveries[0], "delivered", PATIENCE).await?;
    let requests = scene.receiver.requests();
    let told =
        requests[before..].iter().find(|request| request.header("paybell-delivery") == Some(&paid.deliveries[0]));
    let told = told.context("the merchant was told")?;
    verifier.verify(&told.body, &told.headers)?;
    browser.click_link("Back").await?;
    assert!(!browser.text().await?.contains(secret), "it is shown once");
    browser.nothing_went_wrong().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_sees_nothing_of_another_and_its_link_lets_in_once() -> Result<()> {
    let scene = Scene::busy(Mode::Production).await?;
    let of_another = scene.wait_for("bike-works", "pending", 1).await?;
    let of_another = of_another[0]["id"].as_str().context("a delivery has an id")?;
    let browser = Browser::start(scene.api().base()).await?;
    let link = link(&scene, "gone-quiet").await?;
    browser.open(&link).await?;
    browser.comes_to("/portal").await?;
    for page in portal_pages(&scene, "gone-quiet").await? {
        browser.open(&page.path).await?;
        let text = browser.sees("Payments").await?;
        let others = ["tea-and-co", "bike-works", "chitalnya", "slow-garden", "moved-away", "hostile", "wordy"];
        for other in others {
            assert!(!text.contains(other), "{} shows {other}: {text}", page.path);
        }
    }
    let endpoint = &scene.endpoints["bike-works"];
    for path in [
        format!("/portal/deliveries/{of_another}"),
        format!("/portal/deliveries/{of_another}/settle"),
        format!("/portal/endpoints/{endpoint}"),
        format!("/portal/endpoints/{endpoint}/rotate-secret"),
    ] {
        is_refused(&browser, &path, "404").await?;
    }
    browser.open(&format!("/deliveries/{of_another}")).await?;
    browser.comes_to("/sign-in").await?;
    browser.open(&format!("/portal?q={}", order("bike-works", 0))).await?;
    browser.sees("There is none.").await?;
    browser.client.delete_all_cookies().await?;
    browser.client.goto("about:blank").await?;
    is_refused(&browser, &link, "4").await?;
    browser.sees("This link is used up").await?;
    browser.nothing_went_wrong().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_merchant_sends_again_is_seen_delivered_without_a_reload_and_the_day_adds_up() -> Result<()> {
    let scene = Scene::busy(Mode::Embedded).await?;
    let browser = enters(&scene, "gone-quiet").await?;
    scene.mend_gone_quiet(Reply::new(200, "thanks").after(std::time::Duration::from_secs(1))).await?;
    browser.click_link(&order("gone-quiet", 5)).await?;
    let resent = browser.comes_to("/portal/deliveries/").await?;
    browser.click_link("Resend").await?;
    browser.click_button("Resend").await?;
    browser.leaves(&resent, "/portal/deliveries/").await?;
    browser.mark().await?;
    browser.sees("Your server acknowledged this payment.").await?;
    assert!(browser.is_marked().await?, "it was seen without the page being loaded anew");
    scene.api().pay("gone-quiet", "in-time", json!({ "amount": 12_345 })).await?;
    browser.open("/portal/reconciliation").await?;
    browser.sees("All payments").await?;
    let counts = "const n = (row) => Number(row.cells[1].innerText.replace(/[^0-9]/g, ''));\
                  const table = document.querySelector('main table');\
                  return [[...table.tBodies[0].rows].reduce((sum, row) => sum + n(row), 0), n(table.tFoot.rows[0])]";
    assert_eq!(browser.client.execute(counts, vec![]).await?, json!([7, 7]), "{}", browser.text().await?);
    browser.nothing_went_wrong().await
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_answers_are_inert_in_the_portal_too() -> Result<()> {
    let scene = Scene::busy(Mode::Embedded).await?;
    let browser = enters(&scene, "hostile").await?;
    for page in portal_pages(&scene, "hostile").await? {
        browser.open(&page.path).await?;
        crate::hostile_answers::is_inert(&browser).await?;
    }
    browser.nothing_went_wrong().await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_the_portal_has_names_for_all_there_is_fits_the_screen_and_stands_out() -> Result<()> {
    use crate::devtools::Screen;
    let scene = Scene::busy(Mode::Embedded).await?;
    let browser = enters(&scene, "gone-quiet").await?;
    let mut wrong = Vec::new();
    for (screen, is_dark) in [(Screen::Wide, false), (Screen::Phone, true)] {
        browser.look(screen, is_dark).await?;
        for page in portal_pages(&scene, "gone-quiet").await? {
            browser.open(&page.path).await?;
            let mut found = wrong_by(&browser, WRONG).await?;
            found.extend(wrong_by(&browser, FAINT).await?);
            wrong.extend(found.iter().map(|what| format!("{} {screen:?}: {what}", page.name)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // The merchant has no key or password: nothing of the engine is reached by a portal's session.
    let api = Api::new(scene.api().base(), "");
    assert_eq!(api.get("/v1/deliveries").await?.status, 401);
    browser.nothing_went_wrong().await
}
