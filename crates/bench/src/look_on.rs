//! People who look while payments are delivered: each has a page open that shows itself as it changes, and reloads it
//! again and again.

use crate::visit_pages::Visitor;
use anyhow::{Context, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Which pages are looked at, by one person after the other.
const PAGES: [&str; 3] = ["/", "/retries", "/undelivered"];
/// How often each person reloads their page.
const RELOAD_EVERY: Duration = Duration::from_secs(2);

/// People who look.
pub(crate) struct Onlookers {
    stop: Arc<AtomicBool>,
    events: Arc<AtomicU64>,
    reloading: Vec<JoinHandle<Result<Vec<u64>>>>,
    open: Vec<JoinHandle<Result<()>>>,
}

/// What they saw.
#[derive(Default)]
pub(crate) struct Looked {
    /// What reloads took, in µs.
    pub(crate) reloads_us: Vec<u64>,
    /// How many events came to the open pages.
    pub(crate) events: u64,
}

impl Looked {
    /// Adds what others saw.
    pub(crate) fn add(&mut self, others: Looked) {
        self.reloads_us.extend(others.reloads_us);
        self.events += others.events;
    }
}

impl Onlookers {
    /// So many people come, one after the other within two seconds.
    pub(crate) async fn come(base: &str, key: &str, people: u32) -> Result<Self> {
        let (stop, events) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::default()));
        let (mut reloading, mut open) = (Vec::new(), Vec::new());
        for (path, number) in PAGES.iter().cycle().zip(0..people) {
            let visitor = Visitor::sign_in(base, key).await?;
            let (reader, events, stop) = (visitor.clone(), Arc::clone(&events), Arc::clone(&stop));
            let offset = RELOAD_EVERY * number / people.max(1);
            open.push(tokio::spawn(async move { visitor.keep_open(path, &events).await }));
            reloading.push(tokio::spawn(async move { reload(&reader, path, offset, &stop).await }));
        }
        Ok(Self { stop, events, reloading, open })
    }

    /// They go.
    ///
    /// # Errors
    /// When a page could not be read, or one that was open ended.
    pub(crate) async fn go(self) -> Result<Looked> {
        self.stop.store(true, Relaxed);
        for open in self.open {
            if open.is_finished() {
                open.await?.context("a page that was open ended")?;
            } else {
                open.abort();
            }
        }
        let mut looked = Looked { events: self.events.load(Relaxed), ..Looked::default() };
        for reloading in self.reloading {
            looked.reloads_us.extend(reloading.await??);
        }
        Ok(looked)
    }
}

async fn reload(visitor: &Visitor, path: &str, offset: Duration, stop: &AtomicBool) -> Result<Vec<u64>> {
    let mut times_us = Vec::new();
    tokio::time::sleep(offset).await;
    let mut every = tokio::time::interval(RELOAD_EVERY);
    while !stop.load(Relaxed) {
        every.tick().await;
        let read = visitor.read(path).await?;
        times_us.push(u64::try_from(read.took.as_micros()).unwrap_or(u64::MAX));
    }
    Ok(times_us)
}
