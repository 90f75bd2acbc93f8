//! `Retry-After`.

use paybell_delivery::LIFETIME_MAX;
use std::time::{Duration, SystemTime};

/// The delay that a `Retry-After` asks for, in seconds or as an HTTP date (RFC 9110, 10.2.3). A date that has passed asks
/// for none; more than a delivery may live makes no difference and is cut.
pub(crate) fn delay(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if value.is_empty() {
        return None;
    }
    let delay = if value.bytes().all(|b| b.is_ascii_digit()) {
        // A number too large for the type is a number that is cut.
        value.parse().map_or(LIFETIME_MAX, Duration::from_secs)
    } else {
        httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default()
    };
    Some(delay.min(LIFETIME_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn seconds_and_dates_are_understood_and_anything_else_is_ignored() {
        // 1994-11-06T08:49:37Z
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
        let seconds = |n| Some(Duration::from_secs(n));
        let table = [
            ("120", seconds(120)),
            (" 0 ", seconds(0)),
            ("31536000", Some(LIFETIME_MAX)),
            ("99999999999999999999999999", Some(LIFETIME_MAX)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", seconds(60)),
            ("Sunday, 06-Nov-94 08:50:37 GMT", seconds(60)),
            ("Sun Nov  6 08:50:37 1994", seconds(60)),
            ("Sun, 06 Nov 1994 08:49:36 GMT", seconds(0)),
            ("Mon, 06 Nov 1995 08:49:37 GMT", Some(LIFETIME_MAX)),
            ("", None),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("2026-11-21T09:30:00Z", None),
        ];
        for (value, expected) in table {
            assert_eq!(delay(value, now), expected, "{value:?}");
        }
    }
}
