//! A name server on loopback that fails in the way that a name's first label says. Source of the messages' form: RFC 1035.

use anyhow::{Context, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// Where it listens: the system's resolver knows no other port.
pub(crate) const NAME_SERVER: &str = "127.53.53.53";

const A: [u8; 2] = [0, 1];
const HEADER_BYTES: usize = 12;
const NO_ERROR: u8 = 0;
const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;

/// The server. It ends when it is dropped.
pub(crate) struct NameServer {
    failed: Arc<AtomicU64>,
    serving: JoinHandle<()>,
}

impl NameServer {
    /// Starts it.
    ///
    /// # Errors
    /// When the port is taken, or this user may not have it.
    pub(crate) async fn start() -> Result<NameServer> {
        let socket = UdpSocket::bind((NAME_SERVER, 53)).await;
        let socket = socket.context("port 53 cannot be had (this scenario needs the right to it)")?;
        let failed = Arc::new(AtomicU64::new(0));
        let serving = tokio::spawn(serve(socket, failed.clone()));
        Ok(NameServer { failed, serving })
    }

    /// How many questions it did not answer with an address, or not at all.
    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(socket: UdpSocket, failed: Arc<AtomicU64>) {
    let mut question = [0; 512];
    while let Ok((length, from)) = socket.recv_from(&mut question).await {
        let question = &question[..length];
        let (is_good, answer) = answer(question);
        failed.fetch_add(u64::from(!is_good), Ordering::Relaxed);
        if let Some(answer) = answer {
            reply(&socket, from, &answer).await;
        }
    }
}

async fn reply(socket: &UdpSocket, to: SocketAddr, answer: &[u8]) {
    // Whoever asked may have left.
    let _ = socket.send_to(answer, to).await;
}

/// Whether the name is a good one, and what is answered: `servfail…`, `nxdomain…` and `silent…` say it themselves, all
/// others are 127.0.0.1.
fn answer(question: &[u8]) -> (bool, Option<Vec<u8>>) {
    let length = question.get(HEADER_BYTES).map_or(0, |length| usize::from(*length));
    let label = question.get(HEADER_BYTES + 1..HEADER_BYTES + 1 + length).unwrap_or_default();
    let code = match label {
        label if label.starts_with(b"silent") => return (false, None),
        label if label.starts_with(b"servfail") => SERVFAIL,
        label if label.starts_with(b"nxdomain") => NXDOMAIN,
        _ => NO_ERROR,
    };
    let Some(name) = question.get(HEADER_BYTES..).and_then(|rest| rest.iter().position(|byte| *byte == 0)) else {
        return (false, None);
    };
    let end = HEADER_BYTES + name + 1 + 4;
    let Some(asked) = question.get(HEADER_BYTES..end) else { return (false, None) };
    let is_for_address = asked[name + 1..name + 3] == A;
    let answers = u8::from(code == NO_ERROR && is_for_address);
    // The same id; an answer, recursion wished and available; one question.
    let mut reply = vec![question[0], question[1], 0x81, 0x80 | code, 0, 1, 0, answers, 0, 0, 0, 0];
    reply.extend_from_slice(asked);
    if answers == 1 {
        // The name is the question's; A, IN, for a second, four bytes.
        reply.extend_from_slice(&[0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]);
    }
    (code == NO_ERROR, Some(reply))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(label: &str, kind: u8) -> Vec<u8> {
        let mut question = vec![7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        question.push(u8::try_from(label.len()).expect("short"));
        question.extend_from_slice(label.as_bytes());
        question.extend_from_slice(&[4, b't', b'e', b's', b't', 0, 0, kind, 0, 1]);
        question
    }

    #[test]
    fn first_label_says_what_is_answered() {
        for (label, code, answers) in [("good", 0, 1), ("servfail-1", 2, 0), ("nxdomain", 3, 0)] {
            let (is_good, reply) = answer(&question(label, 1));
            let reply = reply.expect("an answer");
            assert_eq!(
                (is_good, reply[..2].to_vec(), reply[3] & 0xf, reply[7]),
                (code == 0, vec![7, 9], code, answers)
            );
        }
        assert_eq!(answer(&question("silent-4", 1)), (false, None));
        let (is_good, reply) = answer(&question("good", 28));
        assert!(is_good && reply.is_some_and(|reply| reply[7] == 0), "it has no IPv6 address");
        assert_eq!(answer(b"nonsense"), (false, None));
    }
}
