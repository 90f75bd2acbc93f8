//! Numbers, money and times as people read them.

use crate::texts::Lang;
use paybell_delivery::{Delivery, Money, Reason, State, Timestamp};
use paybell_store::manage::Sum;
use std::time::Duration;

impl Lang {
    fn thousands(self) -> char {
        match self {
            Lang::En => ',',
            Lang::Ru => '\u{a0}',
        }
    }

    fn decimal(self) -> char {
        match self {
            Lang::En => '.',
            Lang::Ru => ',',
        }
    }

    /// A number in groups of three digits.
    pub(crate) fn number(self, n: u64) -> String {
        let digits = n.to_string();
        let mut text = String::new();
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(3) {
                text.push(self.thousands());
            }
            text.push(digit);
        }
        text
    }

    /// A number with so many decimals.
    pub(crate) fn decimals(self, n: f64, decimals: usize) -> String {
        format!("{n:.decimals$}").replace('.', &self.decimal().to_string())
    }

    /// An amount with its currency: `1,234.50 EUR`.
    pub(crate) fn money(self, money: Money) -> String {
        let exponent = money.currency.exponent();
        let unit = 10_u64.pow(exponent.min(18));
        let minor = money.amount_minor.unsigned_abs();
        let sign = if money.amount_minor < 0 { "−" } else { "" };
        let whole = self.number(minor / unit);
        let code = money.currency.code();
        if exponent == 0 {
            return format!("{sign}{whole}\u{a0}{code}");
        }
        let width = exponent as usize;
        format!("{sign}{whole}{}{:0width$}\u{a0}{code}", self.decimal(), minor % unit)
    }

    /// All the money of a sum, one currency after the other; "at least" where not all was counted.
    pub(crate) fn moneys(self, sum: &Sum) -> String {
        let all: Vec<String> = sum.money.iter().map(|money| self.money(*money)).collect();
        let all = if all.is_empty() { "–".to_owned() } else { all.join(", ") };
        if sum.is_cut() { format!("{} {all}", self.at_least()) } else { all }
    }

    /// How many a sum counted.
    pub(crate) fn count(self, sum: &Sum) -> String {
        if sum.is_cut() { format!("{} {}", self.number(sum.count), self.or_more()) } else { self.number(sum.count) }
    }

    /// A number that was counted up to `limit`.
    pub(crate) fn counted(self, n: u64, limit: u64) -> String {
        if n >= limit { format!("{} {}", self.number(limit), self.or_more()) } else { self.number(n) }
    }

    /// A time in its two largest units: `3 h 12 min`, `4 s`, `120 ms`.
    pub(crate) fn duration(self, time: Duration) -> String {
        let s = time.as_secs();
        let (d, h, m, sec) = (self.days_short(), self.hours_short(), self.minutes_short(), self.seconds_short());
        match s {
            0 if time.is_zero() => format!("0 {sec}"),
            0 => format!("{} {}", time.as_millis().max(1), self.milliseconds_short()),
            1..10 if time.subsec_millis() >= 50 => format!("{} {sec}", self.decimals(time.as_secs_f64(), 1)),
            1..60 => format!("{s} {sec}"),
            60..3600 if s.is_multiple_of(60) => format!("{} {m}", s / 60),
            60..3600 => format!("{} {m} {} {sec}", s / 60, s % 60),
            3600..172_800 if s % 3600 < 60 => format!("{} {h}", s / 3600),
            3600..172_800 => format!("{} {h} {} {m}", s / 3600, s % 3600 / 60),
            _ if s % 86_400 < 3600 => format!("{} {d}", s / 86_400),
            _ => format!("{} {d} {} {h}", s / 86_400, s % 86_400 / 3600),
        }
    }

    /// How long until `at`: `in 3 min 2 s`, `now`, or `3 min 2 s ago`.
    pub(crate) fn until(self, at: Timestamp, now: Timestamp) -> String {
        if at > now {
            format!("{} {}", self.in_time(), self.duration(whole_seconds(at.since(now))))
        } else if now.since(at) < Duration::from_secs(1) {
            self.now().to_owned()
        } else {
            format!("{} {}", self.duration(whole_seconds(now.since(at))), self.ago())
        }
    }

    /// A state in a word.
    pub(crate) const fn state_word(self, state: State) -> &'static str {
        match state {
            State::Pending => self.pending(),
            State::Delivered => self.delivered(),
            State::Undelivered => self.undelivered(),
            State::Settled => self.settled(),
        }
    }

    /// A reason in words.
    pub(crate) const fn reason_words(self, reason: Reason) -> &'static str {
        match reason {
            Reason::Expired => self.expired(),
            Reason::Refused => self.refused(),
            Reason::RefusedAfterUnknown => self.refused_after_unknown(),
            Reason::Panicked => self.panicked(),
        }
    }

    /// When a delivery is attempted next; nothing once it is final.
    pub(crate) fn next_attempt_of(self, delivery: &Delivery, now: Timestamp) -> String {
        match delivery.state {
            State::Pending if delivery.due_at >= delivery.deadline_at => "–".to_owned(),
            State::Pending if delivery.due_at <= now => self.now().to_owned(),
            State::Pending => self.until(delivery.due_at, now),
            State::Delivered | State::Undelivered | State::Settled => String::new(),
        }
    }
}

fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs().max(1))
}

/// A moment to the second: `2026-11-21 09:30:00`, in UTC.
pub(crate) fn moment(at: Timestamp) -> String {
    let text = at.to_rfc3339();
    text.get(..19).map_or_else(|| text.clone(), |text| text.replace('T', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_written_in_full_and_in_the_visitors_way() {
        let money = |amount_minor, code: &str| Money { amount_minor, currency: code.parse().expect("a currency") };
        assert_eq!(Lang::En.money(money(123_456_789, "EUR")), "1,234,567.89\u{a0}EUR");
        assert_eq!(Lang::Ru.money(money(100_005, "RUB")), "1\u{a0}000,05\u{a0}RUB");
        assert_eq!(Lang::En.money(money(7, "EUR")), "0.07\u{a0}EUR");
        assert_eq!(Lang::En.money(money(1_200, "JPY")), "1,200\u{a0}JPY");
        assert_eq!(Lang::En.money(money(1_234_567, "KWD")), "1,234.567\u{a0}KWD");
    }

    #[test]
    fn times_are_shown_in_their_two_largest_units() {
        let rows = [(0.0, "0 s"), (0.12, "120 ms"), (59.0, "59 s"), (61.0, "1 min 1 s"), (7_260.0, "2 h 1 min")];
        for (s, expected) in rows {
            assert_eq!(Lang::En.duration(Duration::from_secs_f64(s)), expected);
        }
        assert_eq!(Lang::Ru.duration(Duration::from_secs(259_200)), "3 д");
        assert_eq!(moment(Timestamp(0)), "1970-01-01 00:00:00");
        assert_eq!(Lang::En.until(Timestamp(5_000_000), Timestamp(0)), "in 5 s");
        assert_eq!(Lang::En.until(Timestamp(0), Timestamp(61_000_000)), "1 min 1 s ago");
    }

    #[test]
    fn sums_that_were_cut_say_so() {
        let money = vec![Money { amount_minor: 100, currency: "EUR".parse().expect("a currency") }];
        let cut = Sum { count: Sum::COUNT_MAX, money: money.clone(), cut: true };
        assert_eq!(Lang::En.moneys(&cut), "at least 1.00\u{a0}EUR");
        assert_eq!(Lang::En.count(&cut), "10,000 or more");
        assert_eq!(Lang::En.count(&Sum { count: 7, cut: true, ..Sum::default() }), "7 or more");
        assert_eq!(Lang::En.moneys(&Sum { count: 1, money, cut: false }), "1.00\u{a0}EUR");
        assert_eq!(Lang::En.moneys(&Sum::default()), "–");
    }
}
