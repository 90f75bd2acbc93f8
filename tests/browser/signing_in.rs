//! Nobody sees anything before they signed in.

use crate::browser::Browser;
use crate::scene::{Mode, Scene};
use anyhow::Result;

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_signs_in_with_a_key_and_out_again() -> Result<()> {
    let scene = Scene::empty(Mode::Embedded, |settings| settings).await?;
    let browser = Browser::start(scene.api().base()).await?;
    browser.open("/deliveries").await?;
    browser.comes_to("/sign-in").await?;
    let text = browser.sees("Sign in").await?;
    assert!(!text.contains("Overview"), "there is no way on: {text}");
    browser.sign_in(&scene.key).await?;
    browser.sees("Overview").await?;
    browser.click_button("Sign out").await?;
    browser.comes_to("/sign-in").await?;
    browser.open("/").await?;
    browser.comes_to("/sign-in").await?;
    browser.nothing_went_wrong().await
}
