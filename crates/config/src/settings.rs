//! All settings, in one place: their names, types, defaults and words.

use crate::{duration, hide_secret};
use paybell_delivery::{LIFETIME_MAX, Schedule};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// A setting's name and words.
#[derive(Clone, Copy, Debug)]
pub struct SettingInfo {
    /// The key in the file; `PAYBELL_` and the same in capitals in the environment.
    pub key: &'static str,
    /// What it does, line by line, each with a leading space.
    pub words: &'static [&'static str],
}

/// Defines [`Settings`] with its defaults, and [`SETTINGS`] from the same docstrings, so that they cannot part.
macro_rules! settings {
    ($($(#[doc = $words:literal])+ $(#[serde($($serde:tt)*)])? $key:ident: $kind:ty = $default:expr;)+) => {
        /// All settings of Paybell. The fields' names are the keys of the file.
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Settings {
            $($(#[doc = $words])+ $(#[serde($($serde)*)])? pub $key: $kind,)+
        }

        impl Default for Settings {
            fn default() -> Self {
                Self { $($key: $default,)+ }
            }
        }

        /// All settings in the order in which they are shown.
        pub const SETTINGS: &[SettingInfo] =
            &[$(SettingInfo { key: stringify!($key), words: &[$($words),+] }),+];
    };
}

settings! {
    /// The address and port on which the API, the metrics and the dashboard are served.
    listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
    /// The address under which people's browsers reach this Paybell, such as `https://paybell.example`; default:
    /// `http://` and listen.
    public_url: Option<String> = None;
    /// What this process does: any of api, worker, dispatcher, dashboard.
    roles: Vec<Role> = Role::ALL.to_vec();
    /// The folder of an embedded Paybell: database, lock and master key. It is made when it is missing.
    data_dir: PathBuf = PathBuf::from("./paybell-data");
    /// PostgreSQL (version 15 or later), as postgres://user:password@host/database. Without it Paybell runs embedded,
    /// on SQLite in data_dir. Secret.
    #[serde(serialize_with = "hide_secret::url")]
    database_url: Option<SecretString> = None;
    /// Redis (version 7 or later) or Valkey, as redis://:password@host:6379. Needed with database_url. Secret.
    #[serde(serialize_with = "hide_secret::url")]
    redis_url: Option<SecretString> = None;
    /// The prefix of all keys in Redis.
    redis_prefix: String = "paybell".to_owned();
    /// The key that seals endpoint secrets at rest: 32 bytes in base64. Make one with: head -c 32 /dev/urandom | base64
    /// An embedded Paybell makes its own in data_dir. Secret.
    #[serde(serialize_with = "hide_secret::whole")]
    master_key: Option<SecretString> = None;
    /// The file with the master key, instead of master_key.
    master_key_file: Option<PathBuf> = None;

    /// How long after acceptance a delivery is attempted; at most 72h. An endpoint may ask for less.
    #[serde(with = "duration")]
    lifetime: Duration = LIFETIME_MAX;
    /// The delay after the first attempt.
    #[serde(with = "duration")]
    retry_initial: Duration = Schedule::default().initial;
    /// What each delay is multiplied by to give the next: 1 to 100.
    retry_factor: f64 = Schedule::default().factor;
    /// The longest delay between two attempts.
    #[serde(with = "duration")]
    retry_cap: Duration = Schedule::default().cap;
    /// How far each delay is varied at random, as a part of it: 0 to 0.5.
    retry_jitter: f64 = Schedule::default().jitter;
    /// The time limit of one attempt: name, connection, request, headers and body. An endpoint may have its own.
    #[serde(with = "duration")]
    time_limit: Duration = Duration::from_secs(15);
    /// The most bytes kept of a merchant's answer: 64 to 65536.
    response_body_max: usize = 64 * 1024;
    /// After how long a worker that died is given up and its delivery attempted again; at least time_limit + 5s.
    #[serde(with = "duration")]
    visibility: Duration = Duration::from_secs(30);
    /// After how long an accepted payment that the queue lost is found in the database.
    #[serde(with = "duration")]
    grace: Duration = Duration::from_secs(15);

    /// For how long attempts and their answers are kept, counted from the end of the day on which their delivery was made:
    /// 7 to 3650 days. Payments and deliveries stay.
    #[serde(with = "duration")]
    attempts_kept_for: Duration = Duration::from_secs(90 * 24 * 3600);

    /// How long a merchant may take to answer a check before a payment, where its dialect does not say: 1s to 30s.
    #[serde(with = "duration")]
    check_time_limit: Duration = Duration::from_secs(10);
    /// The most checks under way in one API process; a check that finds no place is answered at once: unavailable.
    checks_in_flight_max: usize = 1_000;
    /// The most checks of one endpoint under way in one API process.
    checks_per_endpoint_max: usize = 50;
    /// For how long the same check with the same key gets the same answer: 1s to 1d.
    #[serde(with = "duration")]
    check_key_kept_for: Duration = Duration::from_secs(600);

    /// The most requests a second by one key in one API process, and as many at once; more are answered by 429. 0: no limit.
    requests_per_key_max: u32 = 0;

    /// For how long an endpoint must fail, over several deliveries and with no answer between, before it is only probed; a
    /// fifth of that where it fails fifty times.
    #[serde(with = "duration")]
    failing_after: Duration = Duration::from_secs(10);

    /// The most attempts in flight in one worker process. One endpoint takes at most half of them, so that others have room.
    in_flight_max: usize = 4096;
    /// The most deliveries of one endpoint in the queue; the rest waits in the database.
    lane_max: usize = 1_000;
    /// The most deliveries in the queue.
    depth_max: usize = 100_000;
    /// The most connections to the database of this process.
    database_connections: u32 = 16;
    /// The most payments, claims or records in one statement: 1 to 5000.
    batch_max: usize = 500;
    /// The most due deliveries that the dispatcher takes in one pass: 1 to 100000.
    dispatch_limit: u32 = 1_000;
    /// How long a stopping process lets attempts in flight come to their end.
    #[serde(with = "duration")]
    drain: Duration = Duration::from_secs(20);

    /// What is logged: error, warn, info, debug, trace, or a filter such as info,paybell_workers=debug
    log: String = "info,apalis_core=warn".to_owned();
    /// How log lines are written: text or json.
    log_format: LogFormat = LogFormat::Text;

    /// The name that merchants see above their portal, such as the gateway's; Paybell's where nothing is said.
    portal_name: Option<String> = None;
    /// The logo in the portal: a file of PNG, SVG, JPEG or WebP, of at most 256 KB.
    portal_logo: Option<PathBuf> = None;
    /// The colour of links and buttons in the portal, as #rrggbb.
    portal_colour: Option<String> = None;
    /// The sites that may show the portal in a frame, such as `https://cabinet.example`; needs a public_url with https:
    portal_frame_ancestors: Vec<String> = Vec::new();

    /// Whether merchants at loopback, private and other non-public addresses may be called. For development only.
    allow_non_public_addresses: bool = false;
    /// Whether endpoints may have http: URLs.
    allow_plain_http: bool = false;
    /// Whether Paybell starts on a PostgreSQL that may lose commits (fsync, full_page_writes or synchronous_commit off).
    allow_unsafe_durability: bool = false;
}

/// A part of Paybell that a process runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The HTTP API.
    Api,
    /// Attempts deliveries.
    Worker,
    /// Finds what is due.
    Dispatcher,
    /// The operators' pages.
    Dashboard,
}

impl Role {
    /// All roles.
    pub const ALL: &'static [Role] = &[Role::Api, Role::Worker, Role::Dispatcher, Role::Dashboard];

    /// Its name in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Api => "api",
            Role::Worker => "worker",
            Role::Dispatcher => "dispatcher",
            Role::Dashboard => "dashboard",
        }
    }
}

/// How log lines are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The two ways to run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// One process on SQLite.
    Embedded,
    /// Any number of processes on PostgreSQL and Redis.
    Production,
}

impl Mode {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Mode::Embedded => "embedded",
            Mode::Production => "production",
        }
    }
}

impl Settings {
    /// Production with a database URL, embedded without one.
    pub fn mode(&self) -> Mode {
        if self.database_url.is_some() { Mode::Production } else { Mode::Embedded }
    }

    /// Whether this process has `role`.
    pub fn has_role(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// The delays between attempts.
    pub fn schedule(&self) -> Schedule {
        Schedule {
            initial: self.retry_initial,
            factor: self.retry_factor,
            cap: self.retry_cap,
            jitter: self.retry_jitter,
        }
    }
}
