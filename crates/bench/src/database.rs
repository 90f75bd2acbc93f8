//! What a benchmark asks of PostgreSQL besides the engine.

use anyhow::{Context, Result};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, Row};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// What makes writing fast while nothing is measured.
const RELAXED: [(&str, &str); 4] =
    [("fsync", "off"), ("full_page_writes", "off"), ("synchronous_commit", "off"), ("max_wal_size", "8GB")];

/// A connection pool of the benchmark's own.
pub(crate) struct Database {
    pub(crate) pool: PgPool,
    url: String,
}

/// Counters of a database since its beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counters {
    /// Transactions committed.
    pub(crate) commits: i64,
    /// Rows of `deliveries` updated.
    pub(crate) updates: i64,
}

impl Database {
    pub(crate) async fn connect(url: &str) -> Result<Self> {
        let pool = PgPoolOptions::new().max_connections(4).connect(url).await.context("connect to PostgreSQL")?;
        Ok(Self { pool, url: url.to_owned() })
    }

    /// Runs a statement.
    pub(crate) async fn run(&self, sql: &str) -> Result<()> {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&self.pool).await.with_context(|| sql.to_owned())?;
        Ok(())
    }

    /// Gives up durability, for the whole server, while rows are generated.
    pub(crate) async fn relax(&self) -> Result<()> {
        for (name, value) in RELAXED {
            self.run(&format!("ALTER SYSTEM SET {name} = '{value}'")).await?;
        }
        self.run("SELECT pg_reload_conf()").await
    }

    /// Takes the durable settings back, writes everything down, and lets the tables be as a long-running server has them.
    pub(crate) async fn harden(&self) -> Result<()> {
        for (name, _) in RELAXED {
            self.run(&format!("ALTER SYSTEM RESET {name}")).await?;
        }
        self.run("SELECT pg_reload_conf()").await?;
        for table in ["payments", "deliveries", "attempts", "endpoints", "follow_ups", "audit", "figures"] {
            eprintln!("vacuuming {table}");
            self.run(&format!("VACUUM (ANALYZE) {table}")).await?;
        }
        self.run("CHECKPOINT").await?;
        let bytes = self.number("SELECT pg_database_size(current_database())").await?;
        eprintln!("the database has {:.1} GB", bytes as f64 / 1e9);
        // A connection of before the reload may not have seen it.
        let mut connection = PgConnection::connect(&self.url).await?;
        let fsync = sqlx::query("SHOW fsync").fetch_one(&mut connection).await?;
        anyhow::ensure!(fsync.try_get::<String, _>(0)? == "on", "PostgreSQL is not durable again");
        Ok(())
    }

    /// The counters as far as the server's connections have told them, which they do at least once a second.
    pub(crate) async fn counters(&self) -> Result<Counters> {
        let commits = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()";
        let updates = "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'deliveries'";
        tokio::time::sleep(Duration::from_millis(1100)).await;
        Ok(Counters { commits: self.number(commits).await?, updates: self.number(updates).await? })
    }

    /// The one text that a query answers.
    pub(crate) async fn text(&self, sql: &'static str) -> Result<String> {
        Ok(sqlx::query(sql).fetch_one(&self.pool).await.context(sql)?.try_get(0)?)
    }

    /// The one number that a query answers.
    pub(crate) async fn number(&self, sql: &'static str) -> Result<i64> {
        Ok(sqlx::query(sql).fetch_one(&self.pool).await?.try_get(0)?)
    }
}

/// The memory that Redis uses for its data and itself, in MB.
pub(crate) fn redis_memory_mb(port: u16) -> Result<f64> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(b"INFO memory\r\nQUIT\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let line = text.lines().find_map(|line| line.strip_prefix("used_memory:")).context("Redis says no memory")?;
    Ok(line.trim().parse::<f64>()? / 1e6)
}
