//! Pictures of every page for the documentation, in `docs/images`: `just screenshots` takes them anew.

use crate::browser::Browser;
use crate::devtools::{Screen, picture};
use crate::scene::{Mode, Scene};
use anyhow::{Context, Result, ensure};
use std::path::Path;

/// A picture is no larger, in bytes.
const SIZE_MAX: usize = 150 * 1024;

/// Every page: its name and its path.
async fn pages(scene: &Scene) -> Result<Vec<(&'static str, String)>> {
    let undelivered = scene.wait_for("gone-quiet", "undelivered", 1).await?;
    let delivery = undelivered[0]["id"].as_str().context("a delivery has an id")?;
    let page = |name, path: &str| (name, path.to_owned());
    Ok(vec![
        page("overview", "/"),
        page("retries", "/retries"),
        page("deliveries", "/deliveries"),
        page("delivery", &format!("/deliveries/{delivery}")),
        page("undelivered", "/undelivered"),
        page("endpoints", "/endpoints"),
        page("endpoint", &format!("/endpoints/{}", scene.endpoints["bike-works"])),
        page("bulk", "/bulk?what=resend&state=undelivered&merchant=gone-quiet"),
    ])
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it writes into docs/images: just screenshots"]
async fn take_every_page_in_light_and_dark_on_a_wide_screen_and_a_phone() -> Result<()> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/images"));
    std::fs::create_dir_all(folder)?;
    let scene = Scene::busy(Mode::Production).await?;
    let browser = Browser::start(scene.api().base()).await?;
    take(&browser, folder, &[("sign-in", "/sign-in".to_owned())]).await?;
    browser.sign_in(&scene.key).await?;
    take(&browser, folder, &pages(&scene).await?).await?;
    browser.nothing_went_wrong().await
}

async fn take(browser: &Browser, folder: &Path, pages: &[(&'static str, String)]) -> Result<()> {
    for (screen, size) in [(Screen::Wide, "wide"), (Screen::Phone, "phone")] {
        for (is_dark, colours) in [(false, "light"), (true, "dark")] {
            browser.look(screen, is_dark).await?;
            for (name, path) in pages {
                browser.open(path).await?;
                browser.sees("Paybell").await?;
                let picture = picture(&browser.client).await?;
                ensure!(picture.len() <= SIZE_MAX, "{name} has {} bytes", picture.len());
                std::fs::write(folder.join(format!("{name}-{size}-{colours}.webp")), picture)?;
            }
        }
    }
    Ok(())
}
