//! Identifiers that sort by time, and the days that they fall on.

use paybell_delivery::{ATTEMPTS_KEPT_MIN, Timestamp};
use std::time::Duration;
use uuid::{NoContext, Uuid};

/// An id of the moment, by the clock that dates its row, which sorts by it to a quarter of a microsecond: the 12 bits
/// after the milliseconds are their fraction (RFC 9562, section 6.2, method 3).
pub fn id_at(at: Timestamp) -> Uuid {
    let seconds = u64::try_from(at.unix_seconds()).unwrap_or(0);
    let nanos = u32::try_from(at.0.rem_euclid(1_000_000) * 1_000).unwrap_or(0);
    let mut bytes = Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanos)).into_bytes();
    let fraction = u16::try_from(at.0.rem_euclid(1_000) * 4096 / 1_000).unwrap_or(0).to_be_bytes();
    (bytes[6], bytes[7]) = (0x70 | fraction[0], fraction[1]);
    Uuid::from_bytes(bytes)
}

/// The moment for which [`id_at`] made an id.
pub(crate) fn time_of(id: Uuid) -> Timestamp {
    let number = id.as_u128();
    let millis = i64::try_from(number >> 80).unwrap_or(0);
    let fraction = i64::try_from(number >> 64 & 0xfff).unwrap_or(0);
    // Rounded up, as the fraction was cut.
    Timestamp(millis * 1_000 + (fraction * 1_000 + 4_095) / 4_096)
}

/// The id that sorts before all others of the moment.
pub(crate) fn first_id_at(at: Timestamp) -> Uuid {
    let millis = u64::try_from(at.0.div_euclid(1_000)).unwrap_or(0).min((1 << 48) - 1);
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    Uuid::from_bytes(bytes)
}

const DAY_US: i64 = 24 * 3_600 * 1_000_000;

/// A day in UTC, as a range of ids.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Day {
    /// Since 1970-01-01.
    number: i64,
}

impl Day {
    pub(crate) fn of(at: Timestamp) -> Self {
        Self { number: at.0.div_euclid(DAY_US) }
    }

    /// The first day of which anything is kept for so long: its end is no longer ago than that.
    pub(crate) fn oldest_kept(now: Timestamp, kept_for: Duration) -> Self {
        Self::of(now.before(kept_for.max(ATTEMPTS_KEPT_MIN)))
    }

    pub(crate) fn plus(self, days: i64) -> Self {
        Self { number: self.number + days }
    }

    /// The id that sorts before all others of this day.
    pub(crate) fn first_id(self) -> Uuid {
        first_id_at(self.begins_at())
    }

    /// As in the names of tables: `20261121`.
    pub(crate) fn digits(self) -> String {
        self.begins_at().to_rfc3339().chars().take_while(|c| *c != 'T').filter(char::is_ascii_digit).collect()
    }

    /// Reads [`Day::digits`].
    pub(crate) fn from_digits(digits: &str) -> Option<Self> {
        let (year, month, day) = (digits.get(..4)?, digits.get(4..6)?, digits.get(6..)?);
        let day = Self::of(Timestamp::from_rfc3339(&format!("{year}-{month}-{day}T00:00:00Z"))?);
        (day.digits() == digits).then_some(day)
    }

    fn begins_at(self) -> Timestamp {
        Timestamp(self.number.saturating_mul(DAY_US))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        Timestamp::from_rfc3339(text).expect("a moment")
    }

    #[test]
    fn moment_of_an_id_is_read_back() {
        for micros in [0, 1, 999, 1_000, 1_795_253_400_123_456, 1_795_253_400_999_999] {
            assert_eq!(time_of(id_at(Timestamp(micros))), Timestamp(micros));
        }
    }

    #[test]
    fn day_is_the_range_of_its_ids() {
        let day = Day::of(moment("2026-11-21T09:30:00Z"));
        let inside = |at: &str| (day.first_id()..day.plus(1).first_id()).contains(&id_at(moment(at)));
        assert!(inside("2026-11-21T00:00:00Z") && inside("2026-11-21T23:59:59.999999Z"));
        assert!(!inside("2026-11-20T23:59:59.999999Z") && !inside("2026-11-22T00:00:00Z"));
        assert_eq!(day.first_id().to_string(), "01a1fb67-1800-0000-0000-000000000000");
        assert_eq!(Day::of(Timestamp(-1)).first_id(), Uuid::nil(), "before 1970 there are no ids");
    }

    #[test]
    fn day_is_known_by_its_digits() {
        for digits in ["19700101", "20240229", "20261121", "99990101"] {
            assert_eq!(Day::from_digits(digits).expect(digits).digits(), digits);
        }
        assert_eq!(Day::from_digits("20261121").expect("a day").plus(10).digits(), "20261201");
        for other in ["", "2026", "20260229", "20261321", "2026112", "202611210", "2026-1-1", "2026112\u{e9}"] {
            assert_eq!(Day::from_digits(other), None, "{other}");
        }
    }

    #[test]
    fn day_is_kept_until_all_of_it_is_older() {
        let kept_for = Duration::from_secs(90 * 24 * 3600);
        let day = Day::of(moment("2026-01-10T12:00:00Z"));
        let end = day.plus(1).begins_at();
        assert_eq!(Day::oldest_kept(end + kept_for.saturating_sub(Duration::from_micros(1)), kept_for), day);
        assert_eq!(Day::oldest_kept(end + kept_for, kept_for), day.plus(1), "its last moment is older now");
        let least = Day::oldest_kept(end, Duration::ZERO);
        assert_eq!(least, day.plus(-6), "never less than the least");
    }
}
