//! The question before a payment: asked over HTTP of a real receiver in the dialect `onpay-1`, whose vectors are in its
//! manual.

use crate::harness::{Harness, Parts, Reply, payment_with, text_at};
use futures_util::future::{join_all, try_join_all};
use http::StatusCode;
use paybell_api::ApiSettings;
use paybell_delivery::{EndpointId, Timestamp};
use paybell_dialects::Dialect;
use paybell_store::manage::Actor;
use paybell_testkit::{CountBy, Receiver, Reply as Said};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The manual's key.
const SECRET: &str = "test-secret-0";
/// The signature of a check's reply with the code 0, for that key.
const REPLY_MD5: &str = "2C15D362EBA7E26D8DD28B193883DDF7";

/// The manual's payment: 100.0 RUR for the order 1.
fn question(merchant: &str, fields: Value) -> Value {
    let mut question = json!({"merchant": merchant, "pay_for": "1", "amount": 10_000, "currency": "RUB"});
    for (name, value) in fields.as_object().into_iter().flatten() {
        question[name] = value.clone();
    }
    question
}

fn xml(code: &str, comment: &str, md5: &str) -> Said {
    let elements = format!("<code>{code}</code><pay_for>1</pay_for><comment>{comment}</comment><md5>{md5}</md5>");
    Said::new(200, format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><result>{elements}</result>"))
}

fn receiver(script: Vec<Said>) -> anyhow::Result<Receiver> {
    Ok(Receiver::start(script)?.count_by(CountBy::Path))
}

/// A merchant who is asked at the receiver's `/check`. Answers its endpoint's id.
async fn asked(harness: &Harness, merchant: &str, receiver: &Receiver, fields: Value) -> anyhow::Result<String> {
    harness.post("/v1/merchants", json!({"id": merchant})).await?;
    let mut endpoint = json!({
        "merchant": merchant, "url": receiver.url("/hook"), "check_url": receiver.url("/check?shop=7"),
        "dialect": "onpay-1", "secret": SECRET,
    });
    for (name, value) in fields.as_object().into_iter().flatten() {
        endpoint[name] = value.clone();
    }
    let made = harness.post("/v1/endpoints", endpoint).await?;
    anyhow::ensure!(made.status == StatusCode::CREATED, "{}", made.text);
    text_at(&made.json(), "/id")
}

/// The answer to a check.
async fn ask(harness: &Harness, question: Value) -> anyhow::Result<Value> {
    let reply = harness.post("/v1/checks", question).await?;
    anyhow::ensure!(reply.status == StatusCode::OK, "{}: {}", reply.status, reply.text);
    Ok(reply.json())
}

/// The dialect `onpay-1` under another name, with a second for a check.
async fn put_hasty_dialect(harness: &Harness) -> anyhow::Result<()> {
    let onpay = Dialect::named("onpay-1").expect("it is built in");
    let mut definition: Value = serde_json::from_str(&onpay.definition_json())?;
    definition["name"] = json!("hasty");
    definition["check"]["time_limit_s"] = json!(1);
    let put = harness.send("PUT", "/v1/dialects/hasty", Some(definition)).await?;
    anyhow::ensure!(put.status == StatusCode::OK, "{}", put.text);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_merchant_is_asked_in_its_own_words_and_its_answer_is_told() -> anyhow::Result<()> {
    let (harness, receiver) = (Harness::new().await?, receiver(vec![xml("0", "welcome", REPLY_MD5)])?);
    let endpoint = asked(&harness, "shop", &receiver, json!({})).await?;
    let answer = ask(&harness, question("shop", json!({}))).await?;
    assert_eq!(
        (&answer["answer"], &answer["code"], &answer["comment"]),
        (&json!("allow"), &json!("0"), &json!("welcome"))
    );
    assert_eq!(answer["endpoint"], json!(endpoint));
    let requests = receiver.requests();
    assert_eq!((requests.len(), requests[0].path.as_str()), (1, "/check?shop=7"));
    assert_eq!(
        requests[0].text(),
        "type=check&amount=100.0&order_amount=100.0&order_currency=RUR&pay_for=1&md5=7D1DF16DC13BE05AA83B5C2B9AB09118"
    );
    assert_eq!(requests[0].header("paybell-check"), answer["id"].as_str());

    let not_found = Said::new(404, "what?");
    for (said, expected, code, reason) in [
        (xml("2", "sold out", ""), "refuse", json!("2"), "declined"),
        (xml("3", "no such order", ""), "refuse", json!("3"), "parameters"),
        (xml("7", "bad md5", ""), "unavailable", Value::Null, "signature"),
        (xml("10", "later", ""), "unavailable", Value::Null, "temporary"),
        (xml("11", "?", ""), "unavailable", Value::Null, "11"),
        (Said::new(200, "<html>hello</html>"), "unavailable", Value::Null, "html"),
        (Said::new(200, "<result><code>0</code>"), "unavailable", Value::Null, "XML"),
        (Said::new(500, "oops"), "unavailable", Value::Null, "500"),
        (not_found, "unavailable", Value::Null, "404"),
        (Said::Reset, "unavailable", Value::Null, "reset the connection"),
        (xml("0", "", "0"), "allow", json!("0"), "signature"),
    ] {
        receiver.script("/check?shop=7", vec![said.clone()]);
        let answer = ask(&harness, question("shop", json!({}))).await?;
        assert_eq!((&answer["answer"], &answer["code"]), (&json!(expected), &code), "{said:?}: {answer}");
        let told = answer["reason"].as_str().unwrap_or_default();
        assert!(told.contains(reason), "{said:?}: {answer}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_reply_signature_makes_the_answer_unavailable_where_it_is_strict() -> anyhow::Result<()> {
    let (harness, receiver) = (Harness::new().await?, receiver(vec![xml("0", "", REPLY_MD5)])?);
    asked(&harness, "shop", &receiver, json!({"options": {"reply_signature": "strict"}})).await?;
    assert_eq!(ask(&harness, question("shop", json!({}))).await?["answer"], "allow");
    receiver.script("/check?shop=7", vec![xml("0", "", "0000")]);
    let answer = ask(&harness, question("shop", json!({}))).await?;
    assert_eq!(answer["answer"], "unavailable", "{answer}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_need_not_be_asked_is_not() -> anyhow::Result<()> {
    let (harness, receiver) = (Harness::new().await?, receiver(vec![xml("2", "", "")])?);
    let silent = harness.merchant_with_endpoint("shop").await?;
    for fields in [json!({}), json!({"endpoint": silent})] {
        let answer = ask(&harness, question("shop", fields)).await?;
        assert_eq!((&answer["answer"], &answer["reason"]), (&json!("allow"), &json!("not required")));
    }
    let endpoint = asked(&harness, "shop", &receiver, json!({})).await?;
    let path = format!("/v1/endpoints/{endpoint}");
    assert_eq!(ask(&harness, question("shop", json!({}))).await?["answer"], "refuse");
    assert_eq!(ask(&harness, question("shop", json!({"endpoint": silent}))).await?["answer"], "allow");
    harness.post(&format!("{path}/pause"), json!({})).await?;
    assert_eq!(ask(&harness, question("shop", json!({}))).await?["answer"], "refuse", "a paused one is asked");
    let actor = Actor { name: "test".to_owned(), now: harness.clock.now() };
    let id: EndpointId = endpoint.parse()?;
    assert!(harness.ledger.mark_failing(id, Timestamp(0), "it hangs", &actor).await?);
    assert_eq!(ask(&harness, question("shop", json!({}))).await?["answer"], "refuse", "a failing one is asked");
    assert_eq!(harness.send("DELETE", &path, None).await?.status, StatusCode::NO_CONTENT);
    assert_eq!(ask(&harness, question("shop", json!({}))).await?["reason"], "not required", "a deleted one is not");
    assert_eq!(receiver.requests().len(), 3);
    for (merchant, fields, at_fault) in [
        ("nobody", json!({}), "merchant"),
        ("shop", json!({"endpoint": endpoint}), "endpoint"),
        ("shop", json!({"endpoint": "x"}), "endpoint"),
        ("shop", json!({"pay_for": ""}), "pay_for"),
        ("shop", json!({"pay_for": null}), "pay_for"),
        ("shop", json!({"amount": 0}), "amount"),
        ("shop", json!({"currency": "RUR"}), "currency"),
        ("shop", json!({"key": ""}), "key"),
        ("shop", json!({"test": 1}), "test"),
        ("shop", json!({"data": {"pan": "4111 1111 1111 1111"}}), "data"),
        ("shop", json!({"confirmed_at": "2025-01-15T09:30:00Z"}), "confirmed_at"),
    ] {
        let reply = harness.post("/v1/checks", question(merchant, fields.clone())).await?;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields}: {}", reply.text);
        assert_eq!(reply.fields_at_fault(), [at_fault], "{fields}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_is_one_question() -> anyhow::Result<()> {
    let slow = xml("0", "", REPLY_MD5).after(Duration::from_millis(300));
    let (harness, receiver) = (Harness::new().await?, receiver(vec![slow, xml("2", "", "")])?);
    let endpoint = asked(&harness, "shop", &receiver, json!({})).await?;
    let keyed = |fields: Value| {
        question("shop", {
            let mut keyed = json!({"key": "k1", "data": {"a": 1}});
            for (name, value) in fields.as_object().into_iter().flatten() {
                keyed[name] = value.clone();
            }
            keyed
        })
    };
    let answers = try_join_all((0..20).map(|_| ask(&harness, keyed(json!({}))))).await?;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!((&answers[0]["answer"], receiver.requests().len()), (&json!("allow"), 1));
    let again = ask(&harness, keyed(json!({"endpoint": endpoint}))).await?;
    assert_eq!((&again, receiver.requests().len()), (&answers[0], 1), "the endpoint that was asked may be named");

    for (fields, differing) in [
        (json!({"amount": 10_001}), json!(["amount"])),
        (json!({"pay_for": "2", "currency": "EUR"}), json!(["pay_for", "currency"])),
        (json!({"data": {"a": 2}}), json!(["data"])),
        (json!({"payer_email": "a@b.example", "test": true}), json!(["payer_email", "test"])),
    ] {
        let reply = harness.post("/v1/checks", keyed(fields)).await?;
        assert_eq!((reply.status, &reply.json()["fields"]), (StatusCode::CONFLICT, &differing), "{}", reply.text);
        assert_eq!(reply.json()["check_id"], answers[0]["id"]);
    }
    assert_eq!(receiver.requests().len(), 1);
    assert_eq!(ask(&harness, keyed(json!({"key": "k2"}))).await?["answer"], "refuse", "another key asks again");
    assert_eq!(ask(&harness, question("shop", json!({}))).await?["answer"], "refuse", "no key asks each time");
    assert_eq!(receiver.requests().len(), 3);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_counts_only_for_a_while() -> anyhow::Result<()> {
    let settings = ApiSettings { check_key_kept_for: Duration::from_millis(1), ..ApiSettings::default() };
    let harness = Harness::with(Parts { settings, ..Parts::default() }).await?;
    let receiver = receiver(vec![xml("0", "", REPLY_MD5), xml("2", "", "")])?;
    asked(&harness, "shop", &receiver, json!({})).await?;
    assert_eq!(ask(&harness, question("shop", json!({"key": "k"}))).await?["answer"], "allow");
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(ask(&harness, question("shop", json!({"key": "k", "amount": 5}))).await?["answer"], "refuse");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_is_kept_and_stands_beside_the_payment_that_follows() -> anyhow::Result<()> {
    let (harness, receiver) = (Harness::new().await?, receiver(vec![xml("2", "sold out", "")])?);
    let endpoint = asked(&harness, "shop", &receiver, json!({})).await?;
    let fields = json!({"key": "k", "payer_email": "a@b.example", "data": {"b": 1.0}, "test": true, "method": "card"});
    let answer = ask(&harness, question("shop", fields.clone())).await?;
    let id = text_at(&answer, "/id")?;
    let read = harness.send_as(&harness.operator, "GET", &format!("/v1/checks/{id}"), None).await?.json();
    for (name, value) in
        question("shop", fields).as_object().into_iter().flatten().chain(answer.as_object().into_iter().flatten())
    {
        assert_eq!(read[name], *value, "{name}");
    }
    assert_eq!(read["status"], 200);
    assert!(text_at(&read, "/response/body")?.contains("sold out"));
    assert!(text_at(&read, "/response/head")?.contains("content-length"));
    let found = async |query: &str| {
        let list = harness.get(&format!("/v1/checks?{query}")).await?.json();
        anyhow::Ok(list["items"].as_array().map_or(0, Vec::len))
    };
    for (query, count) in [
        ("", 1),
        ("merchant=shop&pay_for=1&answer=refuse", 1),
        (&format!("endpoint={endpoint}"), 1),
        ("answer=allow", 0),
        ("asked_before=2020-01-01T00:00:00Z", 0),
    ] {
        assert_eq!(found(query).await?, count, "{query}");
    }
    assert_eq!(harness.get("/v1/checks?answer=maybe").await?.fields_at_fault(), ["answer"]);
    let (payment_id, _) = harness.accepted(payment_with("shop", "p", json!({"pay_for": "1"}))).await?;
    let shown = harness.get(&format!("/v1/payments/{payment_id}")).await?.json();
    assert_eq!((shown["checks"].as_array().map(Vec::len), &shown["checks"][0]["id"]), (Some(1), &json!(id)));
    let refused = harness.send_as(&harness.operator, "POST", "/v1/checks", Some(question("shop", json!({})))).await?;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "operators may look, gateways ask");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn merchants_that_hang_hold_up_nobody_else_and_are_given_up_in_time() -> anyhow::Result<()> {
    let settings = ApiSettings { checks_per_endpoint_max: 2, checks_in_flight_max: 5, ..ApiSettings::default() };
    let harness = Harness::with(Parts { settings, ..Parts::default() }).await?;
    put_hasty_dialect(&harness).await?;
    let (hanging, well) = (receiver(vec![Said::Hang])?, receiver(vec![xml("0", "", REPLY_MD5)])?);
    for merchant in ["hangs-1", "hangs-2", "hangs-3"] {
        asked(&harness, merchant, &hanging, json!({"dialect": "hasty"})).await?;
    }
    asked(&harness, "well", &well, json!({})).await?;
    let begun = Instant::now();
    let hang = |merchant: &'static str| ask(&harness, question(merchant, json!({})));
    let crowd = join_all(["hangs-1", "hangs-1", "hangs-2", "hangs-2"].map(hang));
    let others = async {
        hanging.wait_for(4, Duration::from_secs(20)).await?;
        let turned_away = hang("hangs-1").await?;
        assert_eq!(turned_away["answer"], "unavailable");
        assert!(text_at(&turned_away, "/reason")?.contains("2 checks of this endpoint"), "{turned_away}");
        assert_eq!(ask(&harness, question("well", json!({}))).await?["answer"], "allow");
        let before = begun.elapsed();
        let last_place = tokio::join!(hang("hangs-3"), async {
            hanging.wait_for(5, Duration::from_secs(20)).await?;
            ask(&harness, question("well", json!({}))).await
        });
        anyhow::Ok((before, last_place.1?))
    };
    let (crowd, others) = tokio::join!(crowd, others);
    let (before, without_place) = others?;
    assert!(before < Duration::from_secs(1), "nobody waited for those who hang: {before:?}");
    assert_eq!(without_place["answer"], "unavailable");
    assert!(text_at(&without_place, "/reason")?.contains("5 checks are under way"), "{without_place}");
    for answer in crowd {
        let answer = answer?;
        assert_eq!(answer["reason"], "no complete answer within 1 s");
        assert!((1_000..5_000).contains(&answer["duration_ms"].as_u64().unwrap_or(0)), "{answer}");
    }
    assert_eq!(hang("hangs-1").await?["reason"], "no complete answer within 1 s", "the places came back");
    let all = harness.get("/v1/checks?answer=unavailable").await?.json();
    assert_eq!(all["items"].as_array().map(Vec::len), Some(8), "those turned away are recorded too");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_recorded_is_not_told() -> anyhow::Result<()> {
    let (harness, receiver) = (Harness::new().await?, receiver(vec![xml("0", "", REPLY_MD5)])?);
    asked(&harness, "shop", &receiver, json!({})).await?;
    harness.break_database("checks").await?;
    let fails = |reply: &Reply| reply.status == StatusCode::INTERNAL_SERVER_ERROR && !reply.text.contains("allow");
    for fields in [json!({}), json!({"key": "k"})] {
        let reply = harness.post("/v1/checks", question("shop", fields)).await?;
        assert!(fails(&reply), "{}", reply.text);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_endpoint_of_a_merchant_is_asked_and_its_dialect_must_ask() -> anyhow::Result<()> {
    let (harness, receiver) = (Harness::new().await?, receiver(vec![xml("0", "", REPLY_MD5)])?);
    let endpoint = asked(&harness, "shop", &receiver, json!({})).await?;
    let path = format!("/v1/endpoints/{endpoint}");
    let second =
        json!({"merchant": "shop", "url": receiver.url("/"), "check_url": receiver.url("/"), "dialect": "onpay-1"});
    assert_eq!(harness.post("/v1/endpoints", second).await?.fields_at_fault(), ["check_url"]);
    let other = harness.endpoint_of("shop").await?;
    let patch =
        async |id: &str, change: Value| harness.send("PATCH", &format!("/v1/endpoints/{id}"), Some(change)).await;
    let check_url = json!(receiver.url("/other"));
    assert_eq!(patch(&other, json!({"check_url": check_url})).await?.fields_at_fault(), ["check_url", "check_url"]);
    assert_eq!(patch(&endpoint, json!({"dialect": "standard"})).await?.fields_at_fault(), ["check_url", "dialect"]);
    let reserved = patch(&endpoint, json!({"check_url": receiver.url("/?md5=1")})).await?;
    assert_eq!(reserved.fields_at_fault(), ["check_url"], "{}", reserved.text);
    assert_eq!(patch(&endpoint, json!({"parameters": {"offset": "noon"}})).await?.fields_at_fault(), ["parameters"]);
    let changed = patch(&endpoint, json!({"parameters": {"offset": "+04:00"}, "check_url": check_url})).await?.json();
    assert_eq!((&changed["parameters"], &changed["check_url"]), (&json!({"offset": "+04:00"}), &check_url));
    assert_eq!(harness.get(&path).await?.json(), changed);
    let off = patch(&endpoint, json!({"check_url": null})).await?.json();
    assert_eq!((&off["check_url"], &off["parameters"]), (&Value::Null, &changed["parameters"]));
    assert_eq!(ask(&harness, question("shop", json!({}))).await?["reason"], "not required");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_endpoints_that_are_made_at_once_one_is_asked() -> anyhow::Result<()> {
    let (harness, receiver) = (Harness::new().await?, receiver(vec![xml("0", "", REPLY_MD5)])?);
    harness.post("/v1/merchants", json!({"id": "shop"})).await?;
    let endpoint =
        json!({"merchant": "shop", "url": receiver.url("/"), "check_url": receiver.url("/"), "dialect": "onpay-1"});
    for _ in 0..10 {
        let replies = try_join_all((0..4).map(|_| harness.post("/v1/endpoints", endpoint.clone()))).await?;
        let (made, refused): (Vec<_>, Vec<_>) =
            replies.into_iter().partition(|reply| reply.status == StatusCode::CREATED);
        assert_eq!(made.len(), 1);
        for reply in refused {
            assert_eq!(reply.fields_at_fault(), ["check_url"], "{}", reply.text);
        }
        harness.send("DELETE", &format!("/v1/endpoints/{}", text_at(&made[0].json(), "/id")?), None).await?;
    }
    Ok(())
}
