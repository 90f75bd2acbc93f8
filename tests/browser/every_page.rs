//! What every page must keep, in both languages, on a wide screen and on a phone.

use crate::browser::Browser;
use crate::devtools::Screen;
use crate::pages::operators_pages;
use crate::scene::{Mode, Scene};
use anyhow::{Context, Result};
use std::collections::BTreeSet;

/// What is wrong with a page for who cannot see it well, has no mouse, or holds a phone; each in words.
pub(crate) const WRONG: &str = r#"
    const wrong = [];
    const shown = (e) => e.checkVisibility();
    const name = (e) => (e.getAttribute('aria-label') || (e.labels && [...e.labels].map(l => l.innerText).join(' ')) ||
        e.innerText || e.title || '').trim();
    const words = (e) => e.outerHTML.slice(0, 120);
    if (!document.documentElement.lang) wrong.push('the page has no language');
    if (!document.title.includes('·')) wrong.push('the page has no title of its own: ' + document.title);
    const heads = document.querySelectorAll('h1');
    if (heads.length !== 1) wrong.push(heads.length + ' headings of the first level');
    if (!document.querySelector('main')) wrong.push('there is no main part');
    for (const e of document.querySelectorAll('input:not([type=hidden]), select, textarea, button, summary, a[href]'))
        if (shown(e) && !name(e)) wrong.push('nameless: ' + words(e));
    for (const e of document.querySelectorAll('img')) if (!e.hasAttribute('alt')) wrong.push('no alt: ' + words(e));
    for (const e of document.querySelectorAll('svg'))
        if (e.getAttribute('role') === 'img' ? !e.getAttribute('aria-labelledby') : !e.closest('[aria-hidden]'))
            wrong.push('a picture without words: ' + words(e));
    for (const e of document.querySelectorAll('th')) if (!e.scope) wrong.push('a heading of nothing: ' + words(e));
    const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
    for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) wrong.push('twice the id ' + id);
    if (document.documentElement.scrollWidth > innerWidth)
        wrong.push('wider than the screen: ' + document.documentElement.scrollWidth + ' > ' + innerWidth);
    return wrong"#;

/// Texts that stand out too little from what is behind them: less than WCAG 2.2 asks for (1.4.3, level AA).
pub(crate) const FAINT: &str = r#"
    const rgba = (text) => { const n = text.match(/^rgba?\(([^)]*)\)$/); return n && n[1].split(/[ ,/]+/).map(Number); };
    const light = (c) => c.slice(0, 3).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = (e) => {
        for (let at = e; at; at = at.parentElement) {
            const c = rgba(getComputedStyle(at).backgroundColor);
            if (!c || (c.length > 3 && c[3] > 0 && c[3] < 1)) return null;
            if (c.length === 3 || c[3] === 1) return c;
        }
        return [255, 255, 255];
    };
    const faint = new Set();
    for (const e of document.querySelectorAll('body *')) {
        const text = [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.data).join('').trim();
        if (!text || !e.checkVisibility() || e.closest('svg') || e.disabled) continue;
        const style = getComputedStyle(e);
        const [ink, ground] = [rgba(style.color), behind(e)];
        if (!ink || !ground) { faint.add('not known: ' + style.color + ' on ' + e.tagName + ' ' + text.slice(0, 40)); continue; }
        const [a, b] = [light(ink), light(ground)].sort((x, y) => y - x);
        const size = parseFloat(style.fontSize);
        const least = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
        const is = (a + 0.05) / (b + 0.05);
        if (is < least) faint.add(is.toFixed(2) + ': ' + style.color + ' on rgb(' + ground + '): ' + text.slice(0, 40));
    }
    return [...faint]"#;

/// What a script finds wrong with the page that is shown.
pub(crate) async fn wrong_by(browser: &Browser, script: &str) -> Result<Vec<String>> {
    let found = browser.client.execute(script, vec![]).await?;
    let found = found.as_array().context("a list")?.iter();
    Ok(found.map(|what| what.as_str().unwrap_or_default().to_owned()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_has_names_for_all_there_is_and_fits_the_screen_in_both_languages() -> Result<()> {
    let scene = Scene::busy(Mode::Embedded).await?;
    let browser = Browser::start(scene.api().base()).await?;
    browser.sign_in(&scene.key).await?;
    let spoil = "document.querySelector('main').append(document.createElement('input'))";
    browser.client.execute(spoil, vec![]).await?;
    assert_eq!(wrong_by(&browser, WRONG).await?, ["nameless: <input>"], "what is wrong is found");
    let mut wrong = Vec::new();
    for (language, switch) in [("en", "Русский"), ("ru", "English")] {
        for screen in [Screen::Wide, Screen::Phone] {
            browser.look(screen, false).await?;
            for page in operators_pages(&scene).await? {
                browser.open(&page.path).await?;
                let found = wrong_by(&browser, WRONG).await?;
                wrong.extend(found.iter().map(|what| format!("{} {language} {screen:?}: {what}", page.name)));
                let is = browser.client.execute("return document.documentElement.lang", vec![]).await?;
                assert_eq!(is, language, "{}", page.name);
            }
        }
        browser.click_link(switch).await?;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    browser.nothing_went_wrong().await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_text_stands_out_from_its_ground_in_light_and_dark() -> Result<()> {
    let scene = Scene::busy(Mode::Embedded).await?;
    let browser = Browser::start(scene.api().base()).await?;
    browser.sign_in(&scene.key).await?;
    browser.client.execute("document.querySelector('h1').style.color = 'rgb(150, 150, 150)'", vec![]).await?;
    assert_eq!(wrong_by(&browser, FAINT).await?.len(), 1, "what is faint is found");
    let mut faint = BTreeSet::new();
    for is_dark in [false, true] {
        browser.look(Screen::Wide, is_dark).await?;
        for page in operators_pages(&scene).await? {
            browser.open(&page.path).await?;
            let found = wrong_by(&browser, FAINT).await?;
            faint.extend(
                found.iter().map(|what| format!("{} {}: {what}", page.name, if is_dark { "dark" } else { "light" })),
            );
        }
    }
    assert!(faint.is_empty(), "{faint:#?}");
    browser.nothing_went_wrong().await
}
