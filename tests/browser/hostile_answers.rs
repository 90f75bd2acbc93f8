//! What merchants answer and are told of is shown as text, whatever it is.

use crate::browser::Browser;
use crate::scene::{HOSTILE, Mode, Scene};
use anyhow::{Context, Result};
use serde_json::Value;

/// How much of what merchants wrote came to life.
async fn alive(browser: &Browser) -> Result<Value> {
    let script = "const alive = document.querySelectorAll('main img, main script, base, main a[href^=\"javascript:\"], style');\
                  return alive.length + (window.paybellWasHarmed === undefined ? 0 : 1000)";
    Ok(browser.client.execute(script, vec![]).await?)
}

/// Nothing of what merchants wrote came to life.
pub(crate) async fn is_inert(browser: &Browser) -> Result<()> {
    assert_eq!(alive(browser).await?, 0, "on {}", browser.path().await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_answers_orders_and_names_are_inert_on_every_page_that_shows_them() -> Result<()> {
    let scene = Scene::busy(Mode::Embedded).await?;
    let browser = Browser::start(scene.api().base()).await?;
    browser.sign_in(&scene.key).await?;
    let of = async |merchant: &str| {
        let found = scene.wait_for(merchant, "pending", 1).await?;
        Ok::<_, anyhow::Error>(format!("/deliveries/{}", found[0]["id"].as_str().context("an id")?))
    };
    let (hostile, wordy) = (of("hostile").await?, of("wordy").await?);
    let endpoint = format!("/endpoints/{}", scene.endpoints["hostile"]);
    for path in ["/", "/deliveries?merchant=hostile", "/retries?merchant=hostile", "/endpoints", &hostile, &endpoint] {
        browser.open(path).await?;
        browser.sees("Paybell").await?;
        is_inert(&browser).await?;
    }
    browser.open(&hostile).await?;
    let answer = browser.client.execute("return document.querySelector('#timeline').textContent", vec![]).await?;
    let answer = answer.as_str().unwrap_or_default();
    assert!(answer.contains("<script>window.paybellWasHarmed='script'</script>"), "it is shown as it came: {answer}");
    assert!(browser.text().await?.contains("onerror="), "and so is the order");

    browser.open(&wordy).await?;
    let text = browser.sees("65536 bytes").await?;
    assert!(text.len() < 60_000, "the long answer is not spread out: {} bytes", text.len());
    let wide = "return document.documentElement.scrollWidth <= window.innerWidth";
    assert_eq!(browser.client.execute(wide, vec![]).await?, true, "nothing is wider than the screen");
    is_inert(&browser).await?;
    browser.nothing_went_wrong().await?;
    let careless = "document.querySelector('main').innerHTML = arguments[0]; window.paybellWasHarmed = 'script'";
    browser.client.execute(careless, vec![HOSTILE.into()]).await?;
    assert_eq!(alive(&browser).await?, 1005, "what comes to life is found");
    Ok(())
}
