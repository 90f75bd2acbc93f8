//! Everything can be done without a mouse.

use crate::browser::Browser;
use crate::scene::{Mode, Scene, order};
use anyhow::{Result, bail};
use fantoccini::key::Key;
use paybell_testkit::Reply;

/// What has the focus, in words: its text, or its label.
const FOCUSED: &str = "const e = document.activeElement; if (!e || e === document.body) return '';\
    const label = e.labels && e.labels.length ? e.labels[0].innerText : (e.getAttribute('aria-label') || '');\
    return (label || e.innerText || e.value || '').trim()";
/// Whether it shows that it has the focus.
const SHOWS_FOCUS: &str = "const e = document.activeElement; const s = getComputedStyle(e);\
    return e.matches(':focus-visible') && (s.outlineStyle !== 'none' || s.boxShadow !== 'none')";

async fn focused(browser: &Browser) -> Result<String> {
    Ok(browser.client.execute(FOCUSED, vec![]).await?.as_str().unwrap_or_default().to_owned())
}

/// Goes on by Tab until this has the focus.
async fn tab_to(browser: &Browser, words: &str) -> Result<()> {
    let mut passed = Vec::new();
    for _ in 0..60 {
        browser.press(Key::Tab).await?;
        let now = focused(browser).await?;
        if now == words {
            let shows = browser.client.execute(SHOWS_FOCUS, vec![]).await?;
            assert_eq!(shows, true, "{words:?} shows that it has the focus");
            return Ok(());
        }
        passed.push(now);
    }
    bail!("{words:?} is not reached by Tab on {}: {passed:?}", browser.path().await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_found_and_resent_by_the_keyboard_alone() -> Result<()> {
    let scene = Scene::busy(Mode::Embedded).await?;
    let browser = Browser::start(scene.api().base()).await?;
    browser.open("/sign-in").await?;
    tab_to(&browser, "Or sign in with a key").await?;
    browser.press(Key::Enter).await?;
    tab_to(&browser, "Operator's key").await?;
    browser.press_all(&scene.key).await?;
    browser.press(Key::Enter).await?;
    browser.sees("Overview").await?;

    browser.press(Key::Tab).await?;
    assert_eq!(focused(&browser).await?, "Skip to the content", "the first stop leads past the navigation");
    tab_to(&browser, "Payment id, order reference, merchant or endpoint").await?;
    browser.press_all(&order("gone-quiet", 4)).await?;
    browser.press(Key::Enter).await?;
    let first = browser.comes_to("/deliveries/").await?;
    scene.mend_gone_quiet(Reply::ok()).await?;
    tab_to(&browser, "Resend").await?;
    browser.press(Key::Enter).await?;
    browser.sees("Delivered").await?;
    assert_ne!(browser.path().await?, first);
    assert_eq!(browser.take_clicks(), 0);
    browser.nothing_went_wrong().await
}
