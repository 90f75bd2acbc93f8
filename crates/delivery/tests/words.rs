//! Words, ids and currencies as they are stored and sent.

use paybell_delivery::{Currency, DeliveryId, MerchantId, Money, Outcome, Reason, State, UnknownCurrency, UnknownWord};
use std::collections::HashSet;

macro_rules! words_go_both_ways {
    ($kind:ident, $what:literal) => {
        let words: HashSet<&str> = $kind::ALL.iter().map(|one| one.as_str()).collect();
        assert_eq!(words.len(), $kind::ALL.len(), "a word of {} stands for two", $what);
        for one in $kind::ALL {
            assert_eq!(one.as_str().parse::<$kind>(), Ok(*one));
            assert_eq!(serde_json::to_value(one).expect("a word"), one.as_str());
        }
        for word in ["", "x", "PENDING", " pending"] {
            let unknown = UnknownWord { what: $what, word: word.to_owned() };
            assert_eq!(word.parse::<$kind>(), Err(unknown));
        }
    };
}

#[test]
fn every_word_reads_back_and_others_are_refused() {
    words_go_both_ways!(State, "delivery state");
    words_go_both_ways!(Reason, "reason");
    words_go_both_ways!(Outcome, "outcome");
    let error = "lost".parse::<State>().expect_err("unknown");
    assert_eq!(error.to_string(), r#""lost" is not a known delivery state"#);
}

#[test]
fn only_a_lost_answer_leaves_doubt() {
    let doubtful: Vec<&str> = Outcome::ALL.iter().filter(|o| o.leaves_doubt()).map(|o| o.as_str()).collect();
    assert_eq!(doubtful, ["wrong_reply_signature", "timed_out", "interrupted", "unknown", "panicked"]);
    let in_words: HashSet<&str> = Outcome::ALL.iter().map(|o| o.in_words()).collect();
    assert_eq!(in_words.len(), Outcome::ALL.len());
}

#[test]
fn merchant_ids_are_short_and_plain() {
    let longest = "m".repeat(64);
    for good in ["a", "7", "shop-7", "A.b_c-d", "..", &longest] {
        assert_eq!(MerchantId::new(good).expect(good).as_str(), good);
    }
    let too_long = "m".repeat(65);
    for bad in ["", " ", "a shop", "a/b", "a\0", "магазин", "a\n", "%61", "a:b", &too_long] {
        assert_eq!(MerchantId::new(bad), None, "{bad:?}");
    }
}

#[test]
fn ids_read_back_from_their_text() {
    let text = "0190a3d2-7c1e-7000-8000-000000000001";
    let id: DeliveryId = text.parse().expect("an id");
    assert_eq!((id.to_string(), format!("{id:?}")), (text.to_owned(), text.to_owned()));
    assert_eq!(serde_json::to_value(id).expect("text"), text);
    assert!("0190a3d2".parse::<DeliveryId>().is_err());
}

#[test]
fn currencies_know_the_digits_of_their_minor_unit() {
    for (code, exponent) in
        [("EUR", 2), ("RUB", 2), ("USD", 2), ("JPY", 0), ("KRW", 0), ("KWD", 3), ("BHD", 3), ("XAU", 0)]
    {
        let currency: Currency = code.parse().expect(code);
        assert_eq!((currency.code(), currency.exponent()), (code, exponent));
        let money = Money { amount_minor: 15_000, currency };
        let expected = serde_json::json!({"amount_minor": 15_000, "currency": code});
        assert_eq!(serde_json::to_value(money).expect("JSON"), expected);
    }
    for bad in ["", "eur", "EURO", "RUR", "ZZZ", "EU", " EUR", "€"] {
        assert_eq!(bad.parse::<Currency>(), Err(UnknownCurrency(bad.to_owned())));
    }
}
