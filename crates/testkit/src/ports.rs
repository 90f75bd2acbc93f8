//! Free ports.

use anyhow::{Result, bail};
use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Below the ports that the kernel gives to outgoing connections, which would take one before its server does.
const PORTS: std::ops::Range<u16> = 10_000..32_000;
const TRIES_MAX: usize = 1_000;

static GIVEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

/// A port that is free on 127.0.0.1 now and that this process was not given before.
///
/// # Errors
/// When none is found.
pub fn free_port() -> Result<u16> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..TRIES_MAX {
        let port = rand::random_range(PORTS);
        if !given.contains(&port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            given.insert(port);
            return Ok(port);
        }
    }
    bail!("no free port was found among {PORTS:?} in {TRIES_MAX} tries")
}

#[cfg(test)]
mod tests {
    use super::free_port;
    use std::collections::HashSet;

    #[test]
    fn no_port_is_given_twice() -> anyhow::Result<()> {
        let ports = (0..200).map(|_| free_port()).collect::<anyhow::Result<HashSet<u16>>>()?;
        assert_eq!(ports.len(), 200);
        Ok(())
    }
}
