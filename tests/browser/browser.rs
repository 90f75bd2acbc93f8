//! A person at a browser. Everything is looked for as a person finds it: by its label, its text, its role; and every wait
//! has an end.

use crate::devtools::{Screen, complaints, prefer_dark, requested, use_screen};
use anyhow::{Context, Result, ensure};
use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use paybell_testkit::{Chromedriver, eventually};
use serde_json::{Value, json};
use std::cell::Cell;
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard};

/// How long a page may take to show what is awaited, on a slow and busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// One browser at a time: several would take each other's processor time.
static BROWSERS: Mutex<()> = Mutex::const_new(());

/// A browser at the pages of one engine.
pub(crate) struct Browser {
    pub(crate) client: Client,
    base: String,
    clicks: Cell<u32>,
    _driver: Chromedriver,
    _alone: MutexGuard<'static, ()>,
}

impl Browser {
    /// A wide one in light colours, at the pages under `base`.
    pub(crate) async fn start(base: &str) -> Result<Browser> {
        let alone = BROWSERS.lock().await;
        let driver = Chromedriver::start()?;
        let capabilities = json!({
            "browserName": "chrome",
            "goog:chromeOptions": {
                "args": driver.browser_arguments(),
                "prefs": { "intl.accept_languages": "en" },
            },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        });
        let Value::Object(capabilities) = capabilities else { anyhow::bail!("capabilities are an object") };
        let connector = hyper_util::client::legacy::connect::HttpConnector::new();
        let client = ClientBuilder::new(connector).capabilities(capabilities).connect(&driver.url()).await?;
        let browser = Browser { client, base: base.to_owned(), clicks: Cell::new(0), _driver: driver, _alone: alone };
        // Chromium begins with a page of its own, of which it may complain.
        browser.client.goto("about:blank").await?;
        complaints(&browser.client).await?;
        browser.look(Screen::Wide, false).await?;
        Ok(browser)
    }

    /// With this screen and these colours from now on.
    pub(crate) async fn look(&self, screen: Screen, is_dark: bool) -> Result<()> {
        use_screen(&self.client, screen).await?;
        prefer_dark(&self.client, is_dark).await
    }

    /// Opens a page by its path.
    pub(crate) async fn open(&self, path: &str) -> Result<()> {
        self.client.goto(&format!("{}{path}", self.base)).await.with_context(|| format!("open {path}"))
    }

    /// The path of the page that is shown.
    pub(crate) async fn path(&self) -> Result<String> {
        Ok(self.client.current_url().await?.path().to_owned())
    }

    /// Waits for the page with this beginning of its path.
    pub(crate) async fn comes_to(&self, path: &str) -> Result<String> {
        let what = format!("the page {path} is shown");
        eventually(&what, PATIENCE, async || Ok(Some(self.path().await?).filter(|is| is.starts_with(path)))).await
    }

    /// Waits for another page with this beginning of its path: neither `from` nor a page beneath it.
    pub(crate) async fn leaves(&self, from: &str, path: &str) -> Result<String> {
        let is_another = |is: &String| is.starts_with(path) && !is.starts_with(from);
        eventually(&format!("a page {path} other than {from} is shown"), PATIENCE, async || {
            Ok(Some(self.path().await?).filter(is_another))
        })
        .await
    }

