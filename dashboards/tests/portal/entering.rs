use crate::harness::Harness;
use anyhow::Result;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::json;

const CLOSED: &str = "Ask your payment gateway for a new link";

#[tokio::test]
async fn a_link_lets_in_once() -> Result<()> {
    let harness = Harness::new().await?;
    harness.shop("shop").await?;
    let link = harness.link("shop", json!({})).await?;
    let entered = harness.get("", &link).await?;
    assert_eq!(entered.leads_to(), "/portal");
    let terms = entered.header("set-cookie");
    for term in ["paybell_portal=", "Path=/portal", "HttpOnly", "SameSite=Lax", "Max-Age=7200"] {
        assert!(terms.contains(term), "{terms}");
    }
    let page = harness.get(&entered.cookie(), "/portal").await?;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    for link in [link.as_str(), "/portal/enter?token=guessed", "/portal/enter"] {
        let refused = harness.get("", link).await?;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
        assert!(refused.text.contains(CLOSED) && !refused.headers.contains_key("set-cookie"));
    }
    Ok(())
}

#[tokio::test]
async fn of_all_who_come_with_a_link_at_once_one_is_let_in() -> Result<()> {
    let harness = Harness::new().await?;
    harness.shop("shop").await?;
    let link = harness.link("shop", json!({})).await?;
    let all = futures_util::future::join_all((0..12).map(|_| harness.get("", &link))).await;
    let statuses = all.into_iter().map(|reply| Ok(reply?.status)).collect::<Result<Vec<_>>>()?;
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::SEE_OTHER).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::UNAUTHORIZED).count(), 11, "{statuses:?}");
    Ok(())
}

#[tokio::test]
async fn who_only_looks_a_link_over_does_not_use_it_up() -> Result<()> {
    let harness = Harness::new().await?;
    harness.shop("shop").await?;
    let link = harness.link("shop", json!({})).await?;
    let head = Request::head(&link).body(Body::empty())?;
    let prefetch = Request::get(&link).header("sec-purpose", "prefetch;prerender").body(Body::empty())?;
    for request in [head, prefetch] {
        let looked = harness.send(request).await?;
        assert!(looked.status.is_success() && !looked.headers.contains_key("set-cookie"), "{}", looked.status);
    }
    let live: String = form_urlencoded::byte_serialize(link.as_bytes()).collect();
    assert_eq!(harness.get("", &format!("/portal/live?path={live}")).await?.status, StatusCode::BAD_REQUEST);
    assert_eq!(harness.get("", &link).await?.leads_to(), "/portal");
    Ok(())
}

#[tokio::test]
async fn nobody_is_let_in_without_an_open_visit() -> Result<()> {
    let harness = Harness::new().await?;
    let endpoint = harness.shop("shop").await?;
    let job = harness.accepted("shop", "p-1").await?;
    let own = harness.enter("shop", json!({})).await?;
    let paths = [
        "/portal".to_owned(),
        format!("/portal/deliveries/{}", job.delivery_id),
        "/portal/endpoints".to_owned(),
        format!("/portal/endpoints/{endpoint}"),
        "/portal/signatures".to_owned(),
        "/portal/reconciliation".to_owned(),
        "/portal/reconciliation.csv".to_owned(),
    ];
    for path in &paths {
        assert_eq!(harness.get(&own, path).await?.status, StatusCode::OK, "{path}");
        for cookie in ["", "paybell_portal=guessed", "paybell_session=guessed"] {
            let refused = harness.get(cookie, path).await?;
            assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{path}");
            assert!(refused.text.contains(CLOSED) && !refused.text.contains("p-1"), "{path}");
        }
    }
    let left = harness.post(&own, "/portal/leave", &[]).await?;
    assert!(left.header("set-cookie").contains("Max-Age=0"));
    for path in &paths {
        assert_eq!(harness.get(&own, path).await?.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    assert_eq!(harness.get(&own, "/").await?.status, StatusCode::SEE_OTHER, "the operators' pages ask to sign in");
    Ok(())
}

#[tokio::test]
async fn a_merchants_visit_opens_no_page_of_the_operators() -> Result<()> {
    let harness = Harness::new().await?;
    harness.shop("shop").await?;
    let token = harness.enter("shop", json!({})).await?.replace("paybell_portal=", "paybell_session=");
    for path in ["/", "/deliveries", "/endpoints", "/undelivered", "/retries"] {
        let sent = harness.get(&token, path).await?;
        assert!(sent.leads_to().starts_with("/sign-in"), "{path}");
    }
    Ok(())
}
