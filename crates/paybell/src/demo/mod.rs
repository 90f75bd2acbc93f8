//! `paybell demo`: real payments through the real API to five local merchants that fail in every way.
//!
//! Cast:
//! - [`merchants`]: the five, and what each does. [`receiver`]: their HTTP servers, each with a log of its own.
//! - [`client`]: the gateway's side of the API. [`mod@send_payments`]: sends them and remembers which were accepted.
//! - [`mod@look`]: what the API shows. [`mod@judge`]: the receivers' logs against the API: what was lost is counted here.
//! - [`show`]: the live table, the plain lines and the summary.

mod client;
mod judge;
mod look;
mod merchants;
mod receiver;
mod send_payments;
mod show;

use crate::cli::DemoFlags;
use crate::run_roles::Running;
use crate::serve::Signals;
use crate::wire::Wired;
use anyhow::{Context, Result, anyhow, bail};
use client::Client;
use judge::{Summary, judge};
use look::{Deliveries, look};
use merchants::Merchant;
use paybell_api::keys::new_key;
use paybell_config::{Inputs, Settings};
use paybell_store::manage::{Actor, KeyRole};
use paybell_telemetry::{Metrics, init_log};
use secrecy::ExposeSecret;
use send_payments::{Sent, send_payments};
use show::Screen;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest time that a demo may take, besides what many payments need.
const TIME_MAX: Duration = Duration::from_secs(90);
/// How many payments a second a slow machine gets through.
const PAYMENTS_PER_SECOND_MIN: u32 = 20;
/// How often the API is asked, at most.
const LOOK_EVERY: Duration = Duration::from_millis(400);

/// Runs the demo.
///
/// # Errors
/// When it cannot start or does not come to its end in time.
pub(crate) async fn demo(flags: DemoFlags) -> Result<ExitCode> {
    init_log("error", false)?;
    let mut signals = Signals::new()?;
    let folder = tempfile::Builder::new().prefix("paybell-demo-").tempdir().context("cannot make a folder")?;
    let wired = Wired::connect(&settings(folder.path())?).await?;
    let running = Running::start(&wired, &Metrics::install()?).await?;
    let client = Arc::new(Client::new(running.address, new_demo_key(&wired, KeyRole::Gateway).await?));
    let merchants = merchants::open(&client).await?;
    let ended = tokio::select! {
        ended = run(&flags, &client, &merchants) => ended,
        _ = signals.next() => Err(anyhow!("interrupted")),
    };
    if ended.is_ok() && flags.stay {
        show::show_how_to_go_on(&client, &new_demo_key(&wired, KeyRole::Operator).await?, flags.json);
        signals.next().await;
    }
    running.stop().await;
    drop(merchants);
    Ok(if ended?.all_is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// An embedded Paybell as any other, but for a schedule in which hours become seconds.
fn settings(folder: &Path) -> Result<Settings> {
    let changed = [
        ("listen", "127.0.0.1:0"),
        ("data_dir", &*folder.join("data").display().to_string()),
        ("retry_initial", "300ms"),
        ("retry_cap", "2s"),
        ("time_limit", "3s"),
        ("visibility", "15s"),
        ("grace", "5s"),
        ("drain", "3s"),
        ("allow_non_public_addresses", "true"),
        ("allow_plain_http", "true"),
    ];
    let inputs = changed.iter().fold(Inputs::default(), |inputs, (key, value)| inputs.flag(key, value, "demo"));
    Ok(inputs.load()?.settings)
}

async fn new_demo_key(wired: &Wired, role: KeyRole) -> Result<String> {
    let actor = Actor { name: "demo".to_owned(), now: wired.clock.now() };
    let (key, record) = new_key(role, "demo", actor.now);
    wired.ledger.create_key(&record, &actor).await?;
    Ok(key.expose_secret().to_owned())
}

async fn run(flags: &DemoFlags, client: &Arc<Client>, merchants: &[Merchant]) -> Result<Summary> {
    let mut screen = Screen::new(flags.json);
    screen.introduce(merchants, flags.payments, client.base());
    let started = Instant::now();
    let sent = Arc::new(Sent::default());
    let sending = send_payments(client.clone(), names(merchants), flags.payments, sent.clone());
    let watching = watch(client, merchants, &sent, &mut screen, flags.payments, started);
    let ((), deliveries) = tokio::try_join!(sending, watching)?;
    let summary = judge(merchants, &sent, &deliveries, started.elapsed());
    screen.conclude(&summary);
    Ok(summary)
}

/// Shows where things stand until everything is settled.
async fn watch(
    client: &Client,
    merchants: &[Merchant],
    sent: &Sent,
    screen: &mut Screen,
    payments: u32,
    started: Instant,
) -> Result<Deliveries> {
    let time_max = TIME_MAX + Duration::from_secs((payments / PAYMENTS_PER_SECOND_MIN).into());
    loop {
        let asked = Instant::now();
        let complete = sent.is_complete();
        let deliveries = look(client).await?;
        screen.update(merchants, sent, &deliveries, started.elapsed());
        if complete && deliveries.pending() == 0 {
            return Ok(deliveries);
        }
        if started.elapsed() > time_max {
            let (accepted, pending) = (sent.accepted(), deliveries.pending());
            bail!(
                "after {} s there are {accepted} of {payments} payments accepted and {pending} deliveries still \
                 waiting; the demo gives up",
                time_max.as_secs()
            );
        }
        // With many payments a look takes long, and must not take most of the machine.
        tokio::time::sleep(LOOK_EVERY.max(asked.elapsed() * 4)).await;
    }
}

fn names(merchants: &[Merchant]) -> Vec<&'static str> {
    merchants.iter().map(|merchant| merchant.part.id).collect()
}
