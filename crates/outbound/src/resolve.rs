//! Resolves names, and refuses those that lead to addresses which must not be called.

use crate::address::is_public;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Semaphore, watch};

/// Gives all addresses of a name; may block.
pub(crate) type Lookup = Arc<dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync>;

/// How many names are looked up at once. The system's lookup blocks a thread for as long as a name's servers are silent;
/// with this limit those threads are never all of the runtime's.
const LOOKUPS_MAX: usize = 256;

/// What a lookup found.
type Found = Result<Vec<IpAddr>, Arc<io::Error>>;
/// A lookup under way, and then what it found.
type LookingUp = watch::Receiver<Option<Found>>;

/// The resolver of the HTTP client. The addresses that it has checked are the ones that the client dials, so a name that
/// changes its address between a check and a call gains nothing.
///
/// All who ask for one name at one time wait for one lookup: so a merchant whose name servers are silent takes one of the
/// [`LOOKUPS_MAX`], however many of its attempts are in flight, and the others' names are still resolved.
pub(crate) struct GuardedResolver {
    lookups: Arc<Lookups>,
    allow_non_public: bool,
}

struct Lookups {
    lookup: Lookup,
    slots: Arc<Semaphore>,
    under_way: Mutex<HashMap<String, LookingUp>>,
}

/// A name that was not resolved, or that may not be called.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NameError {
    #[error("the name {name} leads to {address}, which is not a public address")]
    NotPublic { name: String, address: IpAddr },
    #[error("the name {name} could not be resolved: {}", without_preamble(.cause))]
    Unresolved { name: String, cause: Arc<io::Error> },
    #[error("the name {name} has no address")]
    NoAddress { name: String },
}

