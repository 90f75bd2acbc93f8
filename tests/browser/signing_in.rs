//! Nobody sees anything before they signed in, and what goes wrong in a browser is noticed.

use crate::browser::{Browser, PATIENCE};
use crate::devtools::{complaints, requested};
use crate::scene::{Mode, Scene};
use anyhow::Result;
use paybell_testkit::eventually;

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

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_signs_in_with_a_password_and_sees_nothing_to_act_by() -> Result<()> {
    const PASSWORD: &str = "correct horse battery";
    let scene = Scene::busy(Mode::Embedded).await?;
    scene.engine.run_with_input(&["operators", "add", "vera", "--role", "viewer"], &format!("{PASSWORD}\n"))?;
    let browser = Browser::start(scene.api().base()).await?;
    browser.open("/undelivered").await?;
    browser.comes_to("/sign-in").await?;
    browser.type_in("Name", "vera").await?;
    browser.type_in("Password", PASSWORD).await?;
    browser.click_button("Sign in").await?;
    browser.comes_to("/undelivered").await?;
    let text = browser.sees("its deadline passed").await?;
    assert!(text.contains("vera"), "the page says who looks: {text}");
    let given_up = scene.wait_for("gone-quiet", "undelivered", 1).await?;
    let delivery = format!("/deliveries/{}", given_up[0]["id"].as_str().unwrap_or_default());
    for path in ["/undelivered", "/retries", &delivery, &format!("/endpoints/{}", scene.endpoints["bike-works"])] {
        browser.open(path).await?;
        browser.sees("vera").await?;
        let forms = "return [...document.querySelectorAll('form')].filter(f => f.method === 'post' &&\
                     f.querySelector('button') && !f.action.endsWith('/sign-out')).length";
        assert_eq!(browser.client.execute(forms, vec![]).await?, 0, "there is nothing to act by on {path}");
    }
    browser.nothing_went_wrong().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_console_says_and_whom_a_page_asks_is_noticed() -> Result<()> {
    let scene = Scene::empty(Mode::Embedded, |settings| settings).await?;
    let browser = Browser::start(scene.api().base()).await?;
    browser.open("/sign-in").await?;
    let inline = "const script = document.createElement('script'); script.text = '1'; document.body.append(script)";
    for (harm, noticed) in [("console.error('this is wrong')", "this is wrong"), (inline, "Content Security Policy")] {
        browser.client.execute(harm, vec![]).await?;
        eventually("the complaint is noticed", PATIENCE, async || {
            let complaints = complaints(&browser.client).await?;
            Ok(complaints.iter().any(|complaint| complaint.contains(noticed)).then_some(()))
        })
        .await?;
    }
    browser.nothing_went_wrong().await?;
    browser.client.goto("about:blank").await?;
    browser.client.execute("fetch('http://elsewhere.example/').catch(() => {})", vec![]).await?;
    eventually("the request is noticed", PATIENCE, async || {
        let requested = requested(&browser.client).await?;
        Ok(requested.iter().any(|url| url == "http://elsewhere.example/").then_some(()))
    })
    .await
}
