//! What pages say, in English and in Russian. Each text stands once, in both, so that none can be missing.

mod common;
mod deliveries;
mod endpoints;
mod manage;
mod overview;
mod portal;
mod refusals;
mod retries;

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_LANGUAGE, COOKIE};

/// A visitor's language.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Lang {
    En,
    Ru,
}

/// Defines texts as functions of [`Lang`]: `name: "English", "по-русски";`
macro_rules! texts {
    ($($name:ident: $en:literal, $ru:literal;)+) => {
        impl $crate::texts::Lang {
            $(pub(crate) const fn $name(self) -> &'static str {
                match self {
                    $crate::texts::Lang::En => $en,
                    $crate::texts::Lang::Ru => $ru,
                }
            })+
        }
    };
}
use texts;

/// The cookie that keeps the language somebody chose.
pub(crate) const LANGUAGE_COOKIE: &str = "paybell_language";

impl Lang {
    /// All of them.
    pub(crate) const ALL: [Lang; 2] = [Lang::En, Lang::Ru];

    /// The language's code (BCP 47).
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Lang::En => "en",
            Lang::Ru => "ru",
        }
    }

    /// Its own name.
    pub(crate) const fn own_name(self) -> &'static str {
        match self {
            Lang::En => "English",
            Lang::Ru => "Русский",
        }
    }

    /// By its code.
    pub(crate) fn by_code(code: &str) -> Option<Self> {
        Lang::ALL.into_iter().find(|lang| lang.code() == code)
    }

    /// What was chosen, or else what the browser likes best; English for all others.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        if let Some(chosen) = cookie(headers, LANGUAGE_COOKIE).and_then(Lang::by_code) {
            return chosen;
        }
        let liked = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let code = |part: &str| part.trim().get(..2).map(str::to_ascii_lowercase);
        liked.split(',').filter_map(code).find_map(|code| Lang::by_code(&code)).unwrap_or(Lang::En)
    }
}

/// The value of a cookie.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find_map(|(n, value)| (n == name).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_chosen_one_or_the_browsers() {
        let of = |cookie: &str, liked: &str| {
            Lang::of(&HeaderMap::from_iter([
                (COOKIE, cookie.parse().expect("a header")),
                (ACCEPT_LANGUAGE, liked.parse().expect("a header")),
            ]))
        };
        assert_eq!(of("", "ru-RU,ru;q=0.9,en;q=0.8"), Lang::Ru);
        assert_eq!(of("", "de,en;q=0.8,ru;q=0.1"), Lang::En);
        assert_eq!(of("", "fr"), Lang::En);
        assert_eq!(of("a=b; paybell_language=ru", "en"), Lang::Ru);
        assert_eq!(of("paybell_language=xx", "en"), Lang::En);
    }
}