    /// What the page says, as it is seen.
    pub(crate) async fn text(&self) -> Result<String> {
        let text = self.client.execute("return document.body ? document.body.innerText : ''", vec![]).await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until the page says this; answers all that it says.
    pub(crate) async fn sees(&self, words: &str) -> Result<String> {
        let seen = eventually("seen", PATIENCE, async || Ok(Some(self.text().await?).filter(|is| is.contains(words))));
        match seen.await {
            Ok(text) => Ok(text),
            Err(_) => anyhow::bail!("{words:?} is not seen on {}: {}", self.path().await?, self.text().await?),
        }
    }

    /// Waits for what an XPath finds, so that it can be seen.
    async fn find(&self, what: &str, path: &str) -> Result<Element> {
        let found = eventually(what, PATIENCE, async || {
            for element in self.client.find_all(Locator::XPath(path)).await? {
                // It may have been replaced just now by what is newer.
                if element.is_displayed().await.unwrap_or(false) {
                    return Ok(Some(element));
                }
            }
            Ok(None)
        });
        match found.await {
            Ok(element) => Ok(element),
            Err(error) => anyhow::bail!("{error:#} on {}: {}", self.path().await?, self.text().await?),
        }
    }

    /// The field with this label.
    pub(crate) async fn field(&self, label: &str) -> Result<Element> {
        let control = "*[self::input or self::select or self::textarea]";
        let path = format!(
            "//{control}[@aria-label=\"{label}\" or @id=//label[normalize-space(.)=\"{label}\"]/@for]\
             | //label[normalize-space(text())=\"{label}\"]//{control}"
        );
        self.find(&format!("the field {label:?}"), &path).await
    }

    /// The button with this text.
    pub(crate) async fn button(&self, text: &str) -> Result<Element> {
        let path = format!("//button[normalize-space(.)=\"{text}\"] | //summary[normalize-space(.)=\"{text}\"]");
        self.find(&format!("the button {text:?}"), &path).await
    }

    /// The link with this text.
    pub(crate) async fn link(&self, text: &str) -> Result<Element> {
        self.find(&format!("the link {text:?}"), &format!("//a[normalize-space(.)=\"{text}\"]")).await
    }

    /// Clicks, and counts that.
    pub(crate) async fn click(&self, element: Element) -> Result<()> {
        self.clicks.set(self.clicks.get() + 1);
        element.click().await.context("click")
    }

    /// Clicks the button with this text.
    pub(crate) async fn click_button(&self, text: &str) -> Result<()> {
        self.click(self.button(text).await?).await
    }

    /// Clicks the link with this text.
    pub(crate) async fn click_link(&self, text: &str) -> Result<()> {
        self.click(self.link(text).await?).await
    }

    /// Types into the field with this label, in place of what is there.
    pub(crate) async fn type_in(&self, label: &str, text: &str) -> Result<()> {
        let field = self.field(label).await?;
        field.clear().await?;
        Ok(field.send_keys(text).await?)
    }

    /// How often was clicked since this was asked last.
    pub(crate) fn take_clicks(&self) -> u32 {
        self.clicks.take()
    }

    /// Presses a key, wherever the focus is.
    pub(crate) async fn press(&self, key: Key) -> Result<()> {
        self.press_char(char::from(key)).await
    }

    /// Types a text, wherever the focus is.
    pub(crate) async fn press_all(&self, text: &str) -> Result<()> {
        for key in text.chars() {
            self.press_char(key).await?;
        }
        Ok(())
    }

    async fn press_char(&self, value: char) -> Result<()> {
        let keys = KeyActions::new("keyboard".to_owned());
        let keys = keys.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        Ok(self.client.perform_actions(keys).await?)
    }

    /// Marks the page that is shown, so that it can be told whether it was loaded anew.
    pub(crate) async fn mark(&self) -> Result<()> {
        self.client.execute("window.paybellTestMark = true", vec![]).await?;
        Ok(())
    }

    /// Whether it is still the page that was marked.
    pub(crate) async fn is_marked(&self) -> Result<bool> {
        Ok(self.client.execute("return window.paybellTestMark === true", vec![]).await? == true)
    }

    /// Signs in by an operator's key.
    pub(crate) async fn sign_in(&self, key: &str) -> Result<()> {
        self.open("/sign-in").await?;
        self.click_button("Or sign in with a key").await?;
        let form = self.field("Operator's key").await?;
        form.send_keys(key).await?;
        form.send_keys(&char::from(Key::Enter).to_string()).await?;
        eventually("the first page is shown", PATIENCE, async || Ok((self.path().await? == "/").then_some(()))).await?;
        self.take_clicks();
        Ok(())
    }

    /// The end of every test: the console complained of nothing, and nobody but Paybell was asked for anything.
    pub(crate) async fn nothing_went_wrong(&self) -> Result<()> {
        let complaints = complaints(&self.client).await?;
        ensure!(complaints.is_empty(), "the console complains: {complaints:#?}");
        let own = format!("{}/", self.base);
        let requested = requested(&self.client).await?;
        ensure!(requested.iter().any(|url| url.starts_with(&own)), "requests are seen: {requested:?}");
        // Chromium's own pages and what stands in the address itself come from nowhere.
        let from_somewhere = |url: &String| ["http:", "https:", "ws:", "wss:"].iter().any(|way| url.starts_with(way));
        let foreign: Vec<_> =
            requested.into_iter().filter(|url| from_somewhere(url) && !url.starts_with(&own)).collect();
        ensure!(foreign.is_empty(), "others were asked: {foreign:?}");
        Ok(())
    }
}
