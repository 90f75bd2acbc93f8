//! Connections for the engine's own statements, kept apart from the pool: the pool asks the server whether a connection
//! still stands at each taking and each return, which costs as much as a small statement.

use crate::error::Doing;
use crate::{Result, StoreError};
use sqlx::pool::PoolConnection;
use sqlx::{Connection, Executor, PgConnection, PgPool, Postgres};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// After so long without use a connection is asked whether it still stands.
const TRUSTED_FOR: Duration = Duration::from_secs(1);
/// How old a plan may get: one that was made while a table was small would go through all of it once it is large. To plan
/// takes longer than to run, so where there is little to do, and tables grow slowly, plans are kept for longer.
const PLANNED_FOR: Duration = Duration::from_secs(5);
const PLANNED_FOR_MAX: Duration = Duration::from_secs(60);
/// After fewer statements there was little to do.
const FEW: u32 = 100;
/// After so long a connection goes back to the pool, which replaces what is old.
const KEPT_FOR: Duration = Duration::from_secs(600);

/// The connections that wait for the next statement; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    pool: PgPool,
    idle: Arc<Mutex<Vec<Line>>>,
    idle_max: usize,
}

/// A connection in use. One that is dropped rather than kept is closed, as it is not known what it still does: the pool
/// would wait for its answer.
#[derive(Debug)]
pub(super) struct Line {
    connection: Option<PoolConnection<Postgres>>,
    begun_at: Instant,
    planned_at: Instant,
    /// How many statements there were since then.
    statements: u32,
    used_at: Instant,
}

impl Lines {
    /// At most half of the pool's connections wait here, so that people find one, too.
    pub(super) fn new(pool: PgPool) -> Self {
        let idle_max = usize::try_from(pool.options().get_max_connections() / 2).unwrap_or(usize::MAX);
        Self { pool, idle: Arc::default(), idle_max }
    }

    /// A connection that stands, as far as can be told.
    pub(super) async fn take(&self, act: &'static str) -> Result<Line> {
        while let Some(mut line) = self.take_idle() {
            if line.stands().await {
                return Ok(line);
            }
        }
        let now = Instant::now();
        let connection = Some(self.pool.acquire().await.doing(act)?);
        Ok(Line { connection, begun_at: now, planned_at: now, statements: 0, used_at: now })
    }

    /// Keeps a connection that has answered.
    pub(super) fn keep(&self, mut line: Line) {
        line.used_at = Instant::now();
        line.statements = line.statements.saturating_add(1);
        let mut idle = self.idle();
        if idle.len() < self.idle_max && line.begun_at.elapsed() < KEPT_FOR {
            idle.push(line);
        } else {
            drop(line.connection.take());
        }
    }

    /// The one that was used last, so that what is not needed grows old.
    fn take_idle(&self) -> Option<Line> {
        self.idle().pop()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Line>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// The connection itself.
    pub(super) fn connection(&mut self) -> Result<&mut PgConnection> {
        self.connection.as_deref_mut().ok_or(StoreError::Stopping)
    }

    /// Whether it can be used, with no old plans.
    async fn stands(&mut self) -> bool {
        let Some(connection) = self.connection.as_deref_mut() else { return false };
        if self.used_at.elapsed() >= TRUSTED_FOR && connection.ping().await.is_err() {
            return false;
        }
        let planned_for = if self.statements < FEW { PLANNED_FOR_MAX } else { PLANNED_FOR };
        if self.planned_at.elapsed() < planned_for {
            return true;
        }
        (self.planned_at, self.statements) = (Instant::now(), 0);
        connection.execute("DISCARD PLANS").await.is_ok()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(connection.detach());
        }
    }
}
