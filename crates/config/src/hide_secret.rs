//! Secrets are never written: a URL is shown without its password, everything else not at all.

use secrecy::{ExposeSecret, SecretString};
use serde::Serializer;

const HIDDEN: &str = "***";

/// Serialises a secret without showing any of it.
#[expect(clippy::ref_option, reason = "serde's serialize_with hands over a reference to the field")]
pub(crate) fn whole<S: Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(_) => serializer.serialize_some(HIDDEN),
        None => serializer.serialize_none(),
    }
}

/// Serialises a URL without its password.
#[expect(clippy::ref_option, reason = "serde's serialize_with hands over a reference to the field")]
pub(crate) fn url<S: Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(url) => serializer.serialize_some(&url_shown(url.expose_secret())),
        None => serializer.serialize_none(),
    }
}

/// The URL with its password hidden, and with all its parameters hidden when one of them is a password.
fn url_shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return HIDDEN.to_owned() };
    let parameters = rest.split_once('?').map(|(_, parameters)| parameters.to_ascii_lowercase()).unwrap_or_default();
    if parameters.contains("pass") && parameters.contains('@') {
        // Where the password begins and ends cannot be told.
        return format!("{scheme}://{HIDDEN}");
    }
    // A password may hold `/`, `?` and `@` unescaped, so everything up to the last `@` counts as user and password.
    let (user, host) = rest.rsplit_once('@').map_or((None, rest), |(user, host)| (Some(user), host));
    let (host, query) = host.split_once('?').map_or((host, None), |(host, query)| (host, Some(query)));
    let user = match user.map(|user| user.split_once(':')) {
        None => String::new(),
        Some(Some((name, _))) => format!("{name}:{HIDDEN}@"),
        Some(None) => format!("{}@", user.unwrap_or_default()),
    };
    let query = match query {
        None => String::new(),
        Some(query) if query.to_ascii_lowercase().contains("pass") => format!("?{HIDDEN}"),
        Some(query) => format!("?{query}"),
    };
    format!("{scheme}://{user}{host}{query}")
}

#[cfg(test)]
mod tests {
    use super::url_shown;

    #[test]
    fn a_url_is_shown_without_its_password() {
        let table = [
            ("postgres://pay:hunter2@db:5432/pay", "postgres://pay:***@db:5432/pay"),
            ("postgres://pay:hun/ter@2@db/pay", "postgres://pay:***@db/pay"),
            ("postgres://pay:hun?ter@2@db/pay", "postgres://pay:***@db/pay"),
            ("postgres://pay:hun#ter@db/pay?a=b", "postgres://pay:***@db/pay?a=b"),
            ("postgres://db/pay?user=pay&password=hun@ter2", "postgres://***"),
            ("postgres://pay@db/pay?sslmode=require", "postgres://pay@db/pay?sslmode=require"),
            ("postgres://db/pay?user=pay&password=hunter2", "postgres://db/pay?***"),
            ("redis://:hunter2@cache:6379/3", "redis://:***@cache:6379/3"),
            ("redis://cache", "redis://cache"),
            ("hunter2", "***"),
        ];
        for (url, expected) in table {
            assert_eq!(url_shown(url), expected);
        }
    }
}
