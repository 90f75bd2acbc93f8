//! Checks: recorded with their answers, found again by key and beside the payment that follows.

use crate::fixture::{Fixture, actor, all, at, id_at, merchant_id, payment, terms};
use anyhow::{Context, Result};
use paybell_delivery::{
    Check, CheckAnswer, CheckId, CheckQuestion, EndpointId, MerchantId, Money, PaymentId, Timestamp,
};
use paybell_store::StoreError;
use paybell_store::manage::{CheckFilter, EndpointChange, NewEndpoint, PageRequest};
use secrecy::ExposeSecret;
use std::time::Duration;

conformance!(
    a_check_is_read_as_it_was_recorded,
    checks_are_listed_by_what_is_asked_for,
    a_check_is_found_by_its_key_for_as_long_as_it_counts,
    a_payment_shows_the_checks_before_it,
    the_endpoint_to_ask_is_the_one_named_or_the_one_with_a_check_url,
    one_endpoint_of_a_merchant_has_a_check_url,
    two_writers_at_once_give_one_endpoint_a_check_url,
    old_checks_go_with_the_attempts,
);

const CHECK_URL: &str = "https://shop.example/check";
const DAY: Duration = Duration::from_secs(24 * 3600);

fn check(pay_for: &str, now: Timestamp) -> Check {
    Check {
        id: CheckId(id_at(now)),
        question: CheckQuestion {
            merchant_id: merchant_id(),
            key: None,
            pay_for: pay_for.to_owned(),
            amount: Money { amount_minor: 12_345, currency: "EUR".parse().expect("a currency") },
            method: None,
            payer_email: None,
            payer_phone: None,
            data: None,
            test: false,
        },
        endpoint_id: None,
        answer: CheckAnswer::Allow,
        reason: "not required".to_owned(),
        code: None,
        comment: None,
        status: None,
        response_head: None,
        response_body: None,
        asked_at: now,
        duration: Duration::from_micros(1_234),
    }
}

