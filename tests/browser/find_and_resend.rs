//! The day's work of an operator: somebody asks for an order by its reference.

use crate::browser::Browser;
use crate::scene::{Mode, Scene, order};
use anyhow::Result;
use paybell_testkit::Reply;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_delivery_is_found_by_its_order_in_three_clicks_understood_resent_and_seen_delivered() -> Result<()> {
    let scene = Scene::busy(Mode::Production).await?;
    let browser = Browser::start(scene.api().base()).await?;
    browser.sign_in(&scene.key).await?;

    browser.type_in("Payment id, order reference, merchant or endpoint", &order("gone-quiet", 3)).await?;
    browser.click_button("Search").await?;
    let found = browser.comes_to("/deliveries/").await?;
    let text = browser.sees(&format!("Order {}", order("gone-quiet", 3))).await?;
    assert!(browser.take_clicks() <= 3, "three clicks or fewer lead to it");
    for words in ["undelivered", "answered with a status that is no acknowledgement", "its deadline passed", "404"] {
        assert!(text.contains(words), "the page says why: {words:?} is not in {text}");
    }

    // The merchant's server is mended, but slow: what is seen must change by itself.
    scene.mend_gone_quiet(Reply::new(200, "thanks").after(Duration::from_secs(1))).await?;
    browser.click_button("Resend").await?;
    let new = browser.leaves(&found, "/deliveries/").await?;
    browser.mark().await?;
    browser.sees("Delivered").await?;
    assert!(browser.is_marked().await?, "it was seen without the page being loaded anew");
    assert_eq!(browser.path().await?, new);
    let id = new.trim_start_matches("/deliveries/");
    assert_eq!(scene.api().delivery(id).await?["state"], "delivered", "and it is true");
    browser.nothing_went_wrong().await
}
