use crate::fixture::{Fixture, LIFETIME, at, merchant_id, payment, terms};
use anyhow::Result;
use paybell_delivery::{MerchantId, Money, State};
use paybell_store::StoreError;
use paybell_store::engine::Accepted;
use std::time::Duration;

conformance!(
    a_payment_is_written_with_a_delivery_for_each_endpoint,
    every_field_comes_back_as_it_was_sent,
    the_same_payment_again_answers_with_the_first_ones_ids,
    other_content_under_the_same_id_names_the_fields,
    duplicates_within_a_batch_make_one_payment,
    one_batch_tells_the_new_from_the_known_and_the_unknown,
    an_unknown_or_deleted_merchant_accepts_nothing,
    a_delivery_never_lives_longer_than_its_endpoint_allows,
    concurrent_accepts_of_one_payment_make_one,
    what_cannot_be_stored_is_refused_whole,
);

async fn a_payment_is_written_with_a_delivery_for_each_endpoint(f: Fixture) -> Result<()> {
    let first = f.shop().await?;
    let second = f.endpoint_with(|new| new.concurrency_max = 3).await?;
    let deleted = f.endpoint().await?;
    f.ledger.delete_endpoint(deleted, &crate::fixture::actor(at(1))).await?;

    let sent = payment("p1", at(10));
    let accepted = f.ledger.accept(std::slice::from_ref(&sent), &terms(at(10))).await?;
    let Accepted::New { payment_id, jobs, accepted_at, .. } = &accepted[0] else { panic!("{accepted:?}") };
    assert_eq!((*payment_id, *accepted_at), (sent.id, at(10)));
    let mut endpoints: Vec<_> = jobs.iter().map(|job| (job.endpoint_id, job.concurrency_max, job.attempts)).collect();
    endpoints.sort();
    let mut expected = [(first, 8, 0), (second, 3, 0)];
    expected.sort();
    assert_eq!(endpoints, expected);

    let view = f.ledger.payment(sent.id).await?.expect("accepted");
    assert_eq!(view.deliveries.len(), 2);
    for delivery in view.deliveries {
        assert_eq!(delivery.id.0.as_bytes()[..8], sent.id.0.as_bytes()[..8], "ids sort by time");
        assert_eq!(delivery.id.0.get_variant(), uuid::Variant::RFC4122);
        assert_eq!(delivery.state, State::Pending);
        assert_eq!((delivery.created_at, delivery.due_at), (at(10), at(40)));
        assert_eq!(delivery.deadline_at, at(10) + LIFETIME);
        assert_eq!((delivery.attempts, delivery.claimed_at, delivery.finished_at), (0, None, None));
    }
    Ok(())
}

async fn every_field_comes_back_as_it_was_sent(f: Fixture) -> Result<()> {
    f.shop().await?;
    let mut sent = payment("№ 1 \"quoted\" \\ 'single'", at(10));
    sent.pay_for = Some("order 42".to_owned());
    sent.amount = Money { amount_minor: i64::MAX, currency: "JPY".parse()? };
    sent.balance = Some(Money { amount_minor: -5, currency: "RUB".parse()? });
    sent.method = Some("card".to_owned());
    sent.description = Some("Кофе ☕\nи чай\t🫖".to_owned());
    sent.payer_email = Some("a@b.example".to_owned());
    sent.payer_phone = Some("+7 900".to_owned());
    sent.data = Some("{ \"a\" : 1.0, \"a\":[ ], \"b\":\"\\u0000\\ud83d\" }".to_owned());
    sent.test = true;
    sent.confirmed_at = at(3);
    f.ledger.accept(std::slice::from_ref(&sent), &terms(at(10))).await?;
    assert_eq!(f.ledger.payment(sent.id).await?.expect("accepted").payment, sent);
    Ok(())
}

