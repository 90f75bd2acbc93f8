//! `paybell serve`.

use crate::open_files;
use crate::run_roles::Running;
use crate::wire::{Wired, roles_in_words};
use anyhow::Result;
use paybell_config::{LogFormat, Mode, Settings};
use paybell_telemetry::{Metrics, init_log};
use std::process::ExitCode;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Runs the roles until a signal, then lets what is in flight end.
///
/// # Errors
/// When it cannot start, or a role fails.
pub(crate) async fn serve(settings: &Settings) -> Result<ExitCode> {
    init_log(&settings.log, settings.log_format == LogFormat::Json)?;
    let mut signals = Signals::new()?;
    open_files::make_room(open_files::needed(settings));
    let metrics = Metrics::install()?;
    let wired = Wired::connect(settings).await?;
    let mut running = Running::start(&wired, &metrics).await?;
    tracing::info!(
        mode = settings.mode().as_str(),
        listen = %running.address,
        roles = roles_in_words(settings),
        database = wired.versions.0,
        queue = wired.versions.1,
        version = env!("CARGO_PKG_VERSION"),
        "paybell is ready"
    );
    hint_at_keys(&wired).await;
    tokio::select! {
        name = signals.next() => tracing::info!(signal = name, "stopping; once more to stop at once"),
        failed = running.failed() => failed?,
    }
    tokio::spawn(async move {
        signals.next().await;
        tracing::warn!("stopping at once; what is in flight is repeated later");
        std::process::exit(130);
    });
    running.stop().await;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// The signals that ask a process to end.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the system does not let us.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next one; answers its name.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

async fn hint_at_keys(wired: &Wired) {
    if wired.ledger.keys().await.is_ok_and(|keys| keys.is_empty()) {
        let folder = match wired.settings.mode() {
            Mode::Embedded => format!(" --data-dir {}", wired.settings.data_dir.display()),
            Mode::Production => String::new(),
        };
        tracing::info!("there is no API key yet; make one with: paybell keys create --role gateway{folder}");
    }
}
