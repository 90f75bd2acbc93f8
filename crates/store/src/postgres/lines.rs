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
/// How old a plan may get, see [`planned_for`].
const PLANNED_FOR: Duration = Duration::from_secs(5);
const PLANNED_FOR_MAX: Duration = Duration::from_secs(60);
/// After fewer statements there was little to do.
const FEW: u32 = 100;
/// After so long a connection goes back to the pool, which replaces what is old.
const KEPT_FOR: Duration = Duration::from_secs(600);

/// How old the plans of a connection may get that was so old when they were made, after so many statements since: one that
/// was made while a table was small would go through all of it once it is large. To plan takes longer than to run, and all
/// that come meanwhile wait for it. So plans are kept for longer where there is little to do, and for as long as the
/// connection had been there before: what grew for so long at most doubles by then.
fn planned_for(age: Duration, statements: u32) -> Duration {
    if statements < FEW { PLANNED_FOR_MAX } else { age.clamp(PLANNED_FOR, PLANNED_FOR_MAX) }
}

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
        let age = self.planned_at.duration_since(self.begun_at);
        if self.planned_at.elapsed() < planned_for(age, self.statements) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_are_kept_as_long_as_their_connection_was_there_before_or_while_there_is_little_to_do() {
        let kept = |age, statements| planned_for(Duration::from_secs(age), statements).as_secs();
        assert_eq!([kept(0, FEW), kept(5, FEW), kept(10, FEW), kept(20, FEW), kept(500, FEW)], [5, 5, 10, 20, 60]);
        assert_eq!([kept(0, FEW - 1), kept(500, FEW - 1)], [60, 60]);
    }
}
