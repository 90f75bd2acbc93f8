//! A database of its own for each test, and the few acts that every test begins with.

use anyhow::{Context, Result, bail};
use paybell_delivery::{
    Attempt, Decision, Delivery, DeliveryId, EndpointId, EndpointOptions, Job, MerchantId, Money, Outcome, Payment,
    PaymentId, Timestamp,
};
use paybell_store::engine::{AcceptTerms, Accepted, Claim, ClaimedDelivery, RecordAttempt, Recorded};
use paybell_store::manage::{Actor, AuditFilter, DeliveryView, NewEndpoint, PageRequest, Secret};
use paybell_store::{Ledger, PostgresLedger, Sealer, SqliteLedger};
use secrecy::SecretString;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use uuid::{NoContext, Uuid};

/// How long a claim holds, and how far a dispatch moves what it hands out.
pub(crate) const VISIBILITY: Duration = Duration::from_secs(60);
/// After how long an accepted delivery is due.
pub(crate) const GRACE: Duration = Duration::from_secs(30);
/// How long a delivery lives.
pub(crate) const LIFETIME: Duration = Duration::from_secs(72 * 3600);
const MASTER_KEY: [u8; 32] = [7; 32];

/// So many seconds after the tests' beginning.
pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp(1_795_253_400_000_000) + Duration::from_secs(seconds)
}

/// The terms at a moment.
pub(crate) fn terms(now: Timestamp) -> AcceptTerms {
    AcceptTerms { now, grace: GRACE, lifetime: LIFETIME }
}

/// An operator who acts at a moment.
pub(crate) fn actor(now: Timestamp) -> Actor {
    Actor { name: "olga".to_owned(), now }
}

/// The first page.
pub(crate) fn all() -> PageRequest {
    PageRequest { limit: 1_000, after: None }
}

/// An id of a moment.
pub(crate) fn id_at(now: Timestamp) -> Uuid {
    let nanos = u32::try_from(now.0.rem_euclid(1_000_000) * 1_000).expect("below a second");
    let seconds = u64::try_from(now.unix_seconds()).expect("after 1970");
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanos))
}

pub(crate) fn merchant_id() -> MerchantId {
    MerchantId::new("shop").expect("valid")
}

/// A payment with the least that it must have.
pub(crate) fn payment(gateway_payment_id: &str, now: Timestamp) -> Payment {
    Payment {
        id: PaymentId(id_at(now)),
        merchant_id: merchant_id(),
        gateway_payment_id: gateway_payment_id.to_owned(),
        kind: "payment.confirmed".to_owned(),
        pay_for: None,
        amount: Money { amount_minor: 12_345, currency: "EUR".parse().expect("a currency") },
        balance: None,
        method: None,
        description: None,
        payer_email: None,
        payer_phone: None,
        data: None,
        confirmed_at: now,
        accepted_at: now,
        test: false,
    }
}

/// An attempt that ended so, with what was decided.
pub(crate) fn record(claimed: &ClaimedDelivery, outcome: Outcome, decision: Decision, now: Timestamp) -> RecordAttempt {
    let attempt = Attempt {
        delivery_id: claimed.delivery_id,
        number: claimed.attempt,
        started_at: now,
        duration: Some(Duration::from_millis(120)),
        outcome,
        detail: format!("so it was: {}", outcome.as_str()),
        status: Some(200),
        response_head: Some("content-type: text/plain".to_owned()),
        response_body: Some(b"ok".to_vec()),
    };
    RecordAttempt { attempt, decision, now }
}

pub(crate) struct Fixture {
    pub(crate) ledger: Arc<dyn Ledger>,
    place: Place,
}

enum Place {
    Sqlite(TempDir),
    Postgres(String),
}

impl Fixture {
    pub(crate) async fn sqlite() -> Result<Self> {
        Self::migrated(Place::Sqlite(TempDir::new()?)).await
    }

    pub(crate) async fn postgres() -> Result<Self> {
        let url = paybell_testkit::Postgres::shared().await?.create_database().await?;
        Self::migrated(Place::Postgres(url)).await
    }

    async fn migrated(place: Place) -> Result<Self> {
        let ledger = place.open(&MASTER_KEY).await?;
        ledger.migrate().await?;
        let fixture = Self { ledger, place };
        if let Place::Postgres(_) = fixture.place {
            let refusal = fixture.execute(include_str!("../strict.sql")).await?;
            anyhow::ensure!(refusal.is_none(), "{refusal:?}");
        }
        Ok(fixture)
    }

