//! Free ports.

use anyhow::{Context, Result};
use std::net::TcpListener;

/// A TCP port of 127.0.0.1 that nobody listens on at this moment.
///
/// # Errors
/// When the system has none left.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("look for a free port")?;
    Ok(listener.local_addr()?.port())
}
