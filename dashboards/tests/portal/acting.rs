use crate::harness::{Harness, OK};
use anyhow::{Context, Result};
use axum::http::StatusCode;
use paybell_delivery::{Decision, EndpointId, Job, Outcome, Reason, State};
use serde_json::json;

async fn undelivered(harness: &Harness) -> Result<Job> {
    let job = harness.accepted("shop", "p-1").await?;
    harness.attempt(job, Outcome::Refused, Decision::Undelivered(Reason::Refused), &OK).await?;
    Ok(job)
}

/// The last act that the audit knows, and whose it was.
async fn last_act(harness: &Harness) -> Result<(String, String)> {
    let row = harness.audit().await?.into_iter().next().context("an act")?;
    Ok((row.action, row.actor))
}

fn by_shop(action: &str) -> (String, String) {
    (action.to_owned(), "portal:shop".to_owned())
}

#[tokio::test]
async fn a_merchant_has_a_notification_sent_again() -> Result<()> {
    let harness = Harness::new().await?;
    harness.shop("shop").await?;
    let job = undelivered(&harness).await?;
    let cookie = harness.enter("shop", json!({})).await?;
    let path = format!("/portal/deliveries/{}/resend", job.delivery_id);
    let asked = harness.get(&cookie, &path).await?.text;
    assert!(asked.contains(&format!("method=\"post\" action=\"{path}\"")) && asked.contains("10.50\u{a0}EUR"));
    let resent = harness.post(&cookie, &path, &[]).await?;
    let new = resent.leads_to().strip_prefix("/portal/deliveries/").context("its page")?.to_owned();
    assert_ne!(new, job.delivery_id.to_string());
    assert_eq!(harness.state_of(new.parse()?).await?, State::Pending);
    assert_eq!(last_act(&harness).await?, by_shop("delivery.resend"));
    let page = harness.get(&cookie, &format!("/portal/deliveries/{new}?done=1")).await?.text;
    assert!(page.contains("<p class=\"notice\" role=\"status\">Done.</p>"));
    assert!(page.contains(&format!("/portal/deliveries/{}\"", job.delivery_id)));
    let again = harness.post(&cookie, &format!("/portal/deliveries/{new}/resend"), &[]).await?;
    assert_eq!(again.status, StatusCode::CONFLICT, "what waits is not sent again");
    assert!(again.text.contains("role=\"alert\""));
    Ok(())
}

#[tokio::test]
async fn a_merchant_settles_a_payment_that_it_has_seen() -> Result<()> {
    let harness = Harness::new().await?;
    harness.shop("shop").await?;
    let job = undelivered(&harness).await?;
    let cookie = harness.enter("shop", json!({})).await?;
    let path = format!("/portal/deliveries/{}/settle", job.delivery_id);
    assert!(harness.get(&cookie, &path).await?.text.contains("<textarea name=\"note\" required"));
    let unnamed = harness.post(&cookie, &path, &[("note", " ")]).await?;
    assert_eq!(unnamed.status, StatusCode::CONFLICT);
    assert_eq!(harness.state_of(job.delivery_id).await?, State::Undelivered, "without a note nothing is done");
    let settled = harness.post(&cookie, &path, &[("note", "booked by hand <now>")]).await?;
    assert_eq!(settled.leads_to(), format!("/portal/deliveries/{}", job.delivery_id));
    assert_eq!(harness.state_of(job.delivery_id).await?, State::Settled);
    assert_eq!(last_act(&harness).await?, by_shop("delivery.settle"));
    let page = harness.get(&cookie, settled.leads_to()).await?.text;
    assert!(page.contains("booked by hand &#60;now&#62;") && page.contains("Settled by shop"));
    let again = harness.post(&cookie, &path, &[("note", "once more")]).await?;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.text.contains("once more"), "what was typed is kept");
    Ok(())
}

