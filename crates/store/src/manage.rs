//! What the acts of people and their programs take and give.

mod checks;
mod dialects;
mod figures;
mod people;
mod views;

pub use checks::CheckFilter;
pub use dialects::{EndpointForAttempt, StoredDialect};
pub use figures::{FigureSpan, Figures};
pub use people::{NewPortalSession, Operator, OperatorRole, PortalLink, PortalRights, Session, Visitor};
pub use views::{
    Activity, EndpointWaiting, Expiring, FollowUp, NextAttempts, ReconciledPayment, RetryWall, Standing, Sum,
};

use paybell_delivery::{
    Attempt, Check, Delivery, DeliveryId, EndpointId, EndpointOptions, MerchantId, Money, Payment, Reason, State,
    Timestamp,
};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Uuid;

/// Who acts, and when: goes to the audit.
#[derive(Clone, Debug)]
pub struct Actor {
    /// A key's name, or `command line`.
    pub name: String,
    /// When.
    pub now: Timestamp,
}

/// A merchant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Merchant {
    /// The gateway's own id of it.
    pub id: MerchantId,
    /// Its name, for people.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A secret that signs an endpoint's notifications.
#[derive(Clone, Debug)]
pub struct Secret {
    /// The secret as the merchant sees it, such as `whsec_…`.
    pub value: SecretString,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; nothing for the current one.
    pub ends_at: Option<Timestamp>,
}

/// An endpoint to be made.
#[derive(Clone, Debug)]
pub struct NewEndpoint {
    /// Its id.
    pub id: EndpointId,
    /// Whose.
    pub merchant_id: MerchantId,
    /// Its URL.
    pub url: String,
    /// Where the question before a payment goes, if anywhere.
    pub check_url: Option<String>,
    /// Its dialect.
    pub dialect: String,
    /// What the dialect wants to know.
    pub parameters: BTreeMap<String, String>,
    /// The dialect's options.
    pub options: EndpointOptions,
    /// Its cap of attempts in flight.
    pub concurrency_max: u32,
    /// The time limit of one attempt, where not the engine's.
    pub time_limit: Option<Duration>,
    /// The life of a delivery, where less than the engine's.
    pub lifetime: Option<Duration>,
}

/// What to change of an endpoint: the fields that are given.
#[derive(Clone, Debug, Default)]
pub struct EndpointChange {
    /// A new URL.
    pub url: Option<String>,
    /// Where the question before a payment goes (`Some(None)`: nowhere).
    pub check_url: Option<Option<String>>,
    /// Another dialect.
    pub dialect: Option<String>,
    /// Other parameters, in place of all there were.
    pub parameters: Option<BTreeMap<String, String>>,
    /// Other options.
    pub options: Option<EndpointOptions>,
    /// Another cap.
    pub concurrency_max: Option<u32>,
    /// Another time limit (`Some(None)`: the engine's).
    pub time_limit: Option<Option<Duration>>,
    /// Another life (`Some(None)`: the engine's); for payments accepted from now on.
    pub lifetime: Option<Option<Duration>>,
}

/// The id and the terms of a delivery made by a resend.
#[derive(Clone, Copy, Debug)]
pub struct NewDelivery {
    /// Its id.
    pub id: DeliveryId,
    /// The longest life; the endpoint may ask for less.
    pub lifetime: Duration,
    /// After how long it becomes due if nobody took it from the queue.
    pub grace: Duration,
}

/// Which part of a list is asked for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PageRequest {
    /// At most so many items: 1 to 1,000.
    pub limit: u32,
    /// Where the page before ended ([`Page::next`]).
    pub after: Option<String>,
}

/// A part of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; nothing at the end.
    pub next: Option<String>,
}

