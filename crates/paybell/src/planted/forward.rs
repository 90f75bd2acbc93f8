//! What a planted ledger hands on to the real one as it is.

/// Implements [`paybell_store::Ledger`] for a type whose field `real` is one: with the acts that are given, and all
/// others handed on.
macro_rules! forward_ledger {
    ($type:ty { $($own:tt)* }) => {
        $crate::planted::forward::forward_ledger! { @ $type { $($own)* }
            fn release_parked(now: Timestamp, visibility: Duration, limit: u32, crowded: &[EndpointId]) -> Vec<Job>;
            fn take_probes(now: Timestamp, visibility: Duration, limit: u32) -> Vec<Job>;
            fn mark_failing(id: EndpointId, since: Timestamp, why: &str, actor: &Actor) -> bool;
            fn reopen(id: EndpointId, actor: &Actor) -> bool;
            fn postpone_probe(id: EndpointId, delivery: DeliveryId, next_at: Timestamp) -> ();
            fn accept_ahead(payments: &[Payment], terms: &AcceptTerms, ahead: &ClaimAhead) -> Vec<Accepted>;
            fn still_claimed(claims: &[(DeliveryId, u32)]) -> Vec<bool>;
            fn give_back(deliveries: &[DeliveryId], claimed_at: Timestamp) -> ();
            fn take_back(jobs: &[Job], now: Timestamp) -> u64;
            fn now() -> Timestamp;
            fn migrate() -> Vec<i64>;
            fn schema() -> Schema;
            fn durability_faults() -> Vec<String>;
            fn version() -> String;
            fn panics_of(id: DeliveryId) -> u32;
            fn keep_attempts(now: Timestamp, kept_for: Duration) -> Kept;
            fn payment(id: PaymentId) -> Option<PaymentView>;
            fn payments(filter: &PaymentFilter, page: &PageRequest) -> Page<Payment>;
            fn delivery(id: DeliveryId, now: Timestamp) -> Option<DeliveryView>;
            fn endpoint_to_check(merchant: &MerchantId, named: Option<EndpointId>) -> Option<EndpointForAttempt>;
            fn record_checks(checks: &[Check]) -> ();
            fn check(id: CheckId) -> Option<Check>;
            fn check_by_key(merchant: &MerchantId, key: &str, since: Timestamp) -> Option<Check>;
            fn checks(filter: &CheckFilter, page: &PageRequest) -> Page<Check>;
            fn put_dialect(dialect: &Dialect, actor: &Actor) -> StoredDialect;
            fn dialect(name: &str) -> Option<StoredDialect>;
            fn dialects(page: &PageRequest) -> Page<StoredDialect>;
            fn delete_dialect(name: &str, actor: &Actor) -> ();
            fn create_bulk_act(id: Uuid, kind: &BulkKind, filter: &DeliveryFilter, actor: &Actor) -> BulkAct;
            fn bulk_act(id: Uuid) -> Option<BulkAct>;
            fn bulk_acts(limit: u32) -> Vec<BulkAct>;
            fn step_bulk_act(terms: &AcceptTerms, limit: u32) -> Option<BulkAct>;
            fn follow_up(id: DeliveryId, owner: Option<&str>, note: &str, actor: &Actor) -> ();
            fn probe_now(id: EndpointId, actor: &Actor) -> ();
            fn put_operator(operator: &Operator, actor: &Actor) -> ();
            fn operator(name: &str) -> Option<Operator>;
            fn operators() -> Vec<Operator>;
            fn remove_operator(name: &str, actor: &Actor) -> ();
            fn create_session(session: &Session, actor: &Actor) -> ();
            fn session(hash: &[u8], now: Timestamp) -> Option<Session>;
            fn sessions(now: Timestamp) -> Vec<Session>;
            fn revoke_session(id: Uuid, actor: &Actor) -> ();
            fn create_portal_link(link: &PortalLink, actor: &Actor) -> ();
            fn use_portal_link(hash: &[u8], session: &NewPortalSession) -> Option<Session>;
            fn sum_up(filter: &DeliveryFilter) -> Sum;
            fn add_figures(at: Timestamp, figures: &Figures) -> ();
            fn figures(span: FigureSpan, since: Timestamp) -> Vec<(Timestamp, Figures)>;
            fn waiting(filter: &DeliveryFilter, page: &PageRequest) -> Page<DeliveryRow>;
            fn waiting_until(filter: &DeliveryFilter, before: Timestamp, page: &PageRequest) -> Page<DeliveryRow>;
            fn retry_wall(now: Timestamp, within: &[Duration]) -> RetryWall;
            fn waiting_by_endpoint(limit: u32) -> Vec<EndpointWaiting>;
            fn expiring(now: Timestamp, within: &[Duration]) -> Vec<Expiring>;
            fn troubled_endpoints(limit: u32) -> Vec<Endpoint>;
            fn endpoint_activity(id: EndpointId, limit: u32) -> Vec<Activity>;
            fn reconcile(merchant: &MerchantId, since: Timestamp, before: Timestamp, page: &PageRequest) -> Page<ReconciledPayment>;
            fn create_merchant(id: &MerchantId, name: &str, actor: &Actor) -> Merchant;
            fn merchant(id: &MerchantId) -> Option<Merchant>;
            fn merchants(page: &PageRequest) -> Page<Merchant>;
            fn rename_merchant(id: &MerchantId, name: &str, actor: &Actor) -> Merchant;
            fn delete_merchant(id: &MerchantId, actor: &Actor) -> ();
            fn create_endpoint(new: &NewEndpoint, secret: &Secret, actor: &Actor) -> Endpoint;
            fn endpoint(id: EndpointId) -> Option<Endpoint>;
            fn endpoints(merchant: Option<&MerchantId>, page: &PageRequest) -> Page<Endpoint>;
            fn change_endpoint(id: EndpointId, change: &EndpointChange, actor: &Actor) -> Endpoint;
            fn pause_endpoint(id: EndpointId, paused: bool, actor: &Actor) -> Endpoint;
            fn pause_merchant(id: &MerchantId, paused: bool, actor: &Actor) -> u64;
            fn delete_endpoint(id: EndpointId, actor: &Actor) -> ();
            fn rotate_secret(id: EndpointId, new: &Secret, earlier_end_at: Timestamp, actor: &Actor) -> Endpoint;
            fn reveal_secrets(id: EndpointId, actor: &Actor) -> Vec<Secret>;
            fn accept_test(id: EndpointId, payment: &Payment, terms: &AcceptTerms, actor: &Actor) -> Job;
            fn create_key(key: &KeyRecord, actor: &Actor) -> ();
            fn key(id: Uuid) -> Option<KeyRecord>;
            fn keys() -> Vec<KeyRecord>;
            fn revoke_key(id: Uuid, actor: &Actor) -> ();
            fn audit(filter: &AuditFilter, page: &PageRequest) -> Page<AuditRow>;
        }
    };
    (@ $type:ty { $($own:tt)* } $(fn $act:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)+) => {
        #[async_trait]
        impl Ledger for $type {
            $($own)*

            $(async fn $act(&self, $($argument: $kind),*) -> Result<$answer, StoreError> {
                self.real.$act($($argument),*).await
            })+
        }
    };
}

pub(super) use forward_ledger;
