//! The interface, act by act. Where a path begins with `This`, each database has its own statement.

use super::{
    This, activity, audit, bulk_acts, checks, deliveries, dialects, endpoints, figures, follow_up, gauges, health,
    keys, merchants, operators, payments, portal_links, reconcile, resend, secrets, sessions, settle, still_claimed,
    sums, waiting, waiting_by_endpoint, waiting_until,
};
use crate::engine::*;
use crate::manage::*;
use crate::{Ledger, Result, Schema};
use async_trait::async_trait;
use paybell_delivery::{
    Check, CheckId, DeliveryId, Endpoint, EndpointId, Job, MerchantId, Payment, PaymentId, Timestamp,
};
use paybell_dialects::Dialect;
use std::time::Duration;
use uuid::Uuid;

#[async_trait]
impl Ledger for This {
    async fn accept(&self, payments: &[Payment], terms: &AcceptTerms) -> Result<Vec<Accepted>> {
        This::accept(self, payments, terms, None).await
    }

    async fn accept_ahead(
        &self,
        payments: &[Payment],
        terms: &AcceptTerms,
        ahead: &ClaimAhead,
    ) -> Result<Vec<Accepted>> {
        This::accept(self, payments, terms, Some(ahead)).await
    }

    async fn claim(&self, jobs: &[Job], now: Timestamp, visibility: Duration) -> Result<Vec<Claim>> {
        This::claim(self, jobs, now, visibility).await
    }

    async fn still_claimed(&self, claims: &[(DeliveryId, u32)]) -> Result<Vec<bool>> {
        still_claimed::still_claimed(self, claims).await
    }

    async fn give_back(&self, deliveries: &[DeliveryId], claimed_at: Timestamp) -> Result<()> {
        This::give_back(self, deliveries, claimed_at).await
    }

    async fn take_back(&self, jobs: &[Job], now: Timestamp) -> Result<u64> {
        This::take_back(self, jobs, now).await
    }

    async fn record(&self, records: &[RecordAttempt]) -> Result<Vec<Recorded>> {
        This::record(self, records).await
    }

    async fn dispatch_due_after(
        &self,
        after: Option<Timestamp>,
        now: Timestamp,
        visibility: Duration,
        limit: u32,
        crowded: &[EndpointId],
    ) -> Result<Dispatched> {
        This::dispatch_due_after(self, after, now, visibility, limit, crowded).await
    }

    async fn release_parked(
        &self,
        now: Timestamp,
        visibility: Duration,
        limit: u32,
        crowded: &[EndpointId],
    ) -> Result<Vec<Job>> {
        This::release_parked(self, now, visibility, limit, crowded).await
    }

    async fn take_probes(&self, now: Timestamp, visibility: Duration, limit: u32) -> Result<Vec<Job>> {
        This::take_probes(self, now, visibility, limit).await
    }

    async fn mark_failing(&self, id: EndpointId, since: Timestamp, why: &str, actor: &Actor) -> Result<bool> {
        health::mark_failing(self, id, since, why, actor).await
    }

    async fn reopen(&self, id: EndpointId, actor: &Actor) -> Result<bool> {
        health::reopen(self, id, actor).await
    }

    async fn postpone_probe(&self, id: EndpointId, delivery: DeliveryId, next_at: Timestamp) -> Result<()> {
        health::postpone_probe(self, id, delivery, next_at).await
    }

    async fn gauges(&self, now: Timestamp, count_max: u64) -> Result<Gauges> {
        gauges::gauges(self, now, count_max).await
    }

    async fn endpoints_for_attempts(&self, ids: &[EndpointId]) -> Result<Vec<EndpointForAttempt>> {
        secrets::for_attempts(self, ids).await
    }

    async fn panics_of(&self, id: DeliveryId) -> Result<u32> {
        deliveries::panics(self, id).await
    }

    async fn keep_attempts(&self, now: Timestamp, kept_for: Duration) -> Result<Kept> {
        This::keep_attempts(self, now, kept_for).await
    }

    async fn now(&self) -> Result<Timestamp> {
        This::now(self).await
    }

    async fn migrate(&self) -> Result<Vec<i64>> {
        This::migrate(self).await
    }

    async fn schema(&self) -> Result<Schema> {
        This::schema(self).await
    }

    async fn durability_faults(&self) -> Result<Vec<String>> {
        This::durability_faults(self).await
    }

    async fn version(&self) -> Result<String> {
        This::version(self).await
    }

    async fn payment(&self, id: PaymentId) -> Result<Option<PaymentView>> {
        payments::find(self, id).await
    }

    async fn payments(&self, filter: &PaymentFilter, page: &PageRequest) -> Result<Page<Payment>> {
        payments::list(self, filter, page).await
    }

    async fn delivery(&self, id: DeliveryId, now: Timestamp) -> Result<Option<DeliveryView>> {
        deliveries::find(self, id, now).await
    }

