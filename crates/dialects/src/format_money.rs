//! Money in decimal digits.

use crate::Amount;
use crate::definition::{Money, Unit};

/// Digits of a rate after the point.
const RATE_DIGITS: u32 = 6;

/// Currencies have at most four; more would be a mistake of the caller.
const EXPONENT_MAX: u32 = 18;

/// The amount in the format. What does not fit is cut off, and zeros beyond `digits_min` are left out.
pub(crate) fn format_money(amount: Amount<'_>, format: Money) -> String {
    let exponent = amount.exponent.min(EXPONENT_MAX);
    match format.unit {
        Unit::Minor => amount.minor.to_string(),
        Unit::Major => decimal(i128::from(amount.minor), exponent, format),
    }
}

/// How much of the balance's currency there is for one of the payment's: cut off after six digits. `None` without a
/// balance or without an amount.
pub(crate) fn format_rate(amount: Amount<'_>, balance: Option<Amount<'_>>, format: Money) -> Option<String> {
    let balance = balance?;
    let scale = 10_i128.checked_pow(RATE_DIGITS + amount.exponent.min(EXPONENT_MAX))?;
    let above = i128::from(balance.minor).checked_mul(scale)?;
    let below = i128::from(amount.minor).checked_mul(10_i128.checked_pow(balance.exponent.min(EXPONENT_MAX))?)?;
    let format =
        Money { digits_max: format.digits_max.or(Some(6)), digits_min: format.digits_min.or(Some(0)), ..format };
    Some(decimal(above.checked_div(below)?, RATE_DIGITS, format))
}

fn decimal(minor: i128, exponent: u32, format: Money) -> String {
    let digits = exponent as usize;
    let most = format.digits_max.map_or(digits, usize::from);
    let least = format.digits_min.map_or(most, usize::from);
    let padded = format!("{:0width$}", minor.unsigned_abs(), width = digits + 1);
    let (whole, part) = padded.split_at(padded.len() - digits);
    let kept = part[..part.len().min(most)].trim_end_matches('0');
    let sign = if minor < 0 { "-" } else { "" };
    match kept.len().max(least) {
        0 => format!("{sign}{whole}"),
        width => format!("{sign}{whole}.{kept:0<width$}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CURRENCY: Money = Money { unit: Unit::Major, digits_min: None, digits_max: None };
    const ONE_OR_TWO: Money = Money { unit: Unit::Major, digits_min: Some(1), digits_max: Some(2) };
    const NONE_OR_TWO: Money = Money { unit: Unit::Major, digits_min: Some(0), digits_max: Some(2) };
    const MINOR: Money = Money { unit: Unit::Minor, digits_min: None, digits_max: None };

    fn amount(minor: i64, exponent: u32) -> Amount<'static> {
        Amount { minor, currency: "XXX", exponent }
    }

    #[test]
    fn amounts_have_the_digits_of_their_format() {
        let table = [
            (0, 0, CURRENCY, "0"),
            (150, 0, CURRENCY, "150"),
            (0, 2, CURRENCY, "0.00"),
            (5, 2, CURRENCY, "0.05"),
            (50, 2, CURRENCY, "0.50"),
            (15_000, 2, CURRENCY, "150.00"),
            (7, 3, CURRENCY, "0.007"),
            (1_234, 3, CURRENCY, "1.234"),
            (i64::MAX, 2, CURRENCY, "92233720368547758.07"),
            (100, 0, ONE_OR_TWO, "100.0"),
            (10_000, 2, ONE_OR_TWO, "100.0"),
            (10_050, 2, ONE_OR_TWO, "100.5"),
            (10_055, 2, ONE_OR_TWO, "100.55"),
            (1_001_155, 4, ONE_OR_TWO, "100.11"),
            (100_119, 3, ONE_OR_TWO, "100.11"),
            (5, 3, ONE_OR_TWO, "0.0"),
            (10_000, 2, NONE_OR_TWO, "100"),
            (10_010, 2, NONE_OR_TWO, "100.1"),
            (15_000, 2, MINOR, "15000"),
            (-150, 2, ONE_OR_TWO, "-1.5"),
        ];
        for (minor, exponent, format, expected) in table {
            assert_eq!(format_money(amount(minor, exponent), format), expected);
        }
    }

    #[test]
    fn rates_are_exact_quotients_cut_off() {
        let rate = |paid, balance| format_rate(paid, balance, Money { digits_min: Some(1), ..CURRENCY });
        assert_eq!(rate(amount(100, 2), Some(amount(100, 2))).as_deref(), Some("1.0"));
        assert_eq!(rate(amount(10_200, 2), Some(amount(337_839, 2))).as_deref(), Some("33.12147"));
        assert_eq!(rate(amount(3, 0), Some(amount(200, 2))).as_deref(), Some("0.666666"));
        assert_eq!(rate(amount(0, 2), Some(amount(100, 2))), None);
        assert_eq!(rate(amount(100, 2), None), None);
    }

    proptest! {
        #[test]
        fn an_amount_reads_back_as_the_same_minor_units(minor in 0..=i64::MAX, exponent in prop::sample::select(vec![0_u32, 2, 3])) {
            let text = format_money(amount(minor, exponent), CURRENCY);
            let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
            prop_assert_eq!(part.len(), exponent as usize);
            prop_assert!(whole == "0" || !whole.starts_with('0'));
            prop_assert_eq!(format!("{whole}{part}").parse::<i64>().expect("digits"), minor);
        }

        #[test]
        fn a_format_never_gives_more_money_and_keeps_to_its_digits(minor in 0..=i64::MAX, exponent in 0_u32..5, least in 0_u8..3, more in 0_u8..3) {
            let format = Money { unit: Unit::Major, digits_min: Some(least), digits_max: Some(least + more) };
            let text = format_money(amount(minor, exponent), format);
            let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
            prop_assert!((usize::from(least)..=usize::from(least + more)).contains(&part.len()));
            let shown: i128 = format!("{whole}{part:0<8}").parse().expect("digits");
            let said = i128::from(minor) * 10_i128.pow(8 - exponent);
            prop_assert!(shown <= said && said - shown < 10_i128.pow(8 - u32::from((least + more).min(8))));
        }
    }
}
