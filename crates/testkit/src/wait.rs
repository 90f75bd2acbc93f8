//! Waiting for what happens elsewhere.

use anyhow::{Context, Result};
use std::time::Duration;

/// Asks `probe` every 10 ms until it answers something.
///
/// # Errors
/// The probe's own error, or that `what` did not happen in time.
pub async fn eventually<T>(
    what: &str,
    timeout: Duration,
    mut probe: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let poll = async {
        loop {
            if let Some(found) = probe().await? {
                return anyhow::Ok(found);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(timeout, poll).await.with_context(|| format!("{what}: not within {timeout:?}"))?
}