    async fn deliveries(&self, filter: &DeliveryFilter, page: &PageRequest) -> Result<Page<DeliveryRow>> {
        deliveries::list(self, filter, page).await
    }

    async fn resend(&self, id: DeliveryId, new: &NewDelivery, actor: &Actor) -> Result<Job> {
        resend::resend(self, id, new, actor).await
    }

    async fn settle(&self, id: DeliveryId, who: &str, note: &str, actor: &Actor) -> Result<()> {
        settle::settle(self, id, who, note, actor).await
    }

    async fn endpoint_to_check(
        &self,
        merchant: &MerchantId,
        named: Option<EndpointId>,
    ) -> Result<Option<EndpointForAttempt>> {
        secrets::to_check(self, merchant, named).await
    }

    async fn record_checks(&self, checks: &[Check]) -> Result<()> {
        This::record_checks(self, checks).await
    }

    async fn check(&self, id: CheckId) -> Result<Option<Check>> {
        checks::find(self, id).await
    }

    async fn check_by_key(&self, merchant: &MerchantId, key: &str, since: Timestamp) -> Result<Option<Check>> {
        checks::by_key(self, merchant, key, since).await
    }

    async fn checks(&self, filter: &CheckFilter, page: &PageRequest) -> Result<Page<Check>> {
        checks::list(self, filter, page).await
    }

    async fn put_dialect(&self, dialect: &Dialect, actor: &Actor) -> Result<StoredDialect> {
        dialects::put(self, dialect, actor).await
    }

    async fn dialect(&self, name: &str) -> Result<Option<StoredDialect>> {
        dialects::find(self, name).await
    }

    async fn dialects(&self, page: &PageRequest) -> Result<Page<StoredDialect>> {
        dialects::list(self, page).await
    }

    async fn delete_dialect(&self, name: &str, actor: &Actor) -> Result<()> {
        dialects::delete(self, name, actor).await
    }

    async fn create_bulk_act(
        &self,
        id: Uuid,
        kind: &BulkKind,
        filter: &DeliveryFilter,
        actor: &Actor,
    ) -> Result<BulkAct> {
        bulk_acts::create(self, id, kind, filter, actor).await
    }

    async fn bulk_act(&self, id: Uuid) -> Result<Option<BulkAct>> {
        bulk_acts::find(self, id).await
    }

    async fn bulk_acts(&self, limit: u32) -> Result<Vec<BulkAct>> {
        bulk_acts::list(self, limit).await
    }

    async fn step_bulk_act(&self, terms: &AcceptTerms, limit: u32) -> Result<Option<BulkAct>> {
        bulk_acts::step(self, terms, limit).await
    }

    async fn follow_up(&self, id: DeliveryId, owner: Option<&str>, note: &str, actor: &Actor) -> Result<()> {
        follow_up::write(self, id, owner, note, actor).await
    }

    async fn probe_now(&self, id: EndpointId, actor: &Actor) -> Result<()> {
        health::probe_now(self, id, actor).await
    }

    async fn put_operator(&self, operator: &Operator, actor: &Actor) -> Result<()> {
        operators::put(self, operator, actor).await
    }

    async fn operator(&self, name: &str) -> Result<Option<Operator>> {
        operators::find(self, name).await
    }

    async fn operators(&self) -> Result<Vec<Operator>> {
        operators::list(self).await
    }

    async fn remove_operator(&self, name: &str, actor: &Actor) -> Result<()> {
        operators::remove(self, name, actor).await
    }

    async fn create_session(&self, session: &Session, actor: &Actor) -> Result<()> {
        sessions::create(self, session, actor).await
    }

    async fn session(&self, hash: &[u8], now: Timestamp) -> Result<Option<Session>> {
        sessions::find(self, hash, now).await
    }

    async fn sessions(&self, now: Timestamp) -> Result<Vec<Session>> {
        sessions::list(self, now).await
    }

    async fn revoke_session(&self, id: Uuid, actor: &Actor) -> Result<()> {
        sessions::revoke(self, id, actor).await
    }

    async fn create_portal_link(&self, link: &PortalLink, actor: &Actor) -> Result<()> {
        portal_links::create(self, link, actor).await
    }

    async fn use_portal_link(&self, hash: &[u8], session: &NewPortalSession) -> Result<Option<Session>> {
        portal_links::use_up(self, hash, session).await
    }

    async fn sum_up(&self, filter: &DeliveryFilter) -> Result<Sum> {
        sums::sum_up(self, filter).await
    }

    async fn add_figures(&self, at: Timestamp, figures: &Figures) -> Result<()> {
        figures::add(self, at, figures).await
    }

    async fn figures(&self, span: FigureSpan, since: Timestamp) -> Result<Vec<(Timestamp, Figures)>> {
        figures::read(self, span, since).await
    }

