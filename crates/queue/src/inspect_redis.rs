//! What a Redis server says of itself, for those who look after it.

use crate::QueueError;
use redis::{Client, RedisError};
use std::time::Duration;

/// How long the server may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(3);

/// What a Redis server says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RedisFacts {
    /// The version of Redis, or the one that a Valkey is compatible with: `7.0.15`.
    pub version: String,
    /// What it does when its memory is full: `noeviction`.
    pub eviction_policy: String,
    /// The most memory that it may use, in bytes; zero for no limit.
    pub memory_max: u64,
}

impl RedisFacts {
    /// The version's first number; zero when it cannot be read.
    pub fn major_version(&self) -> u32 {
        self.version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0)
    }
}

/// Asks the server at `url`.
///
/// # Errors
/// When it does not answer in time. No error shows the URL.
pub async fn inspect_redis(url: &str) -> Result<RedisFacts, QueueError> {
    let asked = tokio::time::timeout(ANSWER_MAX, ask(url)).await;
    let source: Box<dyn std::error::Error + Send + Sync> = match asked {
        Ok(Ok(info)) => return Ok(read_facts(&info)),
        Ok(Err(error)) => error.into(),
        Err(late) => late.into(),
    };
    Err(QueueError { act: "read what Redis says of itself", source })
}

async fn ask(url: &str) -> Result<String, RedisError> {
    let mut connection = Client::open(url)?.get_multiplexed_async_connection().await?;
    redis::cmd("INFO").query_async(&mut connection).await
}

fn read_facts(info: &str) -> RedisFacts {
    let field = |name: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_default().trim().to_owned()
    };
    RedisFacts {
        version: field("redis_version"),
        eviction_policy: field("maxmemory_policy"),
        memory_max: field("maxmemory").parse().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_facts_are_read_from_the_servers_lines() {
        let facts =
            read_facts("# Server\r\nredis_version:7.0.15\r\nmaxmemory:1024\r\nmaxmemory_policy:allkeys-lru\r\n");
        let expected =
            RedisFacts { version: "7.0.15".to_owned(), eviction_policy: "allkeys-lru".to_owned(), memory_max: 1024 };
        assert_eq!((facts.major_version(), facts), (7, expected));
        assert_eq!(read_facts("").major_version(), 0);
    }
}
