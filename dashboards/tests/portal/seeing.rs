use crate::harness::{Answer, Harness, OK, payment};
use anyhow::{Context, Result};
use axum::http::StatusCode;
use paybell_delivery::{Decision, Outcome, Reason};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn payments_are_found_by_their_ids_orders_and_states() -> Result<()> {
    let harness = Harness::new().await?;
    harness.shop("shop").await?;
    for (id, outcome, decision) in [
        ("p-1", Outcome::Acknowledged, Decision::Delivered),
        ("p-2", Outcome::Refused, Decision::Undelivered(Reason::Refused)),
    ] {
        let job = harness.accepted("shop", id).await?;
        harness.attempt(job, outcome, decision, &OK).await?;
    }
    harness.accepted("shop", "p-3").await?;
    let cookie = harness.enter("shop", json!({})).await?;
    for (query, shown) in [
        ("", ["p-1", "p-2", "p-3"].as_slice()),
        ("?q=p-2", &["p-2"]),
        ("?q=order-p-3", &["p-3"]),
        ("?q=p-9", &[]),
        ("?state=delivered", &["p-1"]),
        ("?state=undelivered", &["p-2"]),
        ("?state=pending", &["p-3"]),
        ("?state=settled", &[]),
        ("?q=order-p-1&state=delivered", &["p-1"]),
        ("?q=order-p-1&state=pending", &[]),
    ] {
        let page = harness.get(&cookie, &format!("/portal{query}")).await?;
        assert_eq!(page.status, StatusCode::OK, "{query}: {}", page.text);
        for id in ["p-1", "p-2", "p-3"] {
            let row = format!("data-label=\"Payment\">{id}<");
            assert_eq!(page.text.contains(&row), shown.contains(&id), "{query}: {id}");
        }
    }
    let page = harness.get(&cookie, "/portal").await?.text;
    for figure in
        ["<strong>1</strong></a> <span>waiting", "<strong>1</strong></a> <span>not delivered", "10.50\u{a0}EUR"]
    {
        assert!(page.contains(figure), "{figure}");
    }
    assert_eq!(harness.get(&cookie, "/portal?state=lost").await?.status, StatusCode::BAD_REQUEST);
    Ok(())
}

#[tokio::test]
async fn many_payments_are_shown_page_by_page() -> Result<()> {
    let harness = Harness::new().await?;
    harness.shop("shop").await?;
    let now = harness.clock.now();
    for n in 0..120_u64 {
        let mut payment = payment("shop", &format!("p-{n:03}"), now + Duration::from_millis(n))?;
        payment.pay_for = Some("the same".to_owned());
        harness.accept(payment).await?;
    }
    let cookie = harness.enter("shop", json!({})).await?;
    let (mut path, mut seen) = ("/portal?q=the+same".to_owned(), Vec::new());
    for _ in 0..4 {
        let page = harness.get(&cookie, &path).await?.text;
        seen.extend(page.split("data-label=\"Payment\">").skip(1).filter_map(|rest| rest.get(..5).map(str::to_owned)));
        let Some(next) = page.split("rel=\"next\" href=\"").nth(1) else { break };
        path = next.split('"').next().context("an address")?.replace("&#38;", "&").replace("&amp;", "&");
    }
    let expected: Vec<String> = (0..120).rev().map(|n| format!("p-{n:03}")).collect();
    assert_eq!(seen, expected);
    Ok(())
}