/// Which payments. What is not given does not restrict.
#[derive(Clone, Debug, Default)]
pub struct PaymentFilter {
    /// Of this merchant.
    pub merchant_id: Option<MerchantId>,
    /// With this id of the gateway's own.
    pub gateway_payment_id: Option<String>,
    /// With this order reference.
    pub pay_for: Option<String>,
    /// Accepted at or after.
    pub accepted_since: Option<Timestamp>,
    /// Accepted before.
    pub accepted_before: Option<Timestamp>,
}

/// Which deliveries. What is not given does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DeliveryFilter {
    /// Of this merchant.
    pub merchant_id: Option<MerchantId>,
    /// To this endpoint.
    pub endpoint_id: Option<EndpointId>,
    /// In this state.
    pub state: Option<State>,
    /// Undelivered, or settled after that, for this reason.
    pub reason: Option<Reason>,
    /// Of payments with this order reference.
    pub pay_for: Option<String>,
    /// Of payments with this id of the gateway's own.
    pub gateway_payment_id: Option<String>,
    /// Made at or after.
    pub created_since: Option<Timestamp>,
    /// Made before.
    pub created_before: Option<Timestamp>,
}

/// A delivery in a list, with what people look for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeliveryRow {
    /// The delivery.
    pub delivery: Delivery,
    /// Its payment's merchant.
    pub merchant_id: MerchantId,
    /// The gateway's own id of its payment.
    pub gateway_payment_id: String,
    /// Its payment's order reference.
    pub pay_for: Option<String>,
    /// Its payment's amount.
    pub amount: Money,
    /// What a person wrote beside it.
    pub follow_up: Option<FollowUp>,
}

/// A payment with its deliveries and the checks before it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PaymentView {
    /// The payment.
    pub payment: Payment,
    /// Its deliveries, the oldest first.
    pub deliveries: Vec<Delivery>,
    /// What was asked for the same order in the day before it was accepted, the newest first, at most 20.
    pub checks: Vec<Check>,
}

/// A delivery with its payment and attempts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeliveryView {
    /// The delivery.
    pub delivery: Delivery,
    /// Its payment.
    pub payment: Payment,
    /// Its finished attempts, 1, 2, 3 …; a claim that ran out shows as one of unknown outcome.
    pub attempts: Vec<Attempt>,
    /// The attempt in flight: its number and when it was begun.
    pub in_flight: Option<(u32, Timestamp)>,
    /// What a person wrote beside it.
    pub follow_up: Option<FollowUp>,
}

/// What is done to each delivery of a bulk act.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BulkKind {
    /// It is resent: for what is undelivered or settled.
    Resend,
    /// It is settled: for what is pending or undelivered.
    Settle {
        /// Who settles.
        who: String,
        /// Why.
        note: String,
    },
}

/// An act on many deliveries, as a job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BulkAct {
    /// Its id.
    pub id: Uuid,
    /// What is done.
    pub kind: BulkKind,
    /// Which deliveries.
    pub filter: DeliveryFilter,
    /// How many there were when it began.
    pub total: u64,
    /// How many were resent or settled.
    pub done: u64,
    /// How many were passed over: resends whose endpoint is deleted, and what was settled or delivered meanwhile.
    pub skipped: u64,
    /// Who asked for it.
    pub actor: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was done.
    pub finished_at: Option<Timestamp>,
}

/// What a key may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyRole {
    /// A gateway's program: payments, and all management by program.
    Gateway,
    /// A person who runs the gateway's Paybell, or their program.
    Operator,
}

/// A key as it is stored: its hash, never itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyRecord {
    /// Its id, which is part of the key.
    pub id: Uuid,
    /// What it may do.
    pub role: KeyRole,
    /// Its name, for people and the audit.
    pub name: String,
    /// SHA-256 of the key.
    pub hash: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// Which acts of people. What is not given does not restrict.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Done to this: an id.
    pub subject: Option<String>,
}

/// One act of a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditRow {
    /// Its id.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What: `endpoint.pause`.
    pub action: String,
    /// To what: an id.
    pub subject: String,
    /// Details in words; never a secret.
    pub detail: String,
}
