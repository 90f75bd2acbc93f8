//! Times in a dialect's pattern and offset.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// How a time is written.
#[derive(Debug)]
pub(crate) enum TimeFormat {
    /// Seconds since 1970.
    Unix,
    /// Milliseconds since 1970.
    UnixMs,
    /// A pattern of strftime.
    Pattern(Box<str>),
}

impl TimeFormat {
    /// The format of that pattern, if it can be written at all.
    pub(crate) fn parse(pattern: &str) -> Result<TimeFormat, String> {
        let format = match pattern {
            "unix" => TimeFormat::Unix,
            "unix-ms" => TimeFormat::UnixMs,
            _ => TimeFormat::Pattern(pattern.into()),
        };
        let tried = format_time(Timestamp::UNIX_EPOCH, Offset::UTC, &format);
        tried.map(|_| format)
    }
}

/// The time as text; or why the pattern cannot be written.
pub(crate) fn format_time(time: Timestamp, offset: Offset, format: &TimeFormat) -> Result<String, String> {
    match format {
        TimeFormat::Unix => Ok(time.as_second().to_string()),
        TimeFormat::UnixMs => Ok(time.as_millisecond().to_string()),
        TimeFormat::Pattern(pattern) => {
            let local = time.to_zoned(TimeZone::fixed(offset));
            jiff::fmt::strtime::format(pattern.as_bytes(), &local).map_err(|error| error.to_string())
        }
    }
}

/// `+03:00`, `-05:30`, or `Z`.
pub(crate) fn parse_offset(text: &str) -> Option<Offset> {
    if text == "Z" {
        return Some(Offset::UTC);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':').filter(|(hours, minutes)| hours.len() == 2 && minutes.len() == 2)?;
    let (hours, minutes): (i32, i32) = (number(hours)?, number(minutes)?);
    let seconds = (hours <= 18 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))?;
    Offset::from_seconds(seconds).ok()
}

fn number(digits: &str) -> Option<i32> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_their_pattern_and_offset() {
        let time: Timestamp = "2013-11-20T21:39:59.5Z".parse().expect("a time");
        let table = [
            ("%Y-%m-%dT%H:%M:%S%:z", "+04:00", "2013-11-21T01:39:59+04:00"),
            ("%Y-%m-%d %H:%M:%S", "Z", "2013-11-20 21:39:59"),
            ("%Y%m%d %H:%M:%S", "-05:30", "20131120 16:09:59"),
            ("unix", "Z", "1384983599"),
            ("unix-ms", "+03:00", "1384983599500"),
        ];
        for (pattern, offset, expected) in table {
            let offset = parse_offset(offset).expect(offset);
            let format = TimeFormat::parse(pattern).expect(pattern);
            assert_eq!(format_time(time, offset, &format).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn offsets_and_patterns_of_the_wrong_form_are_refused() {
        for wrong in ["", "+3:00", "03:00", "+03", "+03:60", "+19:00", "+0a:00", "++1:00", "é3:00"] {
            assert_eq!(parse_offset(wrong), None, "{wrong}");
        }
        assert!(TimeFormat::parse("%Q%!").is_err());
    }
}
