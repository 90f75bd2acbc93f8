//! One suite for both databases: each test runs on a SQLite file and on a PostgreSQL database of its own. Time is an
//! argument everywhere, so nothing here waits for a clock.

/// Makes a test for each database of every function named.
macro_rules! conformance {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() -> anyhow::Result<()> {
                    super::$name(crate::fixture::Fixture::sqlite().await?).await
                }
            )+
        }
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() -> anyhow::Result<()> {
                    super::$name(crate::fixture::Fixture::postgres().await?).await
                }
            )+
        }
    };
}

mod accepting;
mod accepting_ahead;
mod activity;
mod bulk_resends;
mod bulk_settlements;
mod changed_dialects;
mod checking;
mod claiming;
mod coalescing;
mod counting;
mod database;
mod dispatching;
mod fixture;
mod health;
mod keeping_attempts;
mod listing;
mod managing;
mod own_dialects;
mod parking;
mod parking_at_once;
mod partitions;
mod reconciling;
mod recording;
mod searching;
mod secrets;
mod settling;
mod summing_up;
mod visiting;
mod waiting;
