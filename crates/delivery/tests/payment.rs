//! When the same payment is sent again: what counts as a difference.

use paybell_delivery::{Currency, MerchantId, Money, Payment, PaymentId, Timestamp};

fn money(amount_minor: i64, code: &str) -> Money {
    let currency: Currency = code.parse().expect("a currency");
    Money { amount_minor, currency }
}

fn payment() -> Payment {
    Payment {
        id: "0190a3d2-7c1e-7000-8000-000000000001".parse().expect("an id"),
        merchant_id: MerchantId::new("shop-7").expect("an id"),
        gateway_payment_id: "7261069".to_owned(),
        kind: "payment.confirmed".to_owned(),
        pay_for: Some("55".to_owned()),
        amount: money(15_000, "EUR"),
        balance: Some(money(14_500, "EUR")),
        method: Some("card".to_owned()),
        description: None,
        payer_email: None,
        payer_phone: None,
        data: Some(r#"{"a":1}"#.to_owned()),
        confirmed_at: Timestamp(1),
        accepted_at: Timestamp(2),
        test: false,
    }
}

#[test]
fn exactly_the_fields_that_differ_are_named() {
    type Change = fn(&mut Payment);
    let table: [(Change, &[&str]); 18] = [
        (|_| (), &[]),
        (|p| p.kind = "payment.refunded".into(), &["type"]),
        (|p| p.pay_for = None, &["pay_for"]),
        (|p| p.amount = money(15_001, "EUR"), &["amount"]),
        (|p| p.amount = money(15_000, "USD"), &["currency"]),
        (|p| p.amount = money(1, "USD"), &["amount", "currency"]),
        (|p| p.balance = Some(money(1, "EUR")), &["balance_amount"]),
        (|p| p.balance = Some(money(14_500, "USD")), &["balance_currency"]),
        (|p| p.balance = None, &["balance_amount", "balance_currency"]),
        (|p| p.method = Some("cash".into()), &["method"]),
        (|p| p.description = Some(String::new()), &["description"]),
        (|p| p.payer_email = Some("p@example.org".into()), &["payer_email"]),
        (|p| p.payer_phone = Some("+49".into()), &["payer_phone"]),
        (|p| p.data = None, &["data"]),
        (|p| p.data = Some(r#"{"a": 1}"#.into()), &["data"]),
        (|p| p.confirmed_at = Timestamp(3), &["confirmed_at"]),
        (|p| (p.pay_for, p.data) = (None, None), &["pay_for", "data"]),
        // What Paybell itself adds is no difference.
        (|p| (p.id, p.accepted_at) = (PaymentId(Default::default()), Timestamp(9)), &[]),
    ];
    for (number, (change, expected)) in table.into_iter().enumerate() {
        let mut other = payment();
        change(&mut other);
        assert_eq!(payment().differing_fields(&other), expected, "row {number}");
        assert_eq!(other.differing_fields(&payment()), expected, "row {number} the other way round");
    }
}
