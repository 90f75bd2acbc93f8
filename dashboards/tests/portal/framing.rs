use crate::harness::Harness;
use anyhow::Result;
use axum::http::StatusCode;
use paybell_dashboards::PortalSettings;
use serde_json::json;

#[tokio::test]
async fn no_site_may_frame_the_portal_unless_the_gateway_says_so() -> Result<()> {
    let harness = Harness::new().await?;
    harness.shop("shop").await?;
    let cookie = harness.enter("shop", json!({})).await?;
    for path in ["/portal", "/portal/endpoints", "/portal/enter?token=used", "/portal/reconciliation.csv"] {
        let page = harness.get(&cookie, path).await?;
        let policy = page.header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"), "{path}: {policy}");
        assert_eq!(page.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
    }
    assert_eq!(harness.get("", "/portal/logo").await?.status, StatusCode::NOT_FOUND);
    assert_eq!(harness.get("", "/portal/brand.css").await?.status, StatusCode::NOT_FOUND);
    Ok(())
}

#[tokio::test]
async fn the_gateways_sites_may_frame_the_portal_and_nothing_else() -> Result<()> {
    let ancestors = ["https://cabinet.example".to_owned(), "https://b.example:8443".to_owned()];
    let harness =
        Harness::with(PortalSettings { frame_ancestors: ancestors.into(), ..PortalSettings::default() }).await?;
    harness.shop("shop").await?;
    let entered = harness.get("", &harness.link("shop", json!({})).await?).await?;
    for term in ["Path=/portal", "HttpOnly", "SameSite=None", "Secure", "Partitioned"] {
        assert!(entered.header("set-cookie").contains(term), "{}", entered.header("set-cookie"));
    }
    let page = harness.get(&entered.cookie(), "/portal").await?;
    let policy = page.header("content-security-policy");
    assert!(policy.ends_with("frame-ancestors https://cabinet.example https://b.example:8443"), "{policy}");
    assert!(page.header("x-frame-options").is_empty());
    let operators = harness.get("", "/sign-in").await?;
    assert!(operators.header("content-security-policy").contains("frame-ancestors 'none'"));
    assert_eq!(operators.header("x-frame-options"), "DENY");
    Ok(())
}

#[tokio::test]
async fn pages_wear_the_gateways_look() -> Result<()> {
    let logo = ("image/svg+xml".to_owned(), b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec());
    let harness = Harness::with(PortalSettings {
        name: Some("Pay & Co".to_owned()),
        logo: Some(logo),
        colour: Some("#ffdd00".to_owned()),
        frame_ancestors: Vec::new(),
    })
    .await?;
    harness.shop("shop").await?;
    let cookie = harness.enter("shop", json!({})).await?;
    for (cookie, status) in [(cookie.as_str(), StatusCode::OK), ("", StatusCode::UNAUTHORIZED)] {
        let page = harness.get(cookie, "/portal").await?;
        assert_eq!(page.status, status);
        for part in ["Pay &#38; Co", "src=\"/portal/logo\"", "href=\"/portal/brand.css\""] {
            assert!(page.text.contains(part), "{part}");
        }
        assert!(!page.text.contains("style=") && !page.text.contains("<style"), "the policy forbids inline styles");
    }
    let logo = harness.get("", "/portal/logo").await?;
    assert_eq!(logo.header("content-type"), "image/svg+xml");
    assert!(logo.header("content-security-policy").contains("default-src 'none'"), "a script in it stays inert");
    let style = harness.get("", "/portal/brand.css").await?;
    assert!(style.header("content-type").starts_with("text/css"));
    assert!(style.text.contains("--accent: #") && style.text.contains("--on-accent: #"));
    assert!(!style.text.contains("#ffdd00; --on-accent: #ffffff"), "yellow is not readable with white");
    let operators = harness.get("", "/sign-in").await?.text;
    assert!(operators.contains("Paybell") && !operators.contains("/portal/logo"));
    Ok(())
}
