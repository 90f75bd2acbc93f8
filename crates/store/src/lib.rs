//! The ledger: the only SQL of Paybell, on PostgreSQL and on SQLite behind one interface.
//!
//! Cast:
//! - [`Ledger`]: the interface. [`PostgresLedger`] and [`SqliteLedger`] implement it; one conformance suite checks both.
//! - The engine's acts: accept, claim, record, dispatch (module [`mod@engine`]), each for many deliveries at once.
//! - [`Coalesced`]: gathers concurrent callers of accept, claim and record into those batches.
//! - The acts of people and their programs: merchants, endpoints, keys, resend, settle, bulk acts, operators and sessions, each leaving an
//!   audit row in the same transaction (module [`mod@manage`]).
//! - [`Sealer`]: endpoint secrets at rest. [`Clock`]: the database's time.

#![expect(clippy::duplicate_mod, reason = "the folder `shared` is compiled once for each database, on purpose")]

#[macro_use]
mod columns;
mod accepting;
mod checking;
mod clock;
mod coalesce;
mod count_figures;
pub mod engine;
mod error;
mod ids;
mod known_dialects;
pub mod manage;
mod migrations;
mod numbers;
mod page;
mod postgres;
mod recording;
mod seal;
mod sqlite;
mod worded_payment;

pub use clock::Clock;
pub use coalesce::{AttemptsAhead, CoalesceSettings, Coalesced};
pub use error::StoreError;
pub use ids::id_at;
pub use known_dialects::KnownDialects;
pub use migrations::Schema;
pub use postgres::PostgresLedger;
pub use seal::Sealer;
pub use sqlite::SqliteLedger;
pub use worded_payment::{WordedPayment, attempt_headers, worded_amount};

use async_trait::async_trait;
use engine::{AcceptTerms, Accepted, Claim, ClaimAhead, Dispatched, Gauges, Kept, RecordAttempt, Recorded};
use manage::*;
use paybell_delivery::{
    Check, CheckId, DeliveryId, Endpoint, EndpointId, Job, MerchantId, Payment, PaymentId, Timestamp,
};
use paybell_dialects::Dialect;
use std::time::Duration;
use uuid::Uuid;

/// What every act returns.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The database behind one interface. All times are arguments; a ledger reads no clock but in [`Ledger::now`].
#[async_trait]
pub trait Ledger: Send + Sync {
    // ── the engine's acts ──────────────────────────────────────────────────────────────────────────────────────

    /// Writes payments and their deliveries (one for each endpoint of the merchant that is not deleted) in one
    /// transaction, due after [`AcceptTerms::grace`]. Answers one result for each payment, in order.
    /// Idempotent by merchant and gateway payment id, within a batch too.
    async fn accept(&self, payments: &[Payment], terms: &AcceptTerms) -> Result<Vec<Accepted>>;

    /// As [`Ledger::accept`], and claims the deliveries in the same statement, but for those of endpoints that are paused
    /// or fail.
    async fn accept_ahead(
        &self,
        payments: &[Payment],
        terms: &AcceptTerms,
        ahead: &ClaimAhead,
    ) -> Result<Vec<Accepted>>;

    /// Takes deliveries for an attempt each: fenced by [`Job::attempts`], one holder at a time, until
    /// `now + visibility`. Reads what must be sent in the same statement. A claim that ran out without a record is
    /// written down as an attempt of unknown outcome. Answers one result for each job, in order.
    async fn claim(&self, jobs: &[Job], now: Timestamp, visibility: Duration) -> Result<Vec<Claim>>;

    /// Whether these claims still hold, each a delivery with the number of its attempt: nobody ended or took over the delivery
    /// meanwhile. Answers one result for each, in order.
    async fn still_claimed(&self, claims: &[(DeliveryId, u32)]) -> Result<Vec<bool>>;

    /// Undoes claims of this moment of which nothing was begun. Those that are no longer held are left alone.
    async fn give_back(&self, deliveries: &[DeliveryId], claimed_at: Timestamp) -> Result<()>;

    /// Parks what was handed out for endpoints that take nothing now (paused, failing or deleted), and not only when it comes
    /// due after the visibility time: so it is released with the rest. Jobs that are stale or claimed are left alone, and so is
    /// a probe. Answers how many were parked.
    async fn take_back(&self, jobs: &[Job], now: Timestamp) -> Result<u64>;

    /// Writes attempts and their deliveries' next states in one transaction, fenced by the claim. The attempt is
    /// always kept, even when the claim was lost meanwhile. Answers one result for each, in order.
    async fn record(&self, records: &[RecordAttempt]) -> Result<Vec<Recorded>>;

