//! A merchant at a page of its portal, and what is its own.

use crate::failure::Failure;
use crate::form::Form;
use crate::page::{Frame, NavItem, path_and_query};
use crate::texts::Lang;
use crate::visit::original_uri;
use crate::{Pages, Served};
use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use paybell_delivery::{DeliveryId, Endpoint, EndpointId, MerchantId, Timestamp};
use paybell_store::manage::{DeliveryView, PortalRights, Session, Visitor};

/// The cookie of a merchant's session.
pub(crate) const PORTAL_COOKIE: &str = "paybell_portal";

/// A merchant at a page.
pub(crate) struct PortalVisit {
    pub(crate) merchant_id: MerchantId,
    pub(crate) rights: PortalRights,
    pub(crate) l: Lang,
    pub(crate) uri: Uri,
    /// The moment of the visit, by the database's clock.
    pub(crate) now: Timestamp,
    pub(crate) session: Session,
}

impl FromRequestParts<Pages> for PortalVisit {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, pages: &Pages) -> Result<Self, Failure> {
        let session = pages.session(parts, PORTAL_COOKIE).await?.ok_or(Failure::PortalClosed)?;
        let Visitor::Merchant { merchant_id, rights } = session.visitor.clone() else {
            return Err(Failure::PortalClosed);
        };
        let uri = original_uri(parts).await;
        let (l, now) = (Lang::of(&parts.headers), pages.dashboard.clock.now());
        Ok(Self { merchant_id, rights, l, uri, now, session })
    }
}

impl PortalVisit {
    /// The merchant as the audit names it.
    pub(crate) fn name(&self) -> String {
        format!("portal:{}", self.merchant_id)
    }

    /// The query of the page's address.
    pub(crate) fn query(&self) -> Form {
        Form::parse(self.uri.query().unwrap_or_default().as_bytes())
    }

    /// The frame of a page.
    pub(crate) fn frame(&self, pages: &Served, title: &str) -> Frame {
        let l = self.l;
        let path = self.uri.path();
        let item = |name, href: &'static str| NavItem {
            name,
            href,
            is_here: match href {
                "/portal" => path == href || path.starts_with("/portal/deliveries"),
                _ => path.starts_with(href),
            },
        };
        Frame {
            who: Some(self.merchant_id.to_string()),
            nav: vec![
                item(l.nav_payments(), "/portal"),
                item(l.nav_endpoints(), "/portal/endpoints"),
                item(l.nav_signatures(), "/portal/signatures"),
                item(l.nav_reconciliation(), "/portal/reconciliation"),
            ],
            here: path_and_query(&self.uri),
            notice: self.query().is_ticked("done").then(|| l.done().to_owned()),
            ..Frame::branded(l, title, &pages.dashboard.portal)
        }
    }
}

/// Goes on only where the gateway allows it.
pub(crate) fn must(right: bool) -> Result<(), Failure> {
    if right { Ok(()) } else { Err(Failure::Forbidden) }
}

impl Served {
    /// A delivery of the merchant's own. Another's is not found, as if there were none.
    pub(crate) async fn own_delivery(&self, visit: &PortalVisit, id: &str) -> Result<DeliveryView, Failure> {
        let id: DeliveryId = id.parse().map_err(|_| Failure::NotFound)?;
        let found = self.ledger().delivery(id, visit.now).await?;
        found.filter(|view| view.payment.merchant_id == visit.merchant_id).ok_or(Failure::NotFound)
    }

    /// An endpoint of the merchant's own, likewise.
    pub(crate) async fn own_endpoint(&self, visit: &PortalVisit, id: &str) -> Result<Endpoint, Failure> {
        let id: EndpointId = id.parse().map_err(|_| Failure::NotFound)?;
        let found = self.ledger().endpoint(id).await?;
        found.filter(|endpoint| endpoint.merchant_id == visit.merchant_id).ok_or(Failure::NotFound)
    }
}
