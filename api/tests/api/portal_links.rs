use crate::harness::{Harness, Parts, text_at};
use anyhow::Context;
use http::StatusCode;
use paybell_api::ApiSettings;
use paybell_delivery::MerchantId;
use paybell_store::manage::{NewPortalSession, PortalRights, Visitor};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::time::Duration;
use uuid::Uuid;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_portal_link_lets_its_merchant_in_once() -> anyhow::Result<()> {
    let settings = ApiSettings { public_url: "https://pay.example".into(), ..ApiSettings::default() };
    let harness = Harness::with(Parts { settings, ..Parts::default() }).await?;
    harness.merchant_with_endpoint("shop").await?;
    let path = "/v1/merchants/shop/portal-links";
    for (body, at_fault) in [
        (json!({"lifetime_s": 59}), "lifetime_s"),
        (json!({"lifetime_s": 3601}), "lifetime_s"),
        (json!({"rights": {"settle": "no"}}), "settle"),
        (json!({"rights": {"fly": true}}), "fly"),
    ] {
        assert_eq!(harness.post(path, body).await?.fields_at_fault(), [at_fault]);
    }
    let made = harness.post(path, json!({"rights": {"settle": false}, "lifetime_s": 60})).await?;
    assert_eq!((made.status, &made.headers["cache-control"]), (StatusCode::CREATED, &"no-store".parse()?));
    let url = text_at(&made.json(), "/url")?;
    let token = url.strip_prefix("https://pay.example/portal/enter?token=").context("the address")?.to_owned();
    assert_eq!(token.len(), 43, "32 bytes in base64url");
    let now = harness.clock.now();
    let hash = Sha256::digest(token.as_bytes());
    let entering = |now| NewPortalSession { id: Uuid::now_v7(), hash: vec![1; 32], now, ends_at: now + HOUR };
    let late = harness.ledger.use_portal_link(&hash, &entering(now + Duration::from_secs(60))).await?;
    assert_eq!(late, None);
    let session = harness.ledger.use_portal_link(&hash, &entering(now)).await?.context("let in")?;
    let rights = PortalRights { settle: false, ..PortalRights::default() };
    let merchant_id = MerchantId::new("shop").context("an id")?;
    assert_eq!(session.visitor, Visitor::Merchant { merchant_id, rights });
    let other = harness.send_as(&harness.operator, "POST", path, Some(json!({}))).await?;
    assert_eq!(other.status, StatusCode::CREATED, "operators may ask, too");
    assert_ne!(text_at(&other.json(), "/url")?, url);
    Ok(())
}