async fn the_same_payment_again_answers_with_the_first_ones_ids(f: Fixture) -> Result<()> {
    let endpoint = f.shop().await?;
    let first = payment("p1", at(10));
    f.ledger.accept(std::slice::from_ref(&first), &terms(at(10))).await?;
    let delivery = f.ledger.payment(first.id).await?.expect("accepted").deliveries[0].id;
    f.endpoint().await?;

    let again = payment("p1", at(10));
    assert_ne!(again.id, first.id);
    let accepted = f.ledger.accept(&[again], &terms(at(99))).await?;
    let delivery_ids = vec![(delivery, endpoint)];
    assert_eq!(accepted, [Accepted::Same { payment_id: first.id, delivery_ids, accepted_at: at(10) }]);
    assert_eq!(f.ledger.payment(first.id).await?.expect("accepted").deliveries.len(), 1);
    Ok(())
}

async fn other_content_under_the_same_id_names_the_fields(f: Fixture) -> Result<()> {
    f.shop().await?;
    let first = payment("p1", at(10));
    f.ledger.accept(std::slice::from_ref(&first), &terms(at(10))).await?;
    let mut other = payment("p1", at(10));
    other.amount.amount_minor += 1;
    other.pay_for = Some("another order".to_owned());
    let accepted = f.ledger.accept(&[other], &terms(at(11))).await?;
    assert_eq!(accepted, [Accepted::Differs { payment_id: first.id, fields: vec!["pay_for", "amount"] }]);
    assert_eq!(f.ledger.payment(first.id).await?.expect("accepted").payment, first);
    Ok(())
}

async fn duplicates_within_a_batch_make_one_payment(f: Fixture) -> Result<()> {
    f.shop().await?;
    let first = payment("p1", at(10));
    let mut other = payment("p1", at(10));
    other.method = Some("cash".to_owned());
    let same = payment("p1", at(10));
    let batch = [first.clone(), payment("p2", at(10)), other, same, first.clone()];
    let accepted = f.ledger.accept(&batch, &terms(at(10))).await?;
    assert!(matches!(&accepted[0], Accepted::New { jobs, .. } if jobs.len() == 1), "{accepted:?}");
    assert!(matches!(&accepted[1], Accepted::New { jobs, .. } if jobs.len() == 1));
    assert_eq!(accepted[2], Accepted::Differs { payment_id: first.id, fields: vec!["method"] });
    for again in &accepted[3..] {
        assert!(matches!(again, Accepted::Same { payment_id, delivery_ids, .. }
            if *payment_id == first.id && delivery_ids.len() == 1));
    }
    Ok(())
}

async fn one_batch_tells_the_new_from_the_known_and_the_unknown(f: Fixture) -> Result<()> {
    let mut endpoints = [f.shop().await?, f.endpoint().await?];
    endpoints.sort();
    let known = payment("p1", at(10));
    f.ledger.accept(std::slice::from_ref(&known), &terms(at(10))).await?;
    let mut unknown = payment("p2", at(11));
    unknown.merchant_id = MerchantId::new("nobody").expect("an id");
    let batch = [payment("p3", at(11)), payment("p1", at(10)), unknown.clone(), payment("p4", at(11))];
    let accepted = f.ledger.accept(&batch, &terms(at(11))).await?;
    for new in [0, 3] {
        let Accepted::New { payment_id, jobs, .. } = &accepted[new] else { panic!("{:?}", accepted[new]) };
        assert_eq!(*payment_id, batch[new].id);
        assert_eq!(jobs.iter().map(|job| job.endpoint_id).collect::<Vec<_>>(), endpoints, "in their order");
        let stored = f.ledger.payment(*payment_id).await?.expect("accepted").deliveries;
        let mut ids = [jobs[0].delivery_id, jobs[1].delivery_id];
        ids.sort();
        assert_eq!(stored.iter().map(|delivery| delivery.id).collect::<Vec<_>>(), ids);
    }
    assert!(matches!(&accepted[1], Accepted::Same { payment_id, delivery_ids, .. }
        if *payment_id == known.id && delivery_ids.len() == 2));
    assert_eq!(accepted[2], Accepted::UnknownMerchant);
    assert_eq!(f.ledger.payment(unknown.id).await?, None);
    Ok(())
}

