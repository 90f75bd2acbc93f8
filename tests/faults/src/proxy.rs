//! A TCP proxy that can be made to misbehave while it runs.

use crate::pg_watch::{Answer, Requests};
use anyhow::{Context, Result};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What a proxy does to its connections, those that are open and those that come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Nothing: it passes all on.
    None,
    /// It resets every connection at once.
    Cut,
    /// It holds every piece back for so long.
    Delay(Duration),
    /// It accepts, and swallows both directions, without a reset. What was swallowed once stays broken, as packets that
    /// were lost would.
    Blackhole,
    /// Requests pass, answers are swallowed, without a reset.
    HalfOpen,
    /// It resets each connection after so many more bytes of answers.
    ResetAfterReply(u64),
    /// It resets each connection after so many more bytes of requests.
    ResetAfterRequest(u64),
    /// It resets each connection to PostgreSQL on which a statement of the watched words runs, once the server has
    /// answered it, so after the commit; nothing of the answer passes.
    LoseAnswer,
    /// It resets each connection to PostgreSQL as soon as a statement of the watched words is to run on it; the server
    /// never sees it.
    LoseStatement,
}

/// A proxy on a port of 127.0.0.1 of its own. It ends, and resets its connections, when it is dropped.
pub struct Proxy {
    port: u16,
    fault: watch::Sender<Fault>,
    affected: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Starts one in front of a port of 127.0.0.1.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start(target: u16) -> Result<Proxy> {
        Self::watching(target, None).await
    }

    /// The same in front of PostgreSQL, watching for statements that contain these words, for [`Fault::LoseAnswer`] and
    /// [`Fault::LoseStatement`].
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn before_postgres(target: u16, words: &'static str) -> Result<Proxy> {
        Self::watching(target, Some(words)).await
    }

    async fn watching(target: u16, words: Option<&'static str>) -> Result<Proxy> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("listen as a proxy")?;
        let port = listener.local_addr()?.port();
        let (fault, mode) = watch::channel(Fault::None);
        let affected = Arc::new(AtomicU64::new(0));
        let target = SocketAddr::from(([127, 0, 0, 1], target));
        let line = Line { target, words, mode, affected: affected.clone() };
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(line.clone().serve(client));
            }
        });
        Ok(Proxy { port, fault, affected, accepting })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Misbehaves in this way from now on.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// How many connections and pieces were cut, delayed or swallowed so far.
    pub fn affected(&self) -> u64 {
        self.affected.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(Fault::Cut);
        self.accepting.abort();
    }
}

/// Which way bytes flow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Request,
    Reply,
}

/// What befell a connection.
#[derive(Default)]
struct Marks {
    /// Something of it was swallowed: from then on nothing passes.
    lost: AtomicBool,
    /// The next answer is not to pass, and ends it.
    doomed: AtomicBool,
}

#[derive(Clone)]
struct Line {
    target: SocketAddr,
    words: Option<&'static str>,
    mode: watch::Receiver<Fault>,
    affected: Arc<AtomicU64>,
}

impl Line {
    fn note(&self) {
        self.affected.fetch_add(1, Ordering::Relaxed);
    }

    async fn serve(mut self, client: TcpStream) {
        let fault = *self.mode.borrow_and_update();
        match fault {
            Fault::Cut => {
                self.note();
                let _ = client.set_zero_linger();
                return;
            }
            Fault::Blackhole => {
                self.note();
                return self.swallow(client).await;
            }
            _ => {}
        }
        let Ok(server) = TcpStream::connect(self.target).await else {
            let _ = client.set_zero_linger();
            return;
        };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        self.join(client, server).await;
    }

    /// Passes both ways until one side ends or a fault breaks it.
    async fn join(self, mut client: TcpStream, mut server: TcpStream) {
        let mut mode = self.mode.clone();
        let broken = {
            let (client_in, client_out) = client.split();
            let (server_in, server_out) = server.split();
            let marks = Marks::default();
            tokio::select! {
                ended = self.pump(client_in, server_out, Way::Request, &marks) => ended.is_err(),
                ended = self.pump(server_in, client_out, Way::Reply, &marks) => ended.is_err(),
                _ = mode.wait_for(|fault| *fault == Fault::Cut) => { self.note(); true }
            }
        };
        if broken {
            let _ = (client.set_zero_linger(), server.set_zero_linger());
        }
    }

    /// Passes one way.
    async fn pump(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        way: Way,
        marks: &Marks,
    ) -> io::Result<()> {
        let lost = &marks.lost;
        let mut piece = vec![0; 16 * 1024];
        let mut requests = self.words.filter(|_| way == Way::Request).map(Requests::new);
        let mut answer = Answer::default();
        // Counted from when the fault was set, or from the connection's beginning if that was later.
        let (mut passed, mut under) = (0_u64, Fault::None);
        loop {
            let length = from.read(&mut piece).await?;
            if length == 0 {
                return Ok(());
            }
            let fault = *self.mode.borrow();
            if fault != under {
                (passed, under) = (0, fault);
            }
            let limit = match fault {
                Fault::ResetAfterReply(limit) if way == Way::Reply => limit,
                Fault::ResetAfterRequest(limit) if way == Way::Request => limit,
                Fault::Delay(time) => {
                    self.note();
                    tokio::time::sleep(time).await;
                    u64::MAX
                }
                Fault::Blackhole => {
                    lost.store(true, Ordering::Relaxed);
                    u64::MAX
                }
                Fault::HalfOpen if way == Way::Reply => {
                    lost.store(true, Ordering::Relaxed);
                    u64::MAX
                }
                _ => u64::MAX,
            };
            if lost.load(Ordering::Relaxed) && (way == Way::Reply || fault != Fault::HalfOpen) {
                self.note();
                continue;
            }
            if requests.as_mut().is_some_and(|requests| requests.feed(&piece[..length])) {
                match fault {
                    Fault::LoseAnswer => marks.doomed.store(true, Ordering::Relaxed),
                    Fault::LoseStatement => return self.reset(),
                    _ => {}
                }
            }
            if way == Way::Reply && marks.doomed.load(Ordering::Relaxed) {
                if answer.feed(&piece[..length]) {
                    return self.reset();
                }
                continue;
            }
            let room = usize::try_from(limit - passed.min(limit)).unwrap_or(usize::MAX);
            to.write_all(&piece[..length.min(room)]).await?;
            passed += u64::try_from(length).unwrap_or(u64::MAX);
            if passed >= limit {
                return self.reset();
            }
        }
    }

    fn reset(&self) -> io::Result<()> {
        self.note();
        Err(io::ErrorKind::ConnectionReset.into())
    }

    async fn swallow(&self, mut client: TcpStream) {
        let mut piece = vec![0; 4096];
        let mut mode = self.mode.clone();
        let read_on = async { while client.read(&mut piece).await.is_ok_and(|length| length > 0) {} };
        tokio::select! {
            () = read_on => {}
            _ = mode.wait_for(|fault| *fault == Fault::Cut) => {}
        }
    }
}

#[cfg(test)]
#[path = "proxy_tests.rs"]
mod tests;
