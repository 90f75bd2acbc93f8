//! The gateway's look: its logo, and its colour made readable on the light and on the dark ground.

use crate::Pages;
use crate::failure::{Answer, Failure};
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;

/// Red, green and blue.
type Colour = [u8; 3];

const WHITE: Colour = [255, 255, 255];
const BLACK: Colour = [0, 0, 0];
/// The grounds of `paybell.css` on which links stand that come nearest to their colour, light and dark.
const LIGHT_GROUND: Colour = [0xf6, 0xf7, 0xf9];
const DARK_GROUND: Colour = [0x1a, 0x21, 0x2b];
/// The contrast of text that everybody can read (WCAG 2.2, 1.4.3).
const CONTRAST_MIN: f64 = 4.5;
/// In how many steps a colour is made lighter or darker.
const STEPS: u8 = 50;

/// `GET /portal/logo`.
pub(crate) async fn logo(State(pages): State<Pages>) -> Answer {
    let (kind, bytes) = pages.dashboard.portal.logo.clone().ok_or(Failure::NotFound)?;
    Ok(([(CONTENT_TYPE, kind), (CACHE_CONTROL, "public, max-age=3600".to_owned())], bytes).into_response())
}

/// `GET /portal/brand.css`.
pub(crate) async fn style(State(pages): State<Pages>) -> Answer {
    let colour = pages.dashboard.portal.colour.as_deref().and_then(read).ok_or(Failure::NotFound)?;
    let headers = [(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "public, max-age=60")];
    Ok((headers, style_of(colour)).into_response())
}

fn style_of(colour: Colour) -> String {
    let light = rule(readable(colour, LIGHT_GROUND, BLACK));
    let dark = rule(readable(colour, DARK_GROUND, WHITE));
    format!("{light}\n@media (prefers-color-scheme: dark) {{ {dark} }}\n")
}

fn rule(accent: Colour) -> String {
    let on_accent = if contrast(accent, WHITE) >= contrast(accent, BLACK) { WHITE } else { BLACK };
    format!(":root {{ --accent: {}; --on-accent: {}; }}", write(accent), write(on_accent))
}

/// The colour, as much nearer to another one as it must be to be read on its ground.
fn readable(colour: Colour, ground: Colour, nearer_to: Colour) -> Colour {
    let mixed = |step: u8| {
        let mix = |n: usize| {
            let (from, to) = (f64::from(colour[n]), f64::from(nearer_to[n]));
            whole(from + (to - from) * f64::from(step) / f64::from(STEPS))
        };
        [mix(0), mix(1), mix(2)]
    };
    (0..=STEPS).map(mixed).find(|mixed| contrast(*mixed, ground) >= CONTRAST_MIN).unwrap_or(nearer_to)
}

fn whole(n: f64) -> u8 {
    (0..=255_u8).find(|whole| f64::from(*whole) + 0.5 >= n).unwrap_or(255)
}

/// How well one is told from the other: 1 to 21 (WCAG 2.2).
fn contrast(a: Colour, b: Colour) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn luminance(colour: Colour) -> f64 {
    let linear = |part: u8| {
        let part = f64::from(part) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(colour[0]) + 0.7152 * linear(colour[1]) + 0.0722 * linear(colour[2])
}

/// Of `#rrggbb`.
fn read(text: &str) -> Option<Colour> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    let part = |n: usize| u8::from_str_radix(digits.get(n..n + 2)?, 16).ok();
    Some([part(0)?, part(2)?, part(4)?])
}

fn write([red, green, blue]: Colour) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_colour_becomes_one_that_can_be_read_on_either_ground() {
        for text in ["#ffdd00", "#000000", "#ffffff", "#0b5cad", "#7f7f7f", "#ff0000", "#00ff00", "#1a212b"] {
            let colour = read(text).expect(text);
            for (ground, nearer_to) in [(LIGHT_GROUND, BLACK), (DARK_GROUND, WHITE)] {
                let accent = readable(colour, ground, nearer_to);
                assert!(contrast(accent, ground) >= CONTRAST_MIN, "{text}");
                let on_accent = contrast(accent, WHITE).max(contrast(accent, BLACK));
                assert!(on_accent >= CONTRAST_MIN, "{text}: {on_accent}");
            }
        }
        assert_eq!(write(readable(read("#0b5cad").expect("a colour"), LIGHT_GROUND, BLACK)), "#0b5cad");
    }

    #[test]
    fn contrast_is_that_of_the_guidelines() {
        assert!((contrast(BLACK, WHITE) - 21.0).abs() < 1e-9);
        assert!((contrast([0x76, 0x76, 0x76], WHITE) - 4.54).abs() < 0.01);
        for text in ["red", "#12345", "#1234567", "#gggggg", "", "#ффф"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