impl GuardedResolver {
    pub(crate) fn new(lookup: Lookup, allow_non_public: bool) -> Self {
        let slots = Arc::new(Semaphore::new(LOOKUPS_MAX));
        Self { lookups: Arc::new(Lookups { lookup, slots, under_way: Mutex::default() }), allow_non_public }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookups, allow_non_public) = (Arc::clone(&self.lookups), self.allow_non_public);
        let name = name.as_str().to_owned();
        Box::pin(async move {
            let found = lookups.look_up(&name).wait_for(Option::is_some).await?.clone();
            let addresses = admit(name, found.unwrap_or_else(|| Ok(Vec::new())), allow_non_public)?;
            // The client sets the port itself.
            let addresses: Addrs = Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

impl Lookups {
    /// Joins the lookup of the name that is under way, or begins one. It goes on when those who asked give up: the thread
    /// cannot be ended.
    fn look_up(self: &Arc<Self>, name: &str) -> LookingUp {
        let mut under_way = self.under_way();
        if let Some(looking_up) = under_way.get(name) {
            return looking_up.clone();
        }
        let (tell, looking_up) = watch::channel(None);
        under_way.insert(name.to_owned(), looking_up.clone());
        tokio::spawn(Arc::clone(self).run(name.to_owned(), tell));
        looking_up
    }

    async fn run(self: Arc<Self>, name: String, tell: watch::Sender<Option<Found>>) {
        let slot = Arc::clone(&self.slots).acquire_owned().await;
        let (lookup, asked) = (Arc::clone(&self.lookup), name.clone());
        let found = tokio::task::spawn_blocking(move || lookup(&asked)).await;
        drop(slot);
        let found = found.unwrap_or_else(|panic| Err(io::Error::other(panic)));
        // Whoever asks from now on gets a lookup of its own time.
        self.under_way().remove(&name);
        tell.send_replace(Some(found.map_err(Arc::new)));
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<String, LookingUp>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All addresses of a name, or an error if any of them is not public: one that also leads inside is not to be trusted.
fn admit(name: String, found: Found, allow_non_public: bool) -> Result<Vec<IpAddr>, NameError> {
    let addresses = match found {
        Ok(addresses) if addresses.is_empty() => return Err(NameError::NoAddress { name }),
        Ok(addresses) => addresses,
        Err(cause) => return Err(NameError::Unresolved { name, cause }),
    };
    match addresses.iter().find(|address| !allow_non_public && !is_public(**address)) {
        Some(&address) => Err(NameError::NotPublic { name, address }),
        None => Ok(addresses),
    }
}

/// The system's own lookup.
pub(crate) fn system_lookup() -> Lookup {
    Arc::new(|name| Ok((name, 0).to_socket_addrs()?.map(|found| found.ip()).collect()))
}

fn without_preamble(error: &io::Error) -> String {
    let words = error.to_string();
    words.strip_prefix("failed to lookup address information: ").map(str::to_owned).unwrap_or(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Outbound, OutboundRequest, OutboundSettings, tls};
    use bytes::Bytes;
    use paybell_delivery::Outcome;
    use paybell_dialects::Method;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    fn outbound(allow_non_public_addresses: bool, lookup: Lookup) -> Outbound {
        let settings = OutboundSettings {
            allow_non_public_addresses,
            allow_plain_http: true,
            own_port: None,
            response_body_max: 1024,
            user_agent: "test".to_owned(),
        };
        Outbound::assemble(settings, lookup, tls::public_roots()).expect("TLS is set up")
    }

    fn request(url: String) -> OutboundRequest {
        OutboundRequest {
            method: Method::Post,
            url,
            query: None,
            headers: vec![],
            body: Bytes::from_static(b"x"),
            time_limit: Duration::from_secs(5),
        }
    }

    fn fixed(addresses: &[&str]) -> Lookup {
        let addresses: Vec<IpAddr> = addresses.iter().map(|a| a.parse().expect("an address")).collect();
        Arc::new(move |_| Ok(addresses.clone()))
    }

    #[tokio::test]
    async fn a_name_with_any_address_that_is_not_public_is_blocked() {
        let lists: [&[&str]; 4] =
            [&["127.0.0.1"], &["9.9.9.9", "10.0.0.1"], &["fd00::1", "9.9.9.9"], &["::ffff:192.168.0.1"]];
        for addresses in lists {
            let failure = outbound(false, fixed(addresses)).send(request("http://shop.example/".into())).await;
            let failure = failure.expect_err("blocked");
            assert_eq!(failure.outcome, Outcome::Blocked, "{addresses:?}: {failure:?}");
            assert!(failure.detail.starts_with("the name shop.example leads to "), "{failure:?}");
        }
    }

    #[tokio::test]
    async fn a_blocked_name_gets_no_packet() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let outbound = outbound(false, fixed(&["127.0.0.1"]));
        outbound.send(request(format!("http://shop.example:{port}/"))).await.expect_err("blocked");
        let waited = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
        assert!(waited.is_err(), "somebody connected");
    }

    #[tokio::test]
    async fn a_name_is_resolved_once_and_exactly_that_address_is_dialled() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let lookups = Arc::new(AtomicUsize::new(0));
        let counted = lookups.clone();
        // The second lookup would lead elsewhere, where nobody listens.
        let rebinding: Lookup = Arc::new(move |_| {
            let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
            Ok(vec![if first { "127.0.0.1" } else { "127.0.0.2" }.parse().expect("an address")])
        });
        let receiver = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut seen = vec![0; 4096];
            let length = stream.read(&mut seen).await.expect("a request");
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.expect("sent");
            String::from_utf8_lossy(&seen[..length]).into_owned()
        });
        let answer = outbound(true, rebinding).send(request(format!("http://shop.example:{port}/"))).await;
        assert_eq!(answer.expect("an answer").status, 200);
        assert_eq!(lookups.load(Ordering::SeqCst), 1);
        let seen = receiver.await.expect("the receiver ends").to_lowercase();
        assert!(seen.contains(&format!("host: shop.example:{port}")), "{seen}");
    }

    #[tokio::test]
    async fn names_that_do_not_resolve_are_unreachable() {
        let failing: Lookup =
            Arc::new(|_| Err(io::Error::other("failed to lookup address information: Name or service not known")));
        let failure =
            outbound(false, failing).send(request("http://shop.example/?secret=1".into())).await.expect_err("fails");
        assert_eq!(failure.outcome, Outcome::Unreachable);
        assert_eq!(failure.detail, "the name shop.example could not be resolved: Name or service not known");

        let failure =
            outbound(false, fixed(&[])).send(request("http://shop.example/".into())).await.expect_err("fails");
        assert_eq!(failure.outcome, Outcome::Unreachable);
        assert_eq!(failure.detail, "the name shop.example has no address");
    }

    #[tokio::test]
    async fn names_whose_servers_are_silent_leave_room_for_others() {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let held = std::sync::Mutex::new(held);
        let lookup: Lookup = Arc::new(move |name| {
            if name.starts_with("silent") {
                let _ = held.lock().expect("not poisoned").recv();
            }
            Ok(vec!["127.0.0.1".parse().expect("an address")])
        });
        let resolver = GuardedResolver::new(lookup, true);
        let resolve = |name: &str| resolver.resolve(name.parse().expect("a name"));
        // More at once than there may be lookups.
        let mut silent = tokio::task::JoinSet::new();
        for _ in 0..2 * LOOKUPS_MAX {
            silent.spawn(resolve("silent.example"));
        }
        let good = tokio::time::timeout(Duration::from_secs(5), resolve("good.example")).await;
        assert_eq!(good.expect("in time").expect("resolved").count(), 1);
        release.send(()).expect("one lookup waits");
        while let Some(resolved) = silent.join_next().await {
            assert_eq!(resolved.expect("it ends").expect("resolved").count(), 1, "by the one lookup");
        }
    }

    #[tokio::test]
    async fn a_name_whose_servers_are_silent_is_given_up_at_the_time_limit() {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let held = std::sync::Mutex::new(held);
        let silent: Lookup = Arc::new(move |_| {
            let _ = held.lock().expect("not poisoned").recv();
            Ok(vec![])
        });
        let mut request = request("http://shop.example/".into());
        request.time_limit = Duration::from_millis(100);
        let failure = outbound(false, silent).send(request).await.expect_err("times out");
        assert_eq!((failure.outcome, failure.detail.as_str()), (Outcome::TimedOut, "no connection within 100 ms"));
        drop(release);
    }
}