    /// Looks at most `limit` deliveries with `due_at ≤ now`, the oldest first: moves them forward by the visibility
    /// time, or half of what is left to the deadline, and answers their jobs; ends as expired those past their deadline;
    /// parks (`due_at = deadline_at`) those of paused, failing and deleted endpoints, and of those that are `crowded`, for
    /// which more is handed out than the queue has room for. Any number of processes may do this at once.
    async fn dispatch_due(
        &self,
        now: Timestamp,
        visibility: Duration,
        limit: u32,
        crowded: &[EndpointId],
    ) -> Result<Dispatched> {
        self.dispatch_due_after(None, now, visibility, limit, crowded).await
    }

    /// The same of those with `due_at > after` only, or of all. PostgreSQL's index of what is due begins with an entry of each
    /// delivery that was due since the last vacuum; who knows that nothing is left there need not go through them.
    async fn dispatch_due_after(
        &self,
        after: Option<Timestamp>,
        now: Timestamp,
        visibility: Duration,
        limit: u32,
        crowded: &[EndpointId],
    ) -> Result<Dispatched>;

    /// Hands out parked deliveries, as [`Ledger::dispatch_due`] does: of some endpoints that take deliveries again and
    /// are not `crowded`, at most `limit` each, those whose deadline is nearest first; in a ramp
    /// ([`paybell_delivery::release_limit`]) after an endpoint was reopened.
    async fn release_parked(
        &self,
        now: Timestamp,
        visibility: Duration,
        limit: u32,
        crowded: &[EndpointId],
    ) -> Result<Vec<Job>>;

    /// Hands out one parked delivery of each failing endpoint whose probe is due, the one whose deadline is nearest
    /// and leaves time for an attempt, or else the farthest; it can be claimed all the same. Looks at most `limit` endpoints.
    async fn take_probes(&self, now: Timestamp, visibility: Duration, limit: u32) -> Result<Vec<Job>>;

    /// Marks an endpoint as failing, with an audit row that says why; its first probe goes out after
    /// [`paybell_delivery::probe_after`]`(0)`. Answers whether it was changed: not when it fails already, or was reopened
    /// after `since`, when the failures began.
    async fn mark_failing(&self, id: EndpointId, since: Timestamp, why: &str, actor: &Actor) -> Result<bool>;

    /// Writes down that a failing endpoint answered, with an audit row. Answers whether it was failing.
    async fn reopen(&self, id: EndpointId, actor: &Actor) -> Result<bool>;

    /// Writes down that the probe with this delivery failed; the next one goes out at `next_at`.
    async fn postpone_probe(&self, id: EndpointId, delivery: DeliveryId, next_at: Timestamp) -> Result<()>;

    /// The figures for metrics, readiness and pages, each counted to `count_max`: the cost does not grow with the backlog.
    async fn gauges(&self, now: Timestamp, count_max: u64) -> Result<Gauges>;

    /// Endpoints with their secrets and dialects, for attempts; deleted ones too. Answers one for each id, in order.
    async fn endpoints_for_attempts(&self, ids: &[EndpointId]) -> Result<Vec<EndpointForAttempt>>;

    /// One endpoint, likewise.
    async fn endpoint_for_attempt(&self, id: EndpointId) -> Result<EndpointForAttempt> {
        let found = self.endpoints_for_attempts(&[id]).await?.pop();
        found.ok_or_else(|| StoreError::NotFound { what: "endpoint", id: id.to_string() })
    }

    /// How many attempts of this delivery ended in a panic of the worker.
    async fn panics_of(&self, id: DeliveryId) -> Result<u32>;

    /// Makes room for the attempts of the days to come, and lets go of those whose day ended longer than `kept_for` ago
    /// (never less than [`paybell_delivery::ATTEMPTS_KEPT_MIN`]), in small steps: one of each kind. The day is that of the delivery's id,
    /// so what is pending keeps its attempts; deliveries and their counts stay. Checks go with them, and sessions and portal
    /// links a week after they ended. Locks are not waited for. Any number of
    /// processes may do this at once.
    async fn keep_attempts(&self, now: Timestamp, kept_for: Duration) -> Result<Kept>;

    // ── the database itself ────────────────────────────────────────────────────────────────────────────────────