    /// The same database as another process sees it, with its own connections.
    pub(crate) async fn another(&self) -> Result<Arc<dyn Ledger>> {
        self.place.open(&MASTER_KEY).await
    }

    /// The same database with another master key.
    pub(crate) async fn with_master_key(&self, key: &[u8; 32]) -> Result<Arc<dyn Ledger>> {
        self.place.open(key).await
    }

    /// A database of the same kind without any table.
    pub(crate) async fn empty(&self) -> Result<Self> {
        let place = match &self.place {
            Place::Sqlite(_) => Place::Sqlite(TempDir::new()?),
            Place::Postgres(_) => Place::Postgres(paybell_testkit::Postgres::shared().await?.create_database().await?),
        };
        Ok(Self { ledger: place.open(&MASTER_KEY).await?, place })
    }

    /// The merchant `shop` with one endpoint.
    pub(crate) async fn shop(&self) -> Result<EndpointId> {
        self.ledger.create_merchant(&merchant_id(), "The shop", &actor(at(0))).await?;
        self.endpoint().await
    }

    /// One more endpoint of the merchant `shop`.
    pub(crate) async fn endpoint(&self) -> Result<EndpointId> {
        self.endpoint_with(|_| ()).await
    }

    pub(crate) async fn endpoint_with(&self, change: impl FnOnce(&mut NewEndpoint)) -> Result<EndpointId> {
        let mut new = NewEndpoint {
            id: EndpointId(id_at(at(0))),
            merchant_id: merchant_id(),
            url: "https://shop.example/notify".to_owned(),
            check_url: None,
            dialect: "standard".to_owned(),
            parameters: [].into(),
            options: EndpointOptions::default(),
            concurrency_max: 8,
            time_limit: None,
            lifetime: None,
        };
        change(&mut new);
        let secret = Secret { value: "whsec_first".into(), created_at: at(0), ends_at: None };
        Ok(self.ledger.create_endpoint(&new, &secret, &actor(at(0))).await?.id)
    }

    /// Accepts a payment. Answers its jobs.
    pub(crate) async fn accept(&self, gateway_payment_id: &str, now: Timestamp) -> Result<Vec<Job>> {
        let accepted = self.ledger.accept(&[payment(gateway_payment_id, now)], &terms(now)).await?;
        match accepted.into_iter().next().context("an answer")? {
            Accepted::New { jobs, .. } => Ok(jobs),
            other => bail!("{other:?}"),
        }
    }

    /// Accepts so many payments at once. Answers their jobs.
    pub(crate) async fn accept_many(&self, count: usize, now: Timestamp) -> Result<Vec<Job>> {
        let payments: Vec<Payment> = (0..count).map(|n| payment(&format!("many-{n}-{}", now.0), now)).collect();
        let mut all = Vec::new();
        for accepted in self.ledger.accept(&payments, &terms(now)).await? {
            let Accepted::New { jobs, .. } = accepted else { bail!("{accepted:?}") };
            all.extend(jobs);
        }
        Ok(all)
    }

    /// Accepts one payment for the only endpoint.
    pub(crate) async fn accept_one(&self, now: Timestamp) -> Result<Job> {
        let jobs = self.accept(&format!("one-{}", now.0), now).await?;
        jobs.into_iter().next().context("a job")
    }

    pub(crate) async fn claim(&self, job: Job, now: Timestamp) -> Result<Option<ClaimedDelivery>> {
        match self.ledger.claim(&[job], now, VISIBILITY).await?.pop().context("an answer")? {
            Claim::Won(claimed) => Ok(Some(*claimed)),
            Claim::Lost => Ok(None),
        }
    }

    pub(crate) async fn won(&self, job: Job, now: Timestamp) -> Result<ClaimedDelivery> {
        self.claim(job, now).await?.context("the claim was lost")
    }

    pub(crate) async fn record(&self, record: RecordAttempt) -> Result<Recorded> {
        self.ledger.record(&[record]).await?.pop().context("an answer")
    }

    /// Claims and gives up.
    pub(crate) async fn refuse(&self, job: Job, now: Timestamp) -> Result<()> {
        let claimed = self.won(job, now).await?;
        let refused = Decision::Undelivered(paybell_delivery::Reason::Refused);
        let recorded = self.record(record(&claimed, Outcome::Refused, refused, now)).await?;
        anyhow::ensure!(recorded == Recorded::Applied, "{recorded:?}");
        Ok(())
    }

