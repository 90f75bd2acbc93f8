//! Settings become the parts of the engine: database, queue, outgoing client.

use crate::lock_folder::FolderLock;
use crate::master_key;
#[cfg(feature = "planted-bugs")]
use crate::planted;
use anyhow::{Context, Result, anyhow, bail};
use paybell_config::{Mode, Role, Settings};
use paybell_outbound::{Outbound, OutboundSettings};
use paybell_queue::{FallBackQueue, InProcessQueue, Queue, QueueSettings, RedisQueue};
use paybell_store::{Clock, CoalesceSettings, Coalesced, Ledger, PostgresLedger, Schema, Sealer, SqliteLedger};
use paybell_workers::place_lease;
use secrecy::ExposeSecret;
use std::fs::OpenOptions;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// All that the roles work with.
pub(crate) struct Wired {
    pub(crate) settings: Settings,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) coalesced: Coalesced,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) outbound: Outbound,
    /// What the database and the queue say of themselves.
    pub(crate) versions: (String, String),
    /// Held as long as the parts are in use.
    _lock: Option<FolderLock>,
}

impl Wired {
    /// Connects everything that these settings name. An embedded Paybell takes and fills its folder.
    ///
    /// # Errors
    /// When a part cannot be reached or must not be used; with what to do.
    pub(crate) async fn connect(settings: &Settings) -> Result<Self> {
        let lock = match settings.mode() {
            Mode::Embedded => Some(FolderLock::take(&make_folder(settings)?)?),
            Mode::Production => None,
        };
        let key = master_key::read_or_make(&master_key::source(settings)?)?;
        let ledger = open_ledger(settings, Sealer::new(key.expose_secret())).await?;
        make_ready(settings, &*ledger).await?;
        let clock = Arc::new(Clock::default());
        clock.sync(&*ledger).await.context("cannot read the database's clock")?;
        let queue = open_queue(settings)?;
        #[cfg(feature = "planted-bugs")]
        let (ledger, queue) = (planted::in_ledger(ledger)?, planted::in_queue(queue)?);
        let queue_version = queue_version(&*queue).await;
        Ok(Self {
            settings: settings.clone(),
            coalesced: Coalesced::start(ledger.clone(), clock.clone(), coalesce_settings(settings)),
            outbound: open_outbound(settings)?,
            versions: (ledger.version().await?, queue_version),
            ledger,
            clock,
            queue,
            _lock: lock,
        })
    }
}

/// Opens the database for a command that seals and reads no endpoint secrets, so that it needs no master key.
///
/// # Errors
/// When the database cannot be reached.
pub(crate) async fn open_ledger_without_key(settings: &Settings) -> Result<Arc<dyn Ledger>> {
    open_ledger(settings, Sealer::new(&rand::random())).await
}

/// Makes the data folder of an embedded Paybell, for its owner alone.
///
/// # Errors
/// When it cannot be made.
pub(crate) fn make_folder(settings: &Settings) -> Result<PathBuf> {
    let folder = &settings.data_dir;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.with_context(|| format!("cannot make the data folder {} (setting: data_dir)", folder.display()))?;
    Ok(folder.clone())
}

/// The database file of an embedded Paybell.
pub(crate) fn database_file(settings: &Settings) -> PathBuf {
    settings.data_dir.join("paybell.db")
}

async fn open_ledger(settings: &Settings, sealer: Sealer) -> Result<Arc<dyn Ledger>> {
    match &settings.database_url {
        Some(url) => {
            let ledger = PostgresLedger::connect(url, settings.database_connections, sealer).await;
            Ok(Arc::new(ledger.context("cannot use PostgreSQL (setting: database_url)")?))
        }
        None => {
            make_folder(settings)?;
            let file = database_file(settings);
            make_for_owner_alone(&file).with_context(|| format!("cannot make the database {}", file.display()))?;
            let ledger = SqliteLedger::open(&file, sealer).await;
            Ok(Arc::new(ledger.with_context(|| format!("cannot use the database {}", file.display()))?))
        }
    }
}