/// A check with all that it can have.
fn full_check(now: Timestamp) -> Check {
    let mut check = check("order 42", now);
    check.question.key = Some("once".to_owned());
    check.question.method = Some("card".to_owned());
    check.question.payer_email = Some("a@b.example".to_owned());
    check.question.payer_phone = Some("+1 234".to_owned());
    check.question.data = Some(r#"{"a" : 1}"#.to_owned());
    check.question.test = true;
    Check {
        endpoint_id: Some(EndpointId(id_at(at(0)))),
        answer: CheckAnswer::Refuse,
        reason: "200, and code 2".to_owned(),
        code: Some("2".to_owned()),
        comment: Some("sold \u{0} out".to_owned()),
        status: Some(200),
        response_head: Some("content-type: text/xml\n".to_owned()),
        response_body: Some(vec![b'x'; 70_000]),
        ..check
    }
}

async fn a_check_is_read_as_it_was_recorded(f: Fixture) -> Result<()> {
    let (plain, full) = (check("p", at(1)), full_check(at(2)));
    f.ledger.record_checks(&[plain.clone(), full.clone()]).await?;
    assert_eq!(f.ledger.check(plain.id).await?.as_ref(), Some(&plain));
    let kept = Check {
        comment: Some("sold \u{fffd} out".to_owned()),
        response_body: Some(vec![b'x'; 64 * 1024]),
        ..full.clone()
    };
    assert_eq!(f.ledger.check(full.id).await?.as_ref(), Some(&kept));
    assert_eq!(f.ledger.check(CheckId(id_at(at(3)))).await?, None);
    let other = Check { reason: "another".to_owned(), ..plain.clone() };
    f.ledger.record_checks(&[other]).await?;
    assert_eq!(f.ledger.check(plain.id).await?, Some(plain), "what is recorded stays");
    let mut free = check("p", at(4));
    free.question.amount.amount_minor = 0;
    assert!(f.ledger.record_checks(&[free]).await.is_err(), "nothing is to be paid");
    Ok(())
}

async fn checks_are_listed_by_what_is_asked_for(f: Fixture) -> Result<()> {
    let mut other = check("p1", at(30));
    other.question.merchant_id = MerchantId::new("other").expect("valid");
    let all_of_them = [check("p1", at(10)), full_check(at(20)), other, check("p2", at(40))];
    f.ledger.record_checks(&all_of_them).await?;
    let by = CheckFilter::default;
    for (filter, expected) in [
        (by(), &[40, 30, 20, 10][..]),
        (CheckFilter { merchant_id: Some(merchant_id()), ..by() }, &[40, 20, 10]),
        (CheckFilter { endpoint_id: all_of_them[1].endpoint_id, ..by() }, &[20]),
        (CheckFilter { pay_for: Some("p1".to_owned()), ..by() }, &[30, 10]),
        (CheckFilter { answer: Some(CheckAnswer::Refuse), ..by() }, &[20]),
        (CheckFilter { asked_since: Some(at(20)), asked_before: Some(at(40)), ..by() }, &[30, 20]),
    ] {
        let found = f.ledger.checks(&filter, &all()).await?.items;
        let expected: Vec<Timestamp> = expected.iter().map(|seconds| at(*seconds)).collect();
        assert_eq!(found.iter().map(|check| check.asked_at).collect::<Vec<_>>(), expected, "{filter:?}");
    }
    let first = f.ledger.checks(&by(), &PageRequest { limit: 3, after: None }).await?;
    let rest = f.ledger.checks(&by(), &PageRequest { limit: 3, after: first.next }).await?;
    assert_eq!((first.items.len(), rest.items.len(), rest.next), (3, 1, None));
    Ok(())
}

async fn a_check_is_found_by_its_key_for_as_long_as_it_counts(f: Fixture) -> Result<()> {
    let first = full_check(at(100));
    f.ledger.record_checks(&[first.clone(), full_check(at(200))]).await?;
    let find = async |merchant: MerchantId, key: &str, since| {
        Ok::<_, StoreError>(f.ledger.check_by_key(&merchant, key, since).await?.map(|check| check.asked_at))
    };
    assert_eq!(find(merchant_id(), "once", at(100)).await?, Some(at(100)), "the first one");
    assert_eq!(find(merchant_id(), "once", at(101)).await?, Some(at(200)));
    assert_eq!(find(merchant_id(), "once", at(201)).await?, None);
    assert_eq!(find(merchant_id(), "other", at(0)).await?, None);
    assert_eq!(find(MerchantId::new("other").expect("valid"), "once", at(0)).await?, None);
    Ok(())
}

async fn a_payment_shows_the_checks_before_it(f: Fixture) -> Result<()> {
    f.shop().await?;
    let paid_at = at(100_000);
    let too_old = check("order 42", paid_at.before(DAY + Duration::from_secs(1)));
    let (oldest, newest) = (check("order 42", paid_at.before(DAY)), check("order 42", paid_at));
    let after = check("order 42", paid_at + Duration::from_secs(1));
    let mut of_other = check("order 42", at(99_000));
    of_other.question.merchant_id = MerchantId::new("other").expect("valid");
    f.ledger
        .record_checks(&[too_old, oldest.clone(), check("order 43", at(99_000)), of_other, newest.clone(), after])
        .await?;
    for (pay_for, expected) in [(Some("order 42"), vec![newest, oldest]), (Some("order 44"), vec![]), (None, vec![])] {
        let mut paid = payment(&format!("{pay_for:?}"), paid_at);
        (paid.id, paid.pay_for) = (PaymentId(id_at(paid_at)), pay_for.map(str::to_owned));
        f.ledger.accept(&[paid.clone()], &terms(paid_at)).await?;
        let view = f.ledger.payment(paid.id).await?.context("the payment")?;
        assert_eq!(view.checks, expected, "{pay_for:?}");
    }
    let many: Vec<Check> = (0..25).map(|n| check("order 44", at(50_000 + n))).collect();
    f.ledger.record_checks(&many).await?;
    let mut paid = payment("many", paid_at);
    paid.pay_for = Some("order 44".to_owned());
    f.ledger.accept(&[paid.clone()], &terms(paid_at)).await?;
    let shown = f.ledger.payment(paid.id).await?.context("the payment")?.checks;
    assert_eq!((shown.len(), shown[0].asked_at), (20, at(50_024)));
    Ok(())
}

async fn the_endpoint_to_ask_is_the_one_named_or_the_one_with_a_check_url(f: Fixture) -> Result<()> {
    let (shop, nobody) = (merchant_id(), MerchantId::new("nobody").expect("valid"));
    let unknown = f.ledger.endpoint_to_check(&nobody, None).await.expect_err("no such merchant");
    assert!(matches!(unknown, StoreError::NotFound { what: "merchant", .. }));
    let silent = f.shop().await?;
    let found = async |named| {
        Ok::<_, StoreError>(f.ledger.endpoint_to_check(&shop, named).await?.map(|found| found.endpoint.id))
    };
    assert_eq!(found(None).await?, None, "none is to be asked");
    assert_eq!(found(Some(silent)).await?, Some(silent), "it is named");
    let asked = f.endpoint_with(|new| new.check_url = Some(CHECK_URL.to_owned())).await?;
    assert_eq!(found(None).await?, Some(asked));
    assert_eq!(found(Some(silent)).await?, Some(silent), "it is named");
    let whole = f.ledger.endpoint_to_check(&shop, Some(asked)).await?.context("it is there")?;
    assert_eq!(whole.endpoint.check_url.as_deref(), Some(CHECK_URL));
    assert_eq!(whole.secrets[0].value.expose_secret(), "whsec_first");
    assert!(whole.dialect.is_none(), "it is built in");
    f.ledger.delete_endpoint(asked, &actor(at(11))).await?;
    assert_eq!((found(None).await?, found(Some(asked)).await?), (None, None));
    f.ledger.create_merchant(&nobody, "", &actor(at(12))).await?;
    assert!(f.ledger.endpoint_to_check(&nobody, Some(silent)).await?.is_none(), "it is another merchant's");
    Ok(())
}

fn check_at(url: Option<&str>) -> EndpointChange {
    EndpointChange { check_url: Some(url.map(str::to_owned)), ..Default::default() }
}

async fn one_endpoint_of_a_merchant_has_a_check_url(f: Fixture) -> Result<()> {
    let first = f.shop().await?;
    let second = f.endpoint_with(|new| new.check_url = Some(CHECK_URL.to_owned())).await?;
    let third = f.endpoint_with(|new| new.check_url = Some(CHECK_URL.to_owned())).await.expect_err("there is one");
    let third = third.downcast::<StoreError>()?;
    assert!(matches!(&third, StoreError::AskedAlready { merchant } if merchant == "shop"), "{third:?}");
    let refused = f.ledger.change_endpoint(first, &check_at(Some(CHECK_URL)), &actor(at(1))).await;
    assert!(matches!(refused, Err(StoreError::AskedAlready { .. })), "{refused:?}");
    assert_eq!(f.ledger.endpoint(first).await?.context("there")?.version, 1, "nothing of it remains");

    let elsewhere = f.ledger.change_endpoint(second, &check_at(Some("https://shop.example/b")), &actor(at(2))).await?;
    assert_eq!(elsewhere.check_url.as_deref(), Some("https://shop.example/b"), "its own may change");
    f.ledger.change_endpoint(second, &check_at(None), &actor(at(3))).await?;
    f.ledger.change_endpoint(first, &check_at(Some(CHECK_URL)), &actor(at(4))).await?;
    f.ledger.delete_endpoint(first, &actor(at(5))).await?;
    f.ledger.change_endpoint(second, &check_at(Some(CHECK_URL)), &actor(at(6))).await?;

    let other = MerchantId::new("other").expect("valid");
    f.ledger.create_merchant(&other, "", &actor(at(7))).await?;
    f.endpoint_with(|new| (new.merchant_id, new.check_url) = (other, Some(CHECK_URL.to_owned()))).await?;
    Ok(())
}

async fn two_writers_at_once_give_one_endpoint_a_check_url(f: Fixture) -> Result<()> {
    let (first, second) = (f.shop().await?, f.endpoint().await?);
    let another = f.another().await?;
    for round in 0..20 {
        let (now, on, off) = (actor(at(round)), check_at(Some(CHECK_URL)), check_at(None));
        let (one, other) =
            tokio::join!(f.ledger.change_endpoint(first, &on, &now), another.change_endpoint(second, &on, &now));
        let asked = f.ledger.endpoint_to_check(&merchant_id(), None).await?.context("one is asked")?.endpoint.id;
        let (won, lost) = if asked == first { (one, other) } else { (other, one) };
        assert_eq!(won?.id, asked);
        assert!(matches!(lost, Err(StoreError::AskedAlready { .. })), "round {round}: {lost:?}");
        f.ledger.change_endpoint(asked, &off, &now).await?;

        // One that is made, and one that is changed.
        let asked_too = |new: &mut NewEndpoint| new.check_url = Some(CHECK_URL.to_owned());
        let (made, changed) = tokio::join!(f.endpoint_with(asked_too), another.change_endpoint(second, &on, &now));
        let asked = f.ledger.endpoint_to_check(&merchant_id(), None).await?.context("one is asked")?.endpoint.id;
        assert_eq!((made.is_ok(), changed.is_ok()), (asked != second, asked == second), "{made:?} {changed:?}");
        f.ledger.change_endpoint(asked, &off, &now).await?;
    }
    Ok(())
}

async fn old_checks_go_with_the_attempts(f: Fixture) -> Result<()> {
    let (old, young) = (check("p", at(0).before(DAY * 99)), check("p", at(0).before(DAY * 89)));
    f.ledger.record_checks(&[old.clone(), young.clone()]).await?;
    let kept = f.ledger.keep_attempts(at(0), DAY * 90).await?;
    assert!(kept.failed.is_none(), "{kept:?}");
    assert_eq!(kept.checks_deleted, 1);
    assert_eq!((f.ledger.check(old.id).await?, f.ledger.check(young.id).await?), (None, Some(young)));
    let batch = if f.is_sqlite() { 1_000 } else { 5_000 };
    for _ in 0..=batch / 500 {
        let many: Vec<Check> = (0..500).map(|_| check("p", at(0).before(DAY * 99))).collect();
        f.ledger.record_checks(&many).await?;
    }
    let kept = f.ledger.keep_attempts(at(0), DAY * 90).await?;
    assert_eq!((kept.checks_deleted, kept.more), (batch, true));
    let kept = f.ledger.keep_attempts(at(0), DAY * 90).await?;
    assert_eq!((kept.checks_deleted, kept.more), (500, false));
    Ok(())
}
