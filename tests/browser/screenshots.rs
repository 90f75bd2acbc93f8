//! Pictures of every page for the documentation, in `docs/images`: `just screenshots` takes them anew.

use crate::browser::Browser;
use crate::devtools::{Screen, picture};
use crate::pages::{Page, operators_pages, portal_pages};
use crate::scene::{Mode, Scene};
use anyhow::{Result, ensure};
use std::path::Path;

/// A picture is no larger, in bytes.
const SIZE_MAX: usize = 150 * 1024;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it writes into docs/images: just screenshots"]
async fn take_every_page_in_light_and_dark_on_a_wide_screen_and_a_phone() -> Result<()> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/images"));
    std::fs::create_dir_all(folder)?;
    let scene = Scene::busy(Mode::Production).await?;
    let browser = Browser::start(scene.api().base()).await?;
    take(&browser, folder, &[Page { name: "sign-in", path: "/sign-in".to_owned() }]).await?;
    browser.sign_in(&scene.key).await?;
    take(&browser, folder, &operators_pages(&scene).await?).await?;
    browser.open(&crate::portal::link(&scene, "gone-quiet").await?).await?;
    browser.comes_to("/portal").await?;
    take(&browser, folder, &portal_pages(&scene, "gone-quiet").await?).await?;
    browser.nothing_went_wrong().await
}

async fn take(browser: &Browser, folder: &Path, pages: &[Page]) -> Result<()> {
    for (screen, size) in [(Screen::Wide, "wide"), (Screen::Phone, "phone")] {
        for (is_dark, colours) in [(false, "light"), (true, "dark")] {
            browser.look(screen, is_dark).await?;
            for Page { name, path } in pages {
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
