//! The gateway's look of the merchants' portal, with its logo read once at the start.

use anyhow::{Context, Result, ensure};
use paybell_config::Settings;
use paybell_dashboards::PortalSettings;
use std::path::Path;

/// The largest logo, in bytes: every page of the portal shows it.
const LOGO_MAX: usize = 256 * 1024;

/// How the portal looks by these settings.
///
/// # Errors
/// When the logo cannot be read, is too large, or is none of the pictures that browsers show.
pub(crate) fn portal_settings(settings: &Settings) -> Result<PortalSettings> {
    Ok(PortalSettings {
        name: settings.portal_name.clone(),
        logo: settings.portal_logo.as_deref().map(read_logo).transpose()?,
        colour: settings.portal_colour.clone(),
        frame_ancestors: settings.portal_frame_ancestors.clone(),
    })
}

fn read_logo(file: &Path) -> Result<(String, Vec<u8>)> {
    let what = || format!("the logo {} (setting: portal_logo)", file.display());
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", what()))?;
    ensure!(bytes.len() <= LOGO_MAX, "{} has {} bytes; it may have {LOGO_MAX}", what(), bytes.len());
    let kind = kind_of(&bytes).with_context(|| format!("{} is no PNG, SVG, JPEG or WebP", what()))?;
    Ok((kind.to_owned(), bytes))
}

/// By how the file begins: browsers are told not to guess.
fn kind_of(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => std::str::from_utf8(bytes).ok().filter(|text| text.contains("<svg")).map(|_| "image/svg+xml"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logo_is_known_by_its_bytes_and_not_by_its_name() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("logo.png");
        for (bytes, kind) in [
            (b"\x89PNG\r\n\x1a\n".as_slice(), Some("image/png")),
            (b"\xff\xd8\xff\xe0", Some("image/jpeg")),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Some("image/webp")),
            (b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>", Some("image/svg+xml")),
            (b"<html>", None),
            (b"", None),
        ] {
            std::fs::write(&file, bytes)?;
            assert_eq!(read_logo(&file).ok().map(|(kind, _)| kind).as_deref(), kind);
        }
        std::fs::write(&file, [b"\x89PNG".as_slice(), &vec![0; LOGO_MAX]].concat())?;
        let error = format!("{:#}", read_logo(&file).expect_err("it is too large"));
        assert!(error.contains("portal_logo") && error.contains("262148"), "{error}");
        assert!(read_logo(&folder.path().join("none.png")).is_err());
        Ok(())
    }
}