#[tokio::test]
async fn a_merchant_does_only_what_the_gateway_allows() -> Result<()> {
    let harness = Harness::new().await?;
    let endpoint = harness.shop("shop").await?;
    let delivery = undelivered(&harness).await?.delivery_id;
    let rows = [
        ("resend", format!("/portal/deliveries/{delivery}/resend"), [("a", "b")].as_slice()),
        ("resend", format!("/portal/endpoints/{endpoint}/test"), &[("type", "endpoint.test")]),
        ("settle", format!("/portal/deliveries/{delivery}/settle"), &[("note", "x")]),
        ("edit", format!("/portal/endpoints/{endpoint}"), &[("url", "http://127.0.0.1:18009/new")]),
        ("secrets", format!("/portal/endpoints/{endpoint}/reveal-secret"), &[]),
        ("secrets", format!("/portal/endpoints/{endpoint}/rotate-secret"), &[("overlap_s", "0")]),
    ];
    for (right, path, fields) in rows {
        let cookie = harness.enter("shop", json!({ right: false })).await?;
        let before = harness.audit().await?.len();
        let refused = harness.post(&cookie, &path, fields).await?;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(harness.audit().await?.len(), before, "{path}: nothing was done");
        if !path.ends_with("/test") && !path.ends_with("reveal-secret") && right != "edit" {
            assert_eq!(harness.get(&cookie, &path).await?.status, StatusCode::FORBIDDEN, "{path}");
        }
        for page in [format!("/portal/deliveries/{delivery}"), format!("/portal/endpoints/{endpoint}")] {
            let page = harness.get(&cookie, &page).await?.text;
            assert!(!page.contains(&format!("action=\"{path}\"")) && !page.contains(&format!("href=\"{path}\"")));
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_refused_change_of_an_endpoint_keeps_what_was_typed() -> Result<()> {
    let harness = Harness::new().await?;
    let endpoint = harness.shop("shop").await?;
    let cookie = harness.enter("shop", json!({})).await?;
    let path = format!("/portal/endpoints/{endpoint}");
    let refused = harness.post(&cookie, &path, &[("url", "ftp://shop.example/\"x"), ("ignore_case", "1")]).await?;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("role=\"alert\"") && refused.text.contains("value=\"ftp://shop.example/&#34;x\""));
    assert!(refused.text.contains("name=\"ignore_case\" type=\"checkbox\" value=\"1\" checked"));
    let id: EndpointId = endpoint.parse()?;
    let is = harness.ledger.endpoint(id).await?.context("an endpoint")?;
    assert!(is.url == "http://127.0.0.1:18009/shop" && !is.options.ignore_case);
    let fields = [("url", "http://127.0.0.1:18009/new"), ("ignore_case", "1"), ("reply_signature", "")];
    assert_eq!(harness.post(&cookie, &path, &fields).await?.leads_to(), path);
    let is = harness.ledger.endpoint(id).await?.context("an endpoint")?;
    assert!(is.url == "http://127.0.0.1:18009/new" && is.options.ignore_case && !is.options.ignore_whitespace);
    assert_eq!(last_act(&harness).await?, by_shop("endpoint.change"));
    let version = is.version;
    assert_eq!(harness.post(&cookie, &path, &fields).await?.leads_to(), path);
    let is = harness.ledger.endpoint(id).await?.context("an endpoint")?;
    assert_eq!(is.version, version, "what is the same is not changed");
    Ok(())
}

#[tokio::test]
async fn a_secret_is_shown_on_request_and_the_audit_says_so() -> Result<()> {
    let harness = Harness::new().await?;
    let endpoint = harness.shop("shop").await?;
    let cookie = harness.enter("shop", json!({})).await?;
    let path = format!("/portal/endpoints/{endpoint}/reveal-secret");
    assert_eq!(harness.get(&cookie, &path).await?.status, StatusCode::NOT_FOUND, "looking is an act");
    let shown = harness.post(&cookie, &path, &[]).await?;
    assert!(shown.text.contains("whsec_") && shown.header("cache-control") == "no-store");
    assert_eq!(last_act(&harness).await?, by_shop("endpoint.reveal_secret"));
    Ok(())
}

#[tokio::test]
async fn a_new_secret_is_shown_once_with_the_end_of_the_old_one() -> Result<()> {
    let harness = Harness::new().await?;
    let endpoint = harness.shop("shop").await?;
    let cookie = harness.enter("shop", json!({})).await?;
    let path = format!("/portal/endpoints/{endpoint}/rotate-secret");
    let asked = harness.get(&cookie, &path).await?.text;
    for overlap_s in ["0", "3600", "86400", "604800"] {
        assert!(asked.contains(&format!("name=\"overlap_s\" value=\"{overlap_s}\"")), "{overlap_s}");
    }
    for (overlap_s, secrets, words) in [("3600", 2, "The old one also signs until"), ("0", 1, "no longer signs")] {
        let rotated = harness.post(&cookie, &path, &[("overlap_s", overlap_s)]).await?;
        assert!(rotated.status == StatusCode::OK && rotated.text.contains(words), "{}", rotated.text);
        assert_eq!(last_act(&harness).await?, by_shop("endpoint.rotate_secret"));
        let found = harness.ledger.endpoint_for_attempt(endpoint.parse()?).await?;
        let signing = found.secrets_at(harness.clock.now());
        assert_eq!(signing.len(), secrets, "{overlap_s}");
        assert!(rotated.text.contains(signing[0]), "the new secret is shown");
    }
    for wrong in [[("overlap_s", "1")].as_slice(), &[]] {
        assert_eq!(harness.post(&cookie, &path, wrong).await?.status, StatusCode::BAD_REQUEST);
    }
    Ok(())
}

#[tokio::test]
async fn a_private_key_is_never_shown_only_its_public_one() -> Result<()> {
    let harness = Harness::new().await?;
    harness.shop("shop").await?;
    let key = json!({ "secret": "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=" });
    let endpoint = harness.endpoint("shop", key).await?;
    let cookie = harness.enter("shop", json!({})).await?;
    let page = format!("/portal/endpoints/{endpoint}");
    let shown = harness.get(&cookie, &page).await?.text;
    assert!(shown.contains("whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=") && !shown.contains("whsk_"));
    assert_eq!(harness.post(&cookie, &format!("{page}/reveal-secret"), &[]).await?.status, StatusCode::FORBIDDEN);
    let rotated = harness.post(&cookie, &format!("{page}/rotate-secret"), &[("overlap_s", "3600")]).await?.text;
    assert!(rotated.contains("whpk_") && !rotated.contains("whsk_") && !rotated.contains("whsec_"));
    Ok(())
}

#[tokio::test]
async fn a_test_of_each_kind_leads_to_its_page() -> Result<()> {
    let harness = Harness::new().await?;
    let endpoint = harness.shop("shop").await?;
    let mut refund = crate::harness::payment("shop", "r-1", harness.clock.now())?;
    refund.kind = "payment.refunded".to_owned();
    harness.accept(refund).await?;
    let cookie = harness.enter("shop", json!({})).await?;
    let page = harness.get(&cookie, &format!("/portal/endpoints/{endpoint}")).await?.text;
    for kind in ["endpoint.test", "payment.confirmed", "payment.refunded"] {
        assert!(page.contains(&format!("<option>{kind}</option>")), "{kind}");
        let sent = harness.post(&cookie, &format!("/portal/endpoints/{endpoint}/test"), &[("type", kind)]).await?;
        assert_eq!(last_act(&harness).await?, by_shop("endpoint.test"));
        let page = harness.get(&cookie, sent.leads_to()).await?.text;
        assert!(page.contains(kind) && page.contains("a test, no money"), "{kind}");
        assert!(page.contains("id=\"timeline\" data-live"), "it can be followed");
    }
    Ok(())
}

#[tokio::test]
async fn forms_from_elsewhere_do_nothing() -> Result<()> {
    let harness = Harness::new().await?;
    let endpoint = harness.shop("shop").await?;
    let job = undelivered(&harness).await?;
    let cookie = harness.enter("shop", json!({})).await?;
    let before = harness.audit().await?.len();
    for path in [
        format!("/portal/deliveries/{}/settle", job.delivery_id),
        format!("/portal/deliveries/{}/resend", job.delivery_id),
        format!("/portal/endpoints/{endpoint}"),
        format!("/portal/endpoints/{endpoint}/test"),
        format!("/portal/endpoints/{endpoint}/reveal-secret"),
        format!("/portal/endpoints/{endpoint}/rotate-secret"),
        "/portal/leave".to_owned(),
    ] {
        for site in ["cross-site", "same-site", "none"] {
            let fields = [("note", "x"), ("overlap_s", "0"), ("url", "http://127.0.0.1:1/")];
            let refused = harness.post_from(site, &cookie, &path, &fields).await?;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path} from {site}");
        }
    }
    assert_eq!(harness.audit().await?.len(), before, "nothing was done");
    assert_eq!(harness.get(&cookie, "/portal").await?.status, StatusCode::OK, "the visit goes on");
    Ok(())
}