    /// The database's clock.
    async fn now(&self) -> Result<Timestamp>;
    /// Applies the migrations that are missing, each once nobody holds its tables for long. Answers the versions
    /// applied. [`StoreError::Refused`] when one would take away what connected processes still use.
    async fn migrate(&self) -> Result<Vec<i64>>;
    /// How the database's schema stands to what this version knows.
    async fn schema(&self) -> Result<Schema>;
    /// Settings of the server under which a commit may be lost (`fsync`, `full_page_writes`, `synchronous_commit`
    /// off), and a version below 15, each in words with its cure; empty when all is well.
    async fn durability_faults(&self) -> Result<Vec<String>>;
    /// What it is, for people: `PostgreSQL 15.18`.
    async fn version(&self) -> Result<String>;

    // ── payments and deliveries ────────────────────────────────────────────────────────────────────────────────

    /// A payment with its deliveries.
    async fn payment(&self, id: PaymentId) -> Result<Option<PaymentView>>;
    /// Payments, the newest first.
    async fn payments(&self, filter: &PaymentFilter, page: &PageRequest) -> Result<Page<Payment>>;
    /// A delivery with its payment and all its attempts, those of unknown outcome and the one in flight too.
    async fn delivery(&self, id: DeliveryId, now: Timestamp) -> Result<Option<DeliveryView>>;
    /// Deliveries, the newest first. A page looks at a bounded number of rows: it may hold fewer than were asked for, or
    /// none, and still have a next one.
    async fn deliveries(&self, filter: &DeliveryFilter, page: &PageRequest) -> Result<Page<DeliveryRow>>;
    /// Makes a new delivery of the same payment to the same endpoint, due now, linked to this one.
    /// [`StoreError::NotFound`]; [`StoreError::Refused`] when this one is still pending or its endpoint is deleted.
    async fn resend(&self, id: DeliveryId, new: &NewDelivery, actor: &Actor) -> Result<Job>;
    /// Settles what is pending or undelivered. [`StoreError::Refused`] when it is delivered or settled already.
    async fn settle(&self, id: DeliveryId, who: &str, note: &str, actor: &Actor) -> Result<()>;

    // ── checks ─────────────────────────────────────────────────────────────────────────────────────────────────

    /// Whom to ask before a payment to this merchant: the endpoint that is named, if it is the merchant's and not
    /// deleted, or else the one that has a check URL. [`StoreError::NotFound`] when the merchant is not there.
    async fn endpoint_to_check(
        &self,
        merchant: &MerchantId,
        named: Option<EndpointId>,
    ) -> Result<Option<EndpointForAttempt>>;
    /// Writes checks with their answers, in one statement. Those that are there already are left as they are.
    async fn record_checks(&self, checks: &[Check]) -> Result<()>;
    /// A check.
    async fn check(&self, id: CheckId) -> Result<Option<Check>>;
    /// The first check of this merchant with this key, asked at or after `since`.
    async fn check_by_key(&self, merchant: &MerchantId, key: &str, since: Timestamp) -> Result<Option<Check>>;
    /// Checks, the newest first.
    async fn checks(&self, filter: &CheckFilter, page: &PageRequest) -> Result<Page<Check>>;

    // ── dialects of the gateway's own ──────────────────────────────────────────────────────────────────────────

    /// Creates or changes a dialect, and renews the version of all endpoints that use it. [`StoreError::Refused`] when the
    /// name is a built-in dialect's, and when an endpoint that suited the dialect before would not any more: then the
    /// text names the first few, and what they lack.
    async fn put_dialect(&self, dialect: &Dialect, actor: &Actor) -> Result<StoredDialect>;
    /// A dialect.
    async fn dialect(&self, name: &str) -> Result<Option<StoredDialect>>;
    /// Dialects by name.
    async fn dialects(&self, page: &PageRequest) -> Result<Page<StoredDialect>>;
    /// Deletes a dialect. [`StoreError::Refused`] while endpoints use it.
    async fn delete_dialect(&self, name: &str, actor: &Actor) -> Result<()>;

    // ── bulk acts ──────────────────────────────────────────────────────────────────────────────────────────────

    /// Begins an act on all deliveries that the filter matches, that exist now and that it can be done to.
    async fn create_bulk_act(
        &self,
        id: Uuid,
        kind: &BulkKind,
        filter: &DeliveryFilter,
        actor: &Actor,
    ) -> Result<BulkAct>;
    /// A bulk act and how far it is.
    async fn bulk_act(&self, id: Uuid) -> Result<Option<BulkAct>>;
    /// The bulk acts that were begun last, the newest first; at most 1,000.
    async fn bulk_acts(&self, limit: u32) -> Result<Vec<BulkAct>>;
    /// Does the next `limit` deliveries of the oldest unfinished bulk act, in one transaction with its progress.
    /// Answers nothing when there is none to do or another process is at it. A settlement counts what it settled in the
    /// metrics.
    async fn step_bulk_act(&self, terms: &AcceptTerms, limit: u32) -> Result<Option<BulkAct>>;
    /// What a filter matches now, with its money.
    async fn sum_up(&self, filter: &DeliveryFilter) -> Result<Sum>;

