//! Acts on many deliveries: what they would touch, a confirmation, their progress.

use crate::browser::Browser;
use crate::scene::{Mode, Scene};
use anyhow::Result;
use paybell_testkit::{Api, Reply};
use serde_json::json;

const MANY: usize = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_given_up_deliveries_are_resent_by_one_confirmation() -> Result<()> {
    let scene = Scene::empty(Mode::Production, |settings| settings).await?;
    let payments: Vec<_> = (0..MANY)
        .map(|n| Api::payment("gone-quiet", &format!("many-{n}"), json!({ "amount": 1_000 })))
        .collect::<Result<_>>()?;
    scene.hand_in(&payments).await?;
    let browser = Browser::start(scene.api().base()).await?;
    browser.sign_in(&scene.key).await?;
    browser.open("/undelivered?merchant=gone-quiet").await?;
    // The page shows by itself how one after the other is given up.
    browser.sees("1,000").await?;
    browser.sees("10,000.00\u{a0}EUR").await?;

    scene.mend_gone_quiet(Reply::ok()).await?;
    browser.click_button("Resend all").await?;
    browser.comes_to("/bulk").await?;
    let preview = browser.sees("1,000").await?;
    assert!(preview.contains("10,000.00\u{a0}EUR") && preview.contains("merchant: gone-quiet"), "{preview}");
    assert!(scene.deliveries("gone-quiet", "delivered").await?.is_empty(), "a preview does nothing");
    browser.click_button("Confirm: Resend all").await?;
    browser.comes_to("/bulk/resend/").await?;
    browser.mark().await?;
    browser.sees("finished").await?;
    let told = browser.sees("1,000 of 1,000 done, 0 passed over").await?;
    assert!(browser.is_marked().await?, "its progress is shown by itself: {told}");
    scene.wait_for("gone-quiet", "delivered", 100).await?;
    browser.nothing_went_wrong().await
}