    async fn waiting(&self, filter: &DeliveryFilter, page: &PageRequest) -> Result<Page<DeliveryRow>> {
        waiting::list(self, filter, page).await
    }

    async fn waiting_until(
        &self,
        filter: &DeliveryFilter,
        before: Timestamp,
        page: &PageRequest,
    ) -> Result<Page<DeliveryRow>> {
        waiting_until::list(self, filter, before, page).await
    }

    async fn retry_wall(&self, now: Timestamp, within: &[Duration]) -> Result<RetryWall> {
        waiting::retry_wall(self, now, within).await
    }

    async fn waiting_by_endpoint(&self, limit: u32) -> Result<Vec<EndpointWaiting>> {
        waiting_by_endpoint::list(self, limit).await
    }

    async fn expiring(&self, now: Timestamp, within: &[Duration]) -> Result<Vec<Expiring>> {
        sums::expiring(self, now, within).await
    }

    async fn troubled_endpoints(&self, limit: u32) -> Result<Vec<Endpoint>> {
        activity::troubled(self, limit).await
    }

    async fn endpoint_activity(&self, id: EndpointId, limit: u32) -> Result<Vec<Activity>> {
        activity::of_endpoint(self, id, limit).await
    }

    async fn reconcile(
        &self,
        merchant: &MerchantId,
        since: Timestamp,
        before: Timestamp,
        page: &PageRequest,
    ) -> Result<Page<ReconciledPayment>> {
        reconcile::list(self, merchant, since, before, page).await
    }

    async fn create_merchant(&self, id: &MerchantId, name: &str, actor: &Actor) -> Result<Merchant> {
        merchants::create(self, id, name, actor).await
    }

    async fn merchant(&self, id: &MerchantId) -> Result<Option<Merchant>> {
        merchants::find(self, id).await
    }

    async fn merchants(&self, page: &PageRequest) -> Result<Page<Merchant>> {
        merchants::list(self, page).await
    }

    async fn rename_merchant(&self, id: &MerchantId, name: &str, actor: &Actor) -> Result<Merchant> {
        merchants::rename(self, id, name, actor).await
    }

    async fn delete_merchant(&self, id: &MerchantId, actor: &Actor) -> Result<()> {
        merchants::delete(self, id, actor).await
    }

    async fn create_endpoint(&self, new: &NewEndpoint, secret: &Secret, actor: &Actor) -> Result<Endpoint> {
        endpoints::create(self, new, secret, actor).await
    }

    async fn endpoint(&self, id: EndpointId) -> Result<Option<Endpoint>> {
        endpoints::find(self, id).await
    }

    async fn endpoints(&self, merchant: Option<&MerchantId>, page: &PageRequest) -> Result<Page<Endpoint>> {
        endpoints::list(self, merchant, page).await
    }

    async fn change_endpoint(&self, id: EndpointId, change: &EndpointChange, actor: &Actor) -> Result<Endpoint> {
        endpoints::change(self, id, change, actor).await
    }

    async fn pause_merchant(&self, id: &MerchantId, paused: bool, actor: &Actor) -> Result<u64> {
        merchants::pause(self, id, paused, actor).await
    }
    async fn pause_endpoint(&self, id: EndpointId, paused: bool, actor: &Actor) -> Result<Endpoint> {
        endpoints::pause(self, id, paused, actor).await
    }

    async fn delete_endpoint(&self, id: EndpointId, actor: &Actor) -> Result<()> {
        endpoints::delete(self, id, actor).await
    }

    async fn rotate_secret(
        &self,
        id: EndpointId,
        new: &Secret,
        earlier_end_at: Timestamp,
        actor: &Actor,
    ) -> Result<Endpoint> {
        secrets::rotate(self, id, new, earlier_end_at, actor).await
    }

    async fn reveal_secrets(&self, id: EndpointId, actor: &Actor) -> Result<Vec<Secret>> {
        secrets::reveal(self, id, actor).await
    }

    async fn accept_test(&self, id: EndpointId, payment: &Payment, terms: &AcceptTerms, actor: &Actor) -> Result<Job> {
        resend::accept_test(self, id, payment, terms, actor).await
    }

    async fn create_key(&self, key: &KeyRecord, actor: &Actor) -> Result<()> {
        keys::create(self, key, actor).await
    }

    async fn key(&self, id: Uuid) -> Result<Option<KeyRecord>> {
        keys::find(self, id).await
    }

    async fn keys(&self) -> Result<Vec<KeyRecord>> {
        keys::list(self).await
    }

    async fn revoke_key(&self, id: Uuid, actor: &Actor) -> Result<()> {
        keys::revoke(self, id, actor).await
    }

    async fn audit(&self, filter: &AuditFilter, page: &PageRequest) -> Result<Page<AuditRow>> {
        audit::list(self, filter, page).await
    }
}
