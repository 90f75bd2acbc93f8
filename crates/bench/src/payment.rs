//! The body of a payment, of about 500 bytes, and how its number is found again in a notification.

/// How the ids of a run's payments begin, so that the sink finds them without parsing.
pub(crate) const ID_PREFIX: &str = "bench-";

/// What stands between the prefix and the number of a payment that was generated straight into the database.
pub(crate) const STOCK_MARK: &str = "s";

/// A payment as the gateway sends it.
pub(crate) fn payment(number: usize, merchant: &str) -> String {
    format!(
        concat!(
            r#"{{"merchant":"{}","id":"{}{}","pay_for":"order-{}","amount":{},"currency":"EUR","#,
            r#""confirmed_at":"2026-01-02T03:04:05Z","method":"card","description":"Order {} of a shop that sells"#,
            r#" things, with a description of the usual length for such a thing","payer_email":"payer{}@example.com","#,
            r#""payer_phone":"+49 30 1234567","data":{{"channel":"web","language":"en","cart":["a book","a lamp","#,
            r#""two chairs"],"campaign":"spring","note":"leave it at the door, please; the bell does not ring"}}}}"#
        ),
        merchant,
        ID_PREFIX,
        number,
        number,
        100 + number % 100_000,
        number,
        number % 1000,
    )
}

/// Which payment a body tells of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Number {
    /// One that the gateway sent in this run.
    Live(usize),
    /// One that was generated straight into the database.
    Stock(usize),
}

/// The number of the payment that a notification tells of.
pub(crate) fn number_in(body: &[u8]) -> Option<Number> {
    let at = body.windows(ID_PREFIX.len()).position(|window| window == ID_PREFIX.as_bytes())?;
    let rest = body.get(at + ID_PREFIX.len()..)?;
    let (digits, is_stock) = rest.strip_prefix(STOCK_MARK.as_bytes()).map_or((rest, false), |digits| (digits, true));
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    let number = std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok()?;
    Some(if is_stock { Number::Stock(number) } else { Number::Live(number) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_has_500_bytes_give_or_take_25() {
        for number in [0, 7, 99_999, 123_456, 9_999_999] {
            for merchant in ["healthy-0", "hanging-999"] {
                let body = payment(number, merchant);
                assert!((475..=525).contains(&body.len()), "{} bytes: {body}", body.len());
                serde_json::from_str::<serde_json::Value>(&body).expect("it is JSON");
            }
        }
    }

    #[test]
    fn a_payment_is_found_again_by_its_number() {
        for (body, expected) in [
            (payment(42, "shop"), Some(Number::Live(42))),
            (r#"{"data":{"id":"bench-s17","merchant":"m"}}"#.to_owned(), Some(Number::Stock(17))),
            (r#"{"id":"bench-"}"#.to_owned(), None),
            (r#"{"id":"other-1"}"#.to_owned(), None),
            ("bench-5".to_owned(), Some(Number::Live(5))),
        ] {
            assert_eq!(number_in(body.as_bytes()), expected, "{body}");
        }
    }
}
