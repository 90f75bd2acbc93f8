//! The queue's tests, against real Redis servers.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it must be")]

mod both_queues;
mod consumers;
mod feed;
mod redis_failures;