/// Makes a file that is missing, so that it is not for others to read even where its folder is. What SQLite puts beside
/// its database has the database's rights.
fn make_for_owner_alone(file: &Path) -> std::io::Result<()> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(file).map(drop)
}

/// Refuses a database that is not ready or not safe; an embedded one is migrated.
async fn make_ready(settings: &Settings, ledger: &dyn Ledger) -> Result<()> {
    let schema = ledger.schema().await?;
    refuse_contracted(&schema)?;
    match settings.mode() {
        Mode::Embedded if !schema.pending.is_empty() => drop(ledger.migrate().await?),
        Mode::Production if !schema.lacking.is_empty() => bail!(
            "the database lacks {} migration(s) of this version: run `paybell migrate` first",
            schema.lacking.len()
        ),
        Mode::Embedded | Mode::Production => {}
    }
    if !schema.newer.is_empty() {
        tracing::info!(newer = ?schema.newer, known = schema.known, "the database is newer than this version, and fits it");
    }
    let faults = ledger.durability_faults().await?;
    for fault in &faults {
        tracing::warn!(fault, "the database may lose what it committed");
    }
    if !faults.is_empty() && !settings.allow_unsafe_durability {
        bail!(
            "the database may lose what it committed: {}. To run on it all the same, where losing payments is no \
             matter, set allow_unsafe_durability = true",
            faults.join("; ")
        );
    }
    Ok(())
}

/// Refuses a database from which a later version took away what this one uses.
///
/// # Errors
/// With the migration that a version must know to work on it.
pub(crate) fn refuse_contracted(schema: &Schema) -> Result<()> {
    match schema.needed {
        None => Ok(()),
        Some(needed) => bail!(
            "the database is too new for this version of Paybell, which knows its migrations up to {}: what this \
             version uses was taken away. Start a version that knows migration {needed}",
            schema.known
        ),
    }
}

fn open_queue(settings: &Settings) -> Result<Arc<dyn Queue>> {
    let Settings { lane_max, depth_max, visibility, .. } = *settings;
    let bounds = QueueSettings { lane_max, depth_max, lease: place_lease(visibility) };
    match &settings.redis_url {
        Some(url) => {
            let queue = RedisQueue::connect(url.expose_secret(), &settings.redis_prefix, bounds);
            let queue = queue.context("cannot use Redis (setting: redis_url)")?;
            let with_workers = settings.has_role(Role::Worker);
            Ok(if with_workers { Arc::new(FallBackQueue::new(queue, bounds)) } else { Arc::new(queue) })
        }
        None => Ok(Arc::new(InProcessQueue::new(bounds))),
    }
}

/// A queue that does not answer is no reason not to start: what is accepted meanwhile waits in the database.
async fn queue_version(queue: &dyn Queue) -> String {
    queue.version().await.unwrap_or_else(|error| {
        let error = anyhow!(error);
        tracing::error!("Redis does not answer (setting: redis_url); deliveries wait until it does: {error:#}");
        "unreachable".to_owned()
    })
}

fn open_outbound(settings: &Settings) -> Result<Outbound> {
    let outbound = Outbound::new(OutboundSettings {
        allow_non_public_addresses: settings.allow_non_public_addresses,
        allow_plain_http: settings.allow_plain_http,
        own_port: Some(settings.listen.port()),
        response_body_max: settings.response_body_max,
        user_agent: concat!("Paybell/", env!("CARGO_PKG_VERSION")).to_owned(),
    });
    outbound.map_err(|error| anyhow!(error).context("cannot set up the client that calls merchants"))
}

fn coalesce_settings(settings: &Settings) -> CoalesceSettings {
    CoalesceSettings { batch_max: settings.batch_max, grace: settings.grace, lifetime: settings.lifetime }
}

/// The roles of a process, for people.
pub(crate) fn roles_in_words(settings: &Settings) -> String {
    settings.roles.iter().map(|role| Role::as_str(*role)).collect::<Vec<_>>().join(",")
}
