//! Money in decimal digits.

use crate::Amount;

/// The amount with exactly its currency's digits: `150.00` for 15000 kopecks, `150` for 150 yen.
pub(crate) fn decimal(amount: Amount<'_>) -> String {
    let digits = amount.exponent as usize;
    let sign = if amount.minor < 0 { "-" } else { "" };
    let minor = amount.minor.unsigned_abs();
    if digits == 0 {
        return format!("{sign}{minor}");
    }
    let padded = format!("{minor:0width$}", width = digits + 1);
    let (whole, part) = padded.split_at(padded.len() - digits);
    format!("{sign}{whole}.{part}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn amount(minor: i64, exponent: u32) -> Amount<'static> {
        Amount { minor, currency: "XXX", exponent }
    }

    #[test]
    fn amounts_have_exactly_the_digits_of_their_currency() {
        let table = [
            (0, 0, "0"),
            (150, 0, "150"),
            (0, 2, "0.00"),
            (5, 2, "0.05"),
            (50, 2, "0.50"),
            (15_000, 2, "150.00"),
            (7, 3, "0.007"),
            (1_234, 3, "1.234"),
            (i64::MAX, 2, "92233720368547758.07"),
        ];
        for (minor, exponent, expected) in table {
            assert_eq!(decimal(amount(minor, exponent)), expected);
        }
    }

    proptest! {
        #[test]
        fn an_amount_reads_back_as_the_same_minor_units(minor in 0..=i64::MAX, exponent in prop::sample::select(vec![0_u32, 2, 3])) {
            let text = decimal(amount(minor, exponent));
            prop_assert!(!text.starts_with('-'));
            let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
            prop_assert_eq!(part.len(), exponent as usize);
            prop_assert!(whole == "0" || !whole.starts_with('0'));
            prop_assert_eq!(format!("{whole}{part}").parse::<i64>().expect("digits"), minor);
        }
    }
}