#[tokio::test]
async fn what_is_anothers_is_not_found() -> Result<()> {
    let harness = Harness::new().await?;
    harness.shop("shop").await?;
    let endpoint = harness.shop("other").await?;
    let refused = harness.accepted("other", "secret-payment").await?;
    harness.attempt(refused, Outcome::Refused, Decision::Undelivered(Reason::Refused), &OK).await?;
    let delivery = refused.delivery_id;
    let cookie = harness.enter("shop", json!({})).await?;
    let before = harness.audit().await?.len();
    for path in [
        format!("/portal/deliveries/{delivery}"),
        format!("/portal/deliveries/{delivery}/resend"),
        format!("/portal/deliveries/{delivery}/settle"),
        format!("/portal/endpoints/{endpoint}"),
        format!("/portal/endpoints/{endpoint}/rotate-secret"),
        "/portal/deliveries/nonsense".to_owned(),
        "/portal/endpoints/nonsense".to_owned(),
    ] {
        let page = harness.get(&cookie, &path).await?;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
        assert!(!page.text.contains("secret-payment"), "{path}");
    }
    for (path, fields) in [
        (format!("/portal/deliveries/{delivery}/resend"), [("note", "x")].as_slice()),
        (format!("/portal/deliveries/{delivery}/settle"), &[("note", "x")]),
        (format!("/portal/endpoints/{endpoint}"), &[("url", "http://127.0.0.1:1/mine")]),
        (format!("/portal/endpoints/{endpoint}/test"), &[("type", "endpoint.test")]),
        (format!("/portal/endpoints/{endpoint}/reveal-secret"), &[]),
        (format!("/portal/endpoints/{endpoint}/rotate-secret"), &[("overlap_s", "0")]),
    ] {
        let page = harness.post(&cookie, &path, fields).await?;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(harness.audit().await?.len(), before, "nothing was done");
    for path in ["/portal", "/portal?q=secret-payment", "/portal/reconciliation.csv", "/portal/endpoints"] {
        let page = harness.get(&cookie, path).await?;
        assert!(page.status == StatusCode::OK, "{path}");
        // What was searched stands in the search's field and in links, but no row has it.
        for hidden in ["order-secret-payment", ">secret-payment<", &endpoint] {
            assert!(!page.text.contains(hidden), "{path}: {hidden}");
        }
        assert!(!page.text.contains(&delivery.to_string()), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn hostile_answers_and_references_are_shown_inert() -> Result<()> {
    const HOSTILE: &str = "<script>alert(1)</script>";
    let harness = Harness::new().await?;
    let endpoint = harness.shop("shop").await?;
    let mut hostile = payment("shop", "\"><img src=x onerror=alert(2)>", harness.clock.now())?;
    hostile.pay_for = Some("<svg/onload=alert(3)>".to_owned());
    hostile.description = Some("'><b>bold</b>".to_owned());
    let job = harness.accept(hostile).await?.context("a job")?;
    let answer = Answer {
        status: 200,
        head: "x-evil: <script>alert(1)</script>\r\nset-cookie: paybell_portal=stolen",
        body: b"\xff\xfe<script>alert(1)</script></pre></details>",
        detail: "200, but the body was \"<script>alert(1)</script>\", not \"ok\"",
    };
    let later = Decision::RetryAt(harness.clock.now() + Duration::from_secs(60));
    harness.attempt(job, Outcome::WrongBody, later, &answer).await?;
    let cookie = harness.enter("shop", json!({})).await?;
    let delivery = format!("/portal/deliveries/{}", job.delivery_id);
    for path in
        ["/portal".to_owned(), delivery.clone(), format!("{delivery}/settle"), format!("/portal/endpoints/{endpoint}")]
    {
        let page = harness.get(&cookie, &path).await?;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        for evil in [HOSTILE, "<img src=x", "<svg/onload", "<b>bold"] {
            assert!(!page.text.contains(evil), "{path}: {evil}");
        }
        assert!(!page.headers.contains_key("set-cookie"));
    }
    let page = harness.get(&cookie, &delivery).await?.text;
    assert!(page.contains("\u{fffd}\u{fffd}&#60;script&#62;alert(1)"), "what is no UTF-8 is shown replaced");
    assert!(page.contains("its body is not the acknowledgement that we wait for"));
    assert!(page.contains("not &#34;ok&#34;"), "the rule that decided");
    Ok(())
}

#[tokio::test]
async fn the_request_is_shown_as_sent_and_never_the_secret() -> Result<()> {
    let harness = Harness::new().await?;
    let endpoint = harness.shop("shop").await?;
    let job = harness.accepted("shop", "p-1").await?;
    let cookie = harness.enter("shop", json!({})).await?;
    let page = harness.get(&cookie, &format!("/portal/deliveries/{}", job.delivery_id)).await?.text;
    for part in ["POST http://127.0.0.1:18009/shop", "webhook-signature: v1,", "&#34;pay_for&#34;:&#34;order-p-1&#34;"]
    {
        assert!(page.contains(part), "{part}");
    }
    let secret = harness.gateway("POST", &format!("/v1/endpoints/{endpoint}/reveal-secret"), json!({})).await?;
    let secret = secret["secrets"][0]["secret"].as_str().context("a secret")?;
    for path in ["/portal".to_owned(), format!("/portal/endpoints/{endpoint}"), "/portal/signatures".to_owned()] {
        assert!(!harness.get(&cookie, &path).await?.text.contains(secret), "{path}");
    }
    assert!(!page.contains(secret));
    Ok(())
}

#[tokio::test]
async fn signatures_are_explained_for_the_dialects_of_ones_endpoints() -> Result<()> {
    let harness = Harness::new().await?;
    harness.shop("shop").await?;
    let cookie = harness.enter("shop", json!({})).await?;
    for (code, part) in [
        ("php", "hash_hmac("),
        ("python", "hmac.new("),
        ("javascript", "createHmac("),
        ("java", "Mac.getInstance("),
        ("csharp", "new HMACSHA256("),
        ("go", "hmac.New("),
        ("ruby", "OpenSSL::HMAC"),
        ("rust", "Hmac::&#60;Sha256&#62;"),
    ] {
        let page = harness.get(&cookie, &format!("/portal/signatures?in={code}")).await?.text;
        assert!(page.contains(part), "{code}");
    }
    harness.endpoint("shop", json!({ "dialect": "robokassa", "secret": "password-number-two" })).await?;
    let key = json!({ "secret": "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=" });
    harness.endpoint("shop", key).await?;
    let page = harness.get(&cookie, "/portal/signatures").await?.text;
    for part in [
        "Robokassa",
        "{out_sum}:{inv_id}:{secret}{sorted}",
        "SignatureValue",
        "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("password-number-two") && !page.contains("whsk_"));
    Ok(())
}

#[tokio::test]
async fn pages_speak_the_language_that_was_chosen() -> Result<()> {
    let harness = Harness::new().await?;
    harness.shop("shop").await?;
    let cookie = harness.enter("shop", json!({})).await?;
    let chosen = harness.get(&cookie, "/portal/language?to=ru&back=/portal/endpoints").await?;
    assert_eq!(chosen.leads_to(), "/portal/endpoints");
    assert!(chosen.header("set-cookie").contains("Path=/portal;"));
    let page = harness.get(&format!("{cookie}; {}", chosen.cookie()), "/portal").await?.text;
    assert!(
        page.contains("<html lang=\"ru\">") && page.contains("Сверка") && page.contains("Номер платежа или заказа")
    );
    assert_eq!(harness.get(&cookie, "/portal/language?to=ru&back=//evil.example").await?.leads_to(), "/portal");
    Ok(())
}
