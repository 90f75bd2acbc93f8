//! How long the dispatcher's statement takes, from `pg_stat_statements` of the private server.

use crate::database::Database;
use crate::figures::Percentiles;
use anyhow::Result;
use sqlx::Row;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Often enough that an idle dispatcher makes at most one pass between two looks; a busy one's passes are averaged over
/// this time.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The statement that hands out what is due, told by its words.
const LOOK: &str = "SELECT COALESCE(sum(calls), 0)::int8, COALESCE(sum(total_exec_time), 0)::float8,
        COALESCE(max(max_exec_time), 0)::float8
    FROM pg_stat_statements
    JOIN pg_database ON pg_database.oid = dbid AND datname = current_database()
    WHERE query LIKE '%due_at <=%SKIP LOCKED%'";

/// A task that looks at the statement again and again.
pub(crate) struct DispatchWatch {
    stop: Arc<AtomicBool>,
    looking: JoinHandle<Result<Passes>>,
}

/// What was seen.
pub(crate) struct Passes {
    pub(crate) passes: i64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

impl DispatchWatch {
    /// Starts looking.
    pub(crate) async fn start(url: &str) -> Result<Self> {
        let database = Database::connect(url).await?;
        database.run("CREATE EXTENSION IF NOT EXISTS pg_stat_statements").await?;
        database.run("SELECT pg_stat_statements_reset()").await?;
        let stop = Arc::new(AtomicBool::new(false));
        let looking = tokio::spawn(look(database, stop.clone()));
        Ok(Self { stop, looking })
    }

    /// Ends it.
    pub(crate) async fn stop(self) -> Result<Passes> {
        self.stop.store(true, Relaxed);
        self.looking.await?
    }
}

async fn look(database: Database, stop: Arc<AtomicBool>) -> Result<Passes> {
    let mut before = (0, 0.0);
    let (mut times_us, mut max_ms) = (Vec::new(), 0.0);
    while !stop.load(Relaxed) {
        tokio::time::sleep(LOOK_EVERY).await;
        let row = sqlx::query(LOOK).fetch_one(&database.pool).await?;
        let (calls, total_ms): (i64, f64) = (row.try_get(0)?, row.try_get(1)?);
        max_ms = row.try_get(2)?;
        if calls > before.0 {
            let each_us = (total_ms - before.1) * 1e3 / (calls - before.0) as f64;
            times_us.extend((before.0..calls).map(|_| each_us as u64));
            before = (calls, total_ms);
        }
    }
    times_us.sort_unstable();
    Ok(Passes { passes: before.0, p99_ms: Percentiles::of_us(&times_us).p99, max_ms })
}
