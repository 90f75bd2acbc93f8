//! Starts the roles of this process, and stops them.

use crate::read_brand::portal_settings;
use crate::serve_http::{HEAD_WITHIN, serve_http};
use crate::wire::Wired;
use anyhow::{Context, Result, bail};
use axum::Router;
use paybell_api::{ApiSettings, ApiState, InProcess};
use paybell_config::{Role, Settings};
use paybell_dashboards::{Act, Dashboard};
use paybell_store::Coalesced;
use paybell_telemetry::Metrics;
use paybell_workers::{DispatchSettings, EndpointCache, Engine, WorkerSettings};
use secrecy::ExposeSecret;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Connections that wait to be accepted: bursts of gateways, not of browsers.
const BACKLOG: u32 = 4096;
/// How often a process without a dispatcher reads the database's clock anew.
const SYNC_EVERY: Duration = Duration::from_secs(10);
/// What is left after the drain time for the last records and connections.
const STOP_MARGIN: Duration = Duration::from_secs(3);

/// How long the last figures of charts may take.
const FIGURES_WITHIN: Duration = Duration::from_secs(2);

/// The roles at work.
pub(crate) struct Running {
    /// Where HTTP is served.
    pub(crate) address: SocketAddr,
    tasks: JoinSet<(&'static str, Result<()>)>,
    stop: CancellationToken,
    drain: Duration,
    coalesced: Coalesced,
}

impl Running {
    /// Starts all roles of these settings.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub(crate) async fn start(wired: &Wired, metrics: &Metrics) -> Result<Self> {
        let listener = listen(wired.settings.listen)?;
        name_roles(&wired.settings);
        let address = listener.local_addr()?;
        let (tasks, stop, drain) = (JoinSet::new(), CancellationToken::new(), wired.settings.drain);
        let mut running = Self { address, tasks, stop, drain, coalesced: wired.coalesced.clone() };
        let router = router(wired, metrics, address, &running.stop)?;
        running.start_http(listener, router);
        running.start_engine(wired);
        Ok(running)
    }

    /// Waits for a role that ends by itself, which none should.
    ///
    /// # Errors
    /// Always.
    pub(crate) async fn failed(&mut self) -> Result<()> {
        match self.tasks.join_next().await {
            Some(Ok((name, ended))) => ended.with_context(|| format!("the {name} failed"))?,
            Some(Err(panicked)) => return Err(panicked).context("a role failed"),
            None => {}
        }
        bail!("a role ended by itself")
    }

    /// Stops all roles: no new work, then what is in flight within the drain time.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        let ended = tokio::time::timeout(self.drain + STOP_MARGIN, async {
            while let Some(ended) = self.tasks.join_next().await {
                match ended {
                    Ok((_, Ok(()))) => {}
                    Ok((name, Err(error))) => tracing::error!("the {name} failed while stopping: {error:#}"),
                    Err(error) => tracing::error!("a role failed while stopping: {error}"),
                }
            }
        });
        if ended.await.is_err() {
            tracing::warn!("what was still in flight is left to be repeated");
        }
        if tokio::time::timeout(FIGURES_WITHIN, self.coalesced.flush_figures()).await.is_err() {
            tracing::debug!("the last figures of charts were not written in time");
        }
    }

    fn start_http(&mut self, listener: TcpListener, router: Router) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            serve_http(listener, router, HEAD_WITHIN, stop).await;
            ("HTTP server", Ok(()))
        });
    }

    fn start_engine(&mut self, wired: &Wired) {
        let settings = &wired.settings;
        let engine = engine(wired);
        if settings.has_role(Role::Worker) {
            let (engine, stop) = (engine.clone(), self.stop.clone());
            self.tasks.spawn(async move {
                ("worker", paybell_workers::run_worker(engine, stop).await.context("attempting deliveries"))
            });
        }
        if settings.has_role(Role::Dispatcher) {
            let (engine_of_its_own, stop, kept_for) = (engine.clone(), self.stop.clone(), settings.attempts_kept_for);
            self.tasks.spawn(async move {
                paybell_workers::keep_attempts(engine_of_its_own, kept_for, stop).await;
                ("retention", Ok(()))
            });
            let (stop, dispatch) = (self.stop.clone(), dispatch_settings(settings));
            self.tasks.spawn(async move {
                paybell_workers::run_dispatcher(engine, dispatch, stop).await;
                ("dispatcher", Ok(()))
            });
        } else {
            self.start_clock(wired);
            if settings.has_role(Role::Worker) {
                let (stop, dispatch) = (self.stop.clone(), dispatch_settings(settings));
                self.tasks.spawn(async move {
                    paybell_workers::relieve_queue(engine, dispatch, stop).await;
                    ("relief", Ok(()))
                });
            }
        }
        let gauges = (wired.ledger.clone(), wired.queue.clone(), wired.clock.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            paybell_workers::run_gauges(gauges.0, gauges.1, gauges.2, gauges.3).await;
            ("gauges", Ok(()))
        });
    }

    fn start_clock(&mut self, wired: &Wired) {
        let (ledger, clock, stop) = (wired.ledger.clone(), wired.clock.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            while stop.run_until_cancelled(tokio::time::sleep(SYNC_EVERY)).await.is_some() {
                if let Err(error) = clock.sync(&*ledger).await {
                    tracing::debug!(error = &error as &dyn std::error::Error, "the database's clock was not read");
                }
            }
            ("clock", Ok(()))
        });
    }
}

