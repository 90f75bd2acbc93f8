//! Finds card data in what is sent, so that it is refused before anything is kept: the numbers of payment cards
//! (ISO/IEC 7812: 13 to 19 digits whose last is the Luhn check digit) and the names of verification codes.

/// Whether the text holds a card number: 13 to 19 digits, also in groups parted by single spaces or dashes, with an
/// issuer's prefix and the right check digit. `digits_min` raises the least length, for telephone numbers.
///
/// Runs that touch a hexadecimal letter are passed over: UUIDs and hashes hold such digits by chance. So are
/// international telephone numbers, a plus sign and at most 15 digits (ITU-T E.164).
pub(crate) fn holds_card_number(text: &str, digits_min: usize) -> bool {
    let bytes = text.as_bytes();
    if bytes.iter().filter(|b| b.is_ascii_digit()).count() < digits_min {
        return false;
    }
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let end = end_of_run(bytes, at);
        // Most runs are too short, and need no closer look.
        if end - at >= digits_min && Run::of(bytes, at, end).holds_card_number(bytes, digits_min) {
            return true;
        }
        at = end;
    }
    false
}

/// Whether a member of this name holds a card's verification code.
pub(crate) fn names_verification_code(name: &str) -> bool {
    const NAMES: [&str; 8] =
        ["cvv", "cvv2", "cvc", "cvc2", "cardcode", "cardsecuritycode", "cardverificationvalue", "cardverificationcode"];
    let plain = name.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
    name.len() <= 64 && NAMES.iter().any(|known| plain.clone().eq(known.bytes()))
}

/// Groups of digits parted by single spaces or dashes.
struct Run {
    /// Each group's first and past-the-end index.
    groups: Vec<(usize, usize)>,
}

/// Where the groups of digits end that begin here.
fn end_of_run(bytes: &[u8], start: usize) -> usize {
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut at = start;
    while is_digit(at) || (matches!(bytes.get(at), Some(b' ' | b'-')) && is_digit(at + 1)) {
        at += 1;
    }
    at
}

impl Run {
    fn of(bytes: &[u8], start: usize, end: usize) -> Run {
        let mut groups = Vec::new();
        let mut at = start;
        for group in bytes[start..end].split(|byte| !byte.is_ascii_digit()) {
            groups.push((at, at + group.len()));
            at += group.len() + 1;
        }
        Run { groups }
    }

    fn holds_card_number(&self, bytes: &[u8], digits_min: usize) -> bool {
        let before = |start: usize| start.checked_sub(1).and_then(|i| bytes.get(i)).copied();
        (0..self.groups.len()).any(|first| {
            let start = self.groups[first].0;
            if before(start).is_some_and(|b| b.is_ascii_hexdigit()) {
                return false;
            }
            let telephone = before(start) == Some(b'+');
            let mut digits = Vec::with_capacity(20);
            for &(from, to) in &self.groups[first..] {
                if digits.len() + (to - from) > 19 {
                    return false;
                }
                digits.extend(bytes[from..to].iter().map(|b| b - b'0'));
                let least = if telephone { digits_min.max(16) } else { digits_min };
                let ends = !bytes.get(to).is_some_and(u8::is_ascii_hexdigit);
                if digits.len() >= least && ends && is_card_number(&digits) {
                    return true;
                }
            }
            false
        })
    }
}

fn is_card_number(digits: &[u8]) -> bool {
    has_issuer_prefix(digits) && luhn_is_right(digits)
}

/// The prefixes and lengths that the card schemes have announced; without them, every tenth long number would be
/// taken for a card.
fn has_issuer_prefix(digits: &[u8]) -> bool {
    let length = digits.len();
    let prefix = digits.iter().take(4).fold(0u32, |number, digit| number * 10 + u32::from(*digit));
    match prefix {
        2200..=2204 => (16..=19).contains(&length),
        2221..=2720 => length == 16,
        3400..=3499 | 3700..=3799 => length == 15,
        3000..=3059 | 3095 | 3600..=3699 | 3800..=3999 => (14..=19).contains(&length),
        3528..=3589 => (16..=19).contains(&length),
        4000..=4999 => matches!(length, 13 | 16 | 18 | 19),
        5100..=5599 => length == 16,
        5000..=5099 | 5600..=6999 => (13..=19).contains(&length),
        8100..=8299 => (16..=19).contains(&length),
        9112 | 9417 | 9792 | 9860 => length == 16,
        _ => false,
    }
}

fn luhn_is_right(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| match (place % 2, u32::from(digit)) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => digit * 2 - 9,
            (_, digit) => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn card_numbers_are_found_in_any_writing() {
        for text in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "paid with 5500005555555559.",
            "3782 822463 10005",
            "card:6011000990139424;",
            "order 12 4111111111111111",
            "30569309025904",
            "4222222222222",
            "PAN4111111111111111",
            "2200770239097761 of the payer",
        ] {
            assert!(holds_card_number(text, 13), "{text}");
        }
    }

    #[test]
    fn other_numbers_are_not_taken_for_cards() {
        for text in [
            "4111111111111112",
            "1732186800123",
            "0000000000000000",
            "550e8400-e29b-41d4-a716-446655440000",
            "+49 151 23456780",
            "+4915123456780",
            "41111111111111111111111111111111",
            "2026-11-21 09:30:00.123456",
            "a4111111111111111",
            "",
        ] {
            assert!(!holds_card_number(text, 13), "{text}");
        }
    }

    #[test]
    fn telephone_fields_only_refuse_what_is_too_long_for_a_telephone() {
        assert!(holds_card_number("4222222222222", 13));
        assert!(!holds_card_number("4222222222222", 16));
        assert!(holds_card_number("4111111111111111", 16));
    }

    #[test]
    fn verification_codes_are_known_by_their_names() {
        for name in ["cvv", "CVC", "card_verification_value", "cvv-2", "Card Security Code"] {
            assert!(names_verification_code(name), "{name}");
        }
        assert!(!names_verification_code("cvv_result"));
        assert!(!names_verification_code("code"));
    }
}