    // ── what pages show ────────────────────────────────────────────────────────────────────────────────────────

    /// Adds to the figures of the minute and the quarter of an hour in which `at` lies.
    async fn add_figures(&self, at: Timestamp, figures: &Figures) -> Result<()>;
    /// The figures of each span that begins at or after `since`, the oldest first; spans without any are left out.
    async fn figures(&self, span: FigureSpan, since: Timestamp) -> Result<Vec<(Timestamp, Figures)>>;
    /// Pending deliveries, those with the nearest next attempt first; those of one endpoint, merchant or payment in the
    /// order of [`Ledger::deliveries`].
    async fn waiting(&self, filter: &DeliveryFilter, page: &PageRequest) -> Result<Page<DeliveryRow>>;
    /// Pending deliveries that were attempted in vain, or wait for their endpoint, and whose deadline is before `before`,
    /// those with the nearest deadline first.
    async fn waiting_until(
        &self,
        filter: &DeliveryFilter,
        before: Timestamp,
        page: &PageRequest,
    ) -> Result<Page<DeliveryRow>>;
    /// Pending deliveries by the moment of their next attempt: what is due, and what comes due within each of `within`
    /// (ascending), and later; and what is parked.
    async fn retry_wall(&self, now: Timestamp, within: &[Duration]) -> Result<RetryWall>;
    /// Endpoints with deliveries that are parked or wait for a retry, those with the most first; at most 100, of 300 that
    /// are looked at. What is retried within its first minute is not counted.
    async fn waiting_by_endpoint(&self, limit: u32) -> Result<Vec<EndpointWaiting>>;
    /// What expires within each of `within`, with the money at stake. What is within its first minute is not counted.
    async fn expiring(&self, now: Timestamp, within: &[Duration]) -> Result<Vec<Expiring>>;
    /// Endpoints that fail or are paused, those that have failed the longest first.
    async fn troubled_endpoints(&self, limit: u32) -> Result<Vec<Endpoint>>;
    /// The last deliveries of an endpoint with their last attempts, the newest first; at most 1,000.
    async fn endpoint_activity(&self, id: EndpointId, limit: u32) -> Result<Vec<Activity>>;
    /// Payments of a merchant accepted at or after `since` and before `before`, the oldest first, each with where it stands.
    async fn reconcile(
        &self,
        merchant: &MerchantId,
        since: Timestamp,
        before: Timestamp,
        page: &PageRequest,
    ) -> Result<Page<ReconciledPayment>>;
    /// Writes who looks after a delivery and what they noted. [`StoreError::NotFound`].
    async fn follow_up(&self, id: DeliveryId, owner: Option<&str>, note: &str, actor: &Actor) -> Result<()>;
    /// Lets the next probe of a failing endpoint go out now. [`StoreError::Refused`] when it does not fail, or nothing
    /// waits for it.
    async fn probe_now(&self, id: EndpointId, actor: &Actor) -> Result<()>;

    // ── operators, sessions, portal links ──────────────────────────────────────────────────────────────────────

    /// Adds an operator, or changes the role and password of the one with that name, which ends their sessions.
    async fn put_operator(&self, operator: &Operator, actor: &Actor) -> Result<()>;
    /// An operator; removed ones are not found.
    async fn operator(&self, name: &str) -> Result<Option<Operator>>;
    /// Operators by name, without the removed.
    async fn operators(&self) -> Result<Vec<Operator>>;
    /// Removes an operator and ends their sessions. [`StoreError::NotFound`].
    async fn remove_operator(&self, name: &str, actor: &Actor) -> Result<()>;
    /// Begins a session, with an audit row. [`StoreError::Refused`] when the operator was removed or changed after
    /// [`Session::created_at`], has another role, or the key was revoked; [`StoreError::NotFound`] when the merchant is not there.
    async fn create_session(&self, session: &Session, actor: &Actor) -> Result<()>;
    /// The session with this hash, unless it has ended or was revoked, or the key it began with was.
    async fn session(&self, hash: &[u8], now: Timestamp) -> Result<Option<Session>>;
    /// The sessions that are open at `now`, the newest first; at most 1,000.
    async fn sessions(&self, now: Timestamp) -> Result<Vec<Session>>;
    /// Ends a session. [`StoreError::NotFound`].
    async fn revoke_session(&self, id: Uuid, actor: &Actor) -> Result<()>;
    /// Stores a link into the portal. [`StoreError::NotFound`] when the merchant is not there.
    async fn create_portal_link(&self, link: &PortalLink, actor: &Actor) -> Result<()>;
    /// Uses a link up: answers it, once, if it has not ended; the session that it lets in begins in the same transaction.
    async fn use_portal_link(&self, hash: &[u8], session: &NewPortalSession) -> Result<Option<Session>>;