    /// Claims, and tries again at a moment.
    pub(crate) async fn retry(&self, job: Job, now: Timestamp, at: Timestamp) -> Result<()> {
        let claimed = self.won(job, now).await?;
        let recorded = self.record(record(&claimed, Outcome::WrongStatus, Decision::RetryAt(at), now)).await?;
        anyhow::ensure!(recorded == Recorded::Applied, "{recorded:?}");
        Ok(())
    }

    /// Claims, and has it acknowledged.
    pub(crate) async fn deliver(&self, job: Job, now: Timestamp) -> Result<()> {
        let claimed = self.won(job, now).await?;
        let recorded = self.record(record(&claimed, Outcome::Acknowledged, Decision::Delivered, now)).await?;
        anyhow::ensure!(recorded == Recorded::Applied, "{recorded:?}");
        Ok(())
    }

    pub(crate) async fn view(&self, id: DeliveryId, now: Timestamp) -> Result<DeliveryView> {
        self.ledger.delivery(id, now).await?.context("no such delivery")
    }

    pub(crate) async fn delivery(&self, id: DeliveryId) -> Result<Delivery> {
        Ok(self.view(id, at(0)).await?.delivery)
    }

    /// The actions in the audit, the newest first.
    pub(crate) async fn actions(&self) -> Result<Vec<String>> {
        Ok(self.ledger.audit(&AuditFilter::default(), &all()).await?.items.into_iter().map(|row| row.action).collect())
    }

    /// Runs a statement behind the ledger's back. Answers what the database said against it.
    pub(crate) async fn execute(&self, sql: &str) -> Result<Option<String>> {
        let sql = AssertSqlSafe(sql.to_owned());
        let result = match &self.place {
            Place::Sqlite(dir) => {
                let url = format!("sqlite://{}", file(dir).display());
                sqlx::raw_sql(sql).execute(&mut SqliteConnection::connect(&url).await?).await.map(drop)
            }
            Place::Postgres(url) => sqlx::raw_sql(sql).execute(&mut PgConnection::connect(url).await?).await.map(drop),
        };
        Ok(result.err().map(|e| e.to_string()))
    }

    /// Locks a delivery until the answer is dropped; nothing where nothing can be locked by itself.
    pub(crate) async fn hold(&self, id: DeliveryId) -> Result<Option<PgConnection>> {
        let Place::Postgres(url) = &self.place else { return Ok(None) };
        let mut connection = PgConnection::connect(url).await?;
        let hold = format!("BEGIN; SELECT 1 FROM deliveries WHERE id = '{}' FOR UPDATE", id.0);
        sqlx::raw_sql(AssertSqlSafe(hold)).execute(&mut connection).await?;
        Ok(Some(connection))
    }

    /// All that is stored, as bytes.
    pub(crate) async fn dump(&self) -> Result<Vec<u8>> {
        match &self.place {
            Place::Sqlite(dir) => {
                let mut bytes = Vec::new();
                for entry in std::fs::read_dir(dir.path())? {
                    bytes.extend(std::fs::read(entry?.path())?);
                }
                Ok(bytes)
            }
            Place::Postgres(url) => dump_postgres(url).await,
        }
    }

    /// The URL of a database on PostgreSQL.
    pub(crate) fn postgres_url(&self) -> Result<&str> {
        match &self.place {
            Place::Sqlite(_) => bail!("it is a file"),
            Place::Postgres(url) => Ok(url),
        }
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self.place, Place::Sqlite(_))
    }
}

/// Every row of every table as text, with byte strings escaped rather than in hexadecimal.
async fn dump_postgres(url: &str) -> Result<Vec<u8>> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql("SET bytea_output = 'escape'").execute(&mut connection).await?;
    let tables = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'";
    let mut bytes = Vec::new();
    for table in sqlx::query(tables).fetch_all(&mut connection).await? {
        let rows = format!("SELECT t::text FROM {} t", table.try_get::<String, _>(0)?);
        for row in sqlx::query(AssertSqlSafe(rows)).fetch_all(&mut connection).await? {
            bytes.extend(row.try_get::<String, _>(0)?.into_bytes());
        }
    }
    Ok(bytes)
}

impl Place {
    async fn open(&self, key: &[u8; 32]) -> Result<Arc<dyn Ledger>> {
        let sealer = Sealer::new(key);
        Ok(match self {
            Place::Sqlite(dir) => Arc::new(SqliteLedger::open(&file(dir), sealer).await?),
            Place::Postgres(url) => {
                Arc::new(PostgresLedger::connect(&SecretString::from(url.as_str()), 6, sealer).await?)
            }
        })
    }
}

fn file(dir: &TempDir) -> PathBuf {
    dir.path().join("ledger.sqlite")
}