/// Shows which roles this process has, so that an alert can tell that a role is gone.
fn name_roles(settings: &Settings) {
    for role in &settings.roles {
        let labels =
            [("mode", settings.mode().as_str()), ("role", role.as_str()), ("version", env!("CARGO_PKG_VERSION"))];
        metrics::gauge!("paybell_process_info", &labels).set(1.0);
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener> {
    let what = || format!("cannot listen on {address} (setting: listen)");
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.with_context(what)?;
    socket.set_reuseaddr(true).with_context(what)?;
    socket.bind(address).with_context(what)?;
    socket.listen(BACKLOG).with_context(what)
}

/// What this process serves. Metrics and liveness are served by every process, for Prometheus and supervisors.
fn router(wired: &Wired, metrics: &Metrics, address: SocketAddr, stop: &CancellationToken) -> Result<Router> {
    let metrics = metrics.clone();
    let metrics_text: Arc<dyn Fn() -> String + Send + Sync> = Arc::new(move || metrics.render());
    let state = ApiState {
        ledger: wired.ledger.clone(),
        coalesced: wired.coalesced.clone(),
        queue: wired.queue.clone(),
        clock: wired.clock.clone(),
        outbound: wired.outbound.clone(),
        settings: api_settings(&wired.settings, address),
        metrics_text,
    };
    let api = paybell_api::router(state.clone());
    let served = if wired.settings.has_role(Role::Api) { api.clone() } else { paybell_api::probes(state) };
    if !wired.settings.has_role(Role::Dashboard) {
        return Ok(served);
    }
    Ok(paybell_dashboards::router(dashboard(wired, InProcess::new(api), stop)?, served))
}

fn dashboard(wired: &Wired, api: InProcess, stop: &CancellationToken) -> Result<Dashboard> {
    let act: Act = Arc::new(move |name, request| {
        let api = api.clone();
        Box::pin(async move { api.call(&name, request).await })
    });
    Ok(Dashboard {
        ledger: wired.ledger.clone(),
        clock: wired.clock.clone(),
        mode: format!("{}, {}, queue: {}", wired.settings.mode().as_str(), wired.versions.0, wired.versions.1),
        act,
        key_id: paybell_api::keys::id_within,
        is_key_of: paybell_api::keys::is_key_of,
        new_key: |role, name, now| {
            let (key, record) = paybell_api::keys::new_key(role, name, now);
            (key.expose_secret().to_owned(), record)
        },
        https: wired.settings.public_url.as_deref().is_some_and(|url| url.starts_with("https:")),
        portal: portal_settings(&wired.settings)?,
        stop: stop.clone(),
    })
}

fn engine(wired: &Wired) -> Engine {
    let settings = &wired.settings;
    Engine {
        ledger: wired.ledger.clone(),
        coalesced: wired.coalesced.clone(),
        queue: wired.queue.clone(),
        outbound: wired.outbound.clone(),
        clock: wired.clock.clone(),
        endpoints: Arc::new(EndpointCache::default()),
        health: Arc::default(),
        unrecorded: Arc::new(Semaphore::new(settings.in_flight_max)),
        taking_back: Arc::default(),
        settings: WorkerSettings {
            schedule: settings.schedule(),
            time_limit: settings.time_limit,
            visibility: settings.visibility,
            in_flight_max: settings.in_flight_max,
            batch_max: settings.batch_max,
            claims_ahead: !is_planted(),
            drain: settings.drain,
            failing_after: settings.failing_after,
        },
    }
}

/// Whether a deliberate defect is planted; most of them show only where each delivery takes its turn in the queue.
fn is_planted() -> bool {
    #[cfg(feature = "planted-bugs")]
    return matches!(crate::planted::named(), Ok(Some(_)));
    #[cfg(not(feature = "planted-bugs"))]
    false
}

fn dispatch_settings(settings: &Settings) -> DispatchSettings {
    DispatchSettings { limit: settings.dispatch_limit, grace: settings.grace, lifetime: settings.lifetime }
}

fn api_settings(settings: &Settings, address: SocketAddr) -> ApiSettings {
    ApiSettings {
        lifetime: settings.lifetime,
        grace: settings.grace,
        response_body_max: settings.response_body_max,
        attempt_time_limit_max: settings.visibility.saturating_sub(WorkerSettings::RECORD_MARGIN),
        check_time_limit: settings.check_time_limit,
        checks_in_flight_max: settings.checks_in_flight_max,
        requests_per_key_max: NonZeroU32::new(settings.requests_per_key_max),
        checks_per_endpoint_max: settings.checks_per_endpoint_max,
        check_key_kept_for: settings.check_key_kept_for,
        public_url: public_url(settings, address),
        ..ApiSettings::default()
    }
}

/// Where browsers reach this process, without a slash at its end.
fn public_url(settings: &Settings, address: SocketAddr) -> Arc<str> {
    match &settings.public_url {
        Some(url) => url.trim_end_matches('/').into(),
        None => format!("http://{address}").into(),
    }
}