    // ── merchants and endpoints ────────────────────────────────────────────────────────────────────────────────

    /// Creates a merchant. [`StoreError::Exists`] when the id is taken (also by a deleted one).
    async fn create_merchant(&self, id: &MerchantId, name: &str, actor: &Actor) -> Result<Merchant>;
    /// A merchant; deleted ones are not found.
    async fn merchant(&self, id: &MerchantId) -> Result<Option<Merchant>>;
    /// Merchants by id, without the deleted.
    async fn merchants(&self, page: &PageRequest) -> Result<Page<Merchant>>;
    /// Renames a merchant.
    async fn rename_merchant(&self, id: &MerchantId, name: &str, actor: &Actor) -> Result<Merchant>;
    /// Deletes a merchant and its endpoints (soft): what was accepted stays visible and settleable.
    async fn delete_merchant(&self, id: &MerchantId, actor: &Actor) -> Result<()>;
    /// Creates an endpoint with its first secret. [`StoreError::NotFound`] when the merchant or the dialect is not there;
    /// [`StoreError::AskedAlready`] when it has a check URL and another one of the merchant has one;
    /// [`StoreError::Refused`] when it does not suit its dialect.
    async fn create_endpoint(&self, new: &NewEndpoint, secret: &Secret, actor: &Actor) -> Result<Endpoint>;
    /// An endpoint; deleted ones are not found.
    async fn endpoint(&self, id: EndpointId) -> Result<Option<Endpoint>>;
    /// Endpoints (of one merchant), the newest first, without the deleted.
    async fn endpoints(&self, merchant: Option<&MerchantId>, page: &PageRequest) -> Result<Page<Endpoint>>;
    /// Changes the fields that are given. [`StoreError::AskedAlready`] and [`StoreError::Refused`] as when one is created.
    async fn change_endpoint(&self, id: EndpointId, change: &EndpointChange, actor: &Actor) -> Result<Endpoint>;
    /// Pauses (`true`) or resumes an endpoint. Pausing what is paused changes nothing.
    async fn pause_endpoint(&self, id: EndpointId, paused: bool, actor: &Actor) -> Result<Endpoint>;
    /// Pauses (`true`) or resumes all endpoints of a merchant that are not so already. Answers how many were changed.
    async fn pause_merchant(&self, id: &MerchantId, paused: bool, actor: &Actor) -> Result<u64>;
    /// Deletes an endpoint (soft). Its pending deliveries wait for their deadline and can be settled.
    async fn delete_endpoint(&self, id: EndpointId, actor: &Actor) -> Result<()>;
    /// Adds a secret and lets all earlier ones end at `earlier_end_at` (or sooner, where they end sooner).
    async fn rotate_secret(
        &self,
        id: EndpointId,
        new: &Secret,
        earlier_end_at: Timestamp,
        actor: &Actor,
    ) -> Result<Endpoint>;
    /// The secrets that sign at [`Actor::now`], with an audit row. [`StoreError::NotFound`].
    async fn reveal_secrets(&self, id: EndpointId, actor: &Actor) -> Result<Vec<Secret>>;
    /// Accepts a test payment for this endpoint alone, with one delivery due now.
    async fn accept_test(&self, id: EndpointId, payment: &Payment, terms: &AcceptTerms, actor: &Actor) -> Result<Job>;

    // ── keys and audit ─────────────────────────────────────────────────────────────────────────────────────────

    /// Stores a key's hash.
    async fn create_key(&self, key: &KeyRecord, actor: &Actor) -> Result<()>;
    /// A key by its id, revoked ones too.
    async fn key(&self, id: Uuid) -> Result<Option<KeyRecord>>;
    /// All keys, the newest first.
    async fn keys(&self) -> Result<Vec<KeyRecord>>;
    /// Revokes a key. [`StoreError::NotFound`].
    async fn revoke_key(&self, id: Uuid, actor: &Actor) -> Result<()>;
    /// What people did, the newest first.
    async fn audit(&self, filter: &AuditFilter, page: &PageRequest) -> Result<Page<AuditRow>>;
}