async fn an_unknown_or_deleted_merchant_accepts_nothing(f: Fixture) -> Result<()> {
    let unknown = payment("p1", at(10));
    assert_eq!(f.ledger.accept(std::slice::from_ref(&unknown), &terms(at(10))).await?, [Accepted::UnknownMerchant]);
    assert_eq!(f.ledger.payment(unknown.id).await?, None);

    f.ledger.create_merchant(&merchant_id(), "No endpoint yet", &crate::fixture::actor(at(0))).await?;
    let accepted = f.ledger.accept(&[payment("p1", at(10))], &terms(at(10))).await?;
    assert!(matches!(&accepted[0], Accepted::New { jobs, .. } if jobs.is_empty()), "{accepted:?}");

    f.ledger.delete_merchant(&merchant_id(), &crate::fixture::actor(at(20))).await?;
    assert_eq!(f.ledger.accept(&[payment("p2", at(20))], &terms(at(20))).await?, [Accepted::UnknownMerchant]);
    Ok(())
}

async fn a_delivery_never_lives_longer_than_its_endpoint_allows(f: Fixture) -> Result<()> {
    f.shop().await?;
    let short = f.endpoint_with(|new| new.lifetime = Some(Duration::from_secs(20))).await?;
    let long = f.endpoint_with(|new| new.lifetime = Some(LIFETIME * 2)).await?;
    for job in f.accept("p1", at(10)).await? {
        let delivery = f.delivery(job.delivery_id).await?;
        if job.endpoint_id == short {
            assert_eq!(
                (delivery.deadline_at, delivery.due_at),
                (at(30), at(20)),
                "a lost job leaves time to attempt it"
            );
        }
        if job.endpoint_id == long {
            assert_eq!(delivery.deadline_at, at(10) + LIFETIME);
        }
    }
    Ok(())
}

async fn concurrent_accepts_of_one_payment_make_one(f: Fixture) -> Result<()> {
    f.shop().await?;
    let other = f.another().await?;
    let mut calls = Vec::new();
    for n in 0..8 {
        let ledger = if n % 2 == 0 { f.ledger.clone() } else { other.clone() };
        let mut batch: Vec<_> = (0..20).map(|n| payment(&format!("p{n}"), at(10))).collect();
        if n % 2 == 0 {
            batch.reverse();
        }
        calls.push(tokio::spawn(async move { ledger.accept(&batch, &terms(at(10))).await }));
    }
    let mut new = 0;
    for call in calls {
        for accepted in call.await?? {
            match accepted {
                Accepted::New { .. } => new += 1,
                Accepted::Same { delivery_ids, .. } => assert_eq!(delivery_ids.len(), 1),
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(new, 20);
    Ok(())
}

async fn what_cannot_be_stored_is_refused_whole(f: Fixture) -> Result<()> {
    f.shop().await?;
    let good = payment("good", at(10));
    let mut nul = payment("nul", at(10));
    nul.description = Some("a\0b".to_owned());
    let refused = f.ledger.accept(&[good.clone(), nul], &terms(at(10))).await.expect_err("U+0000");
    assert!(matches!(refused, StoreError::Refused(_)), "{refused:?}");
    let mut free = payment("free", at(10));
    free.amount.amount_minor = 0;
    let refused = f.ledger.accept(&[good.clone(), free], &terms(at(10))).await.expect_err("nothing was paid");
    assert!(matches!(refused, StoreError::Database { .. }) && !refused.is_transient(), "{refused:?}");
    assert_eq!(f.ledger.payment(good.id).await?, None);
    Ok(())
}
