//! The queue's tests, against real Redis servers.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it must be")]

/// Makes of each case one test with lanes in process and one with lanes in Redis.
macro_rules! on_both_queues {
    ($($case:ident with $settings:expr;)+) => {
        mod of_one_process {
            use super::*;
            $(#[tokio::test] async fn $case() -> anyhow::Result<()> { super::$case(crate::consumers::in_process($settings)?).await })+
        }
        mod of_redis {
            use super::*;
            $(#[tokio::test] async fn $case() -> anyhow::Result<()> { super::$case(crate::consumers::in_redis($settings)?).await })+
        }
    };
}

mod admitting;
mod both_queues;
mod cluster;
mod consumers;
mod feed;
mod kept_places;
mod many;
mod redis_counts;
mod redis_failures;
mod same_policy;
mod shares;
mod tickets;
