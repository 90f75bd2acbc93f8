//! The queue in Redis, for any number of processes.

use crate::wire::{to_endpoint, to_job, to_payload, to_place, to_taken};
use crate::{Pushed, Queue, QueueError, QueueSettings, READY_MAX, Taken};
use async_trait::async_trait;
use futures_util::StreamExt as _;
use paybell_delivery::{EndpointId, Job};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, FromRedisValue, RedisResult, Script, ScriptInvocation};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long Redis may take to answer.
const RESPONSE_MAX: Duration = Duration::from_secs(2);
/// How long a connection may take to come about.
const CONNECT_MAX: Duration = Duration::from_secs(1);
/// How long to rest before the subscription is tried again.
const RESUBSCRIBE_AFTER: Duration = Duration::from_millis(500);
/// The most jobs in one script's run, so that no run holds Redis up for long.
const PUSH_MAX: usize = 1_000;

/// A queue whose lanes are in Redis or Valkey, shared by all processes that use the same server and prefix.
///
/// It may be made while the server is down, and it goes on by itself when the server is back, even empty: what fails
/// meanwhile is answered by errors.
pub struct RedisQueue {
    client: Client,
    connection: Mutex<ConnectionManager>,
    keys: Keys,
    settings: QueueSettings,
    push: Script,
    turn: Script,
    admit: Script,
    take_out: Script,
    wake: Arc<Notify>,
    /// Whether the last turn left nothing that waits.
    none_waits: AtomicBool,
    _subscription: DropGuard,
}

/// The names of the keys. All have the same hash tag, so that a cluster keeps them in one place.
struct Keys {
    prefix: String,
    /// In the order in which the scripts know them.
    all: [String; 10],
    depth: String,
    turned: String,
}

/// Appends jobs.
const PUSH: &str = concat!(include_str!("lua/prelude.lua"), include_str!("lua/push.lua"));
/// Acknowledges jobs and takes others.
const TURN: &str = concat!(
    include_str!("lua/prelude.lua"),
    include_str!("lua/flying.lua"),
    include_str!("lua/lanes.lua"),
    include_str!("lua/turn.lua")
);
/// Takes jobs that never waited.
const ADMIT: &str =
    concat!(include_str!("lua/prelude.lua"), include_str!("lua/flying.lua"), include_str!("lua/admit.lua"));

/// Takes jobs out of a lane.
const TAKE_OUT: &str = concat!(include_str!("lua/prelude.lua"), include_str!("lua/take_out.lua"));

impl RedisQueue {
    /// A queue in the server at `url`, such as `redis://127.0.0.1:6379/0`, under keys that begin with `{prefix}:`. No
    /// connection is made yet. It runs on the runtime that it is called on.
    ///
    /// # Errors
    /// When `url` is no Redis URL; the error does not show it.
    pub fn connect(url: &str, prefix: &str, settings: QueueSettings) -> Result<RedisQueue, QueueError> {
        let client = Client::open(url).map_err(failed("read the URL of Redis"))?;
        let connection = Mutex::new(lazy_connection(&client).map_err(failed("prepare a connection to Redis"))?);
        let keys = Keys::new(prefix);
        let wake = Arc::new(Notify::new());
        let ended = CancellationToken::new();
        let listening = listen(client.clone(), keys.channel(), Arc::clone(&wake));
        tokio::spawn(ended.clone().run_until_cancelled_owned(listening));
        let [push, turn, admit, take_out] = [PUSH, TURN, ADMIT, TAKE_OUT].map(Script::new);
        let _subscription = ended.drop_guard();
        let none_waits = AtomicBool::new(false);
        Ok(RedisQueue {
            client,
            connection,
            keys,
            settings,
            push,
            turn,
            admit,
            take_out,
            wake,
            none_waits,
            _subscription,
        })
    }

    fn connection(&self) -> ConnectionManager {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// After no answer came in time the connection may lead nowhere for many minutes, until TCP itself gives up: a
    /// new one is made at the next call.
    fn note<T>(&self, act: &'static str, result: RedisResult<T>) -> Result<T, QueueError> {
        if let Err(error) = &result
            && error.is_timeout()
            && let Ok(fresh) = lazy_connection(&self.client)
        {
            *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        }
        result.map_err(failed(act))
    }

    async fn run<T: FromRedisValue>(&self, act: &'static str, call: ScriptInvocation<'_>) -> Result<T, QueueError> {
        let result = call.invoke_async(&mut self.connection()).await;
        self.note(act, result)
    }

    /// The lease in milliseconds, as the scripts take it.
    fn lease_ms(&self) -> u64 {
        u64::try_from(self.settings.lease.as_millis()).unwrap_or(u64::MAX).max(1)
    }

    async fn take_out(
        &self,
        act: &'static str,
        endpoint: EndpointId,
        at_most: usize,
        if_held_back: bool,
    ) -> Result<Vec<Job>, QueueError> {
        let mut call = self.keys.invocation(&self.take_out);
        let at_most = at_most.min(self.settings.lane_max);
        call.arg(&to_endpoint(endpoint)[..]).arg(at_most).arg(u8::from(if_held_back));
        let jobs: Vec<Vec<u8>> = self.run(act, call).await?;
        Ok(jobs.iter().filter_map(|payload| to_job(endpoint, payload)).collect())
    }

    async fn push_some(&self, jobs: &[Job]) -> Result<Pushed, QueueError> {
        let mut lanes: BTreeMap<EndpointId, Vec<Job>> = BTreeMap::new();
        for job in jobs {
            lanes.entry(job.endpoint_id).or_default().push(*job);
        }
        let mut call = self.keys.invocation(&self.push);
        call.arg(self.settings.lane_max).arg(self.settings.depth_max);
        for (endpoint, jobs) in &lanes {
            call.arg(&to_endpoint(*endpoint)[..]).arg(jobs.len());
            for job in jobs {
                call.arg(&to_payload(job)[..]);
            }
        }
        let counts: Vec<usize> = self.run("push jobs", call).await?;
        let count = |at: usize| counts.get(at).copied().unwrap_or(0);
        let mut pushed = Pushed { added: count(0), is_held_back: count(1) == 1, refused: Vec::new() };
        for (jobs, refused) in lanes.values().zip(counts.iter().skip(2)) {
            pushed.refused.extend_from_slice(&jobs[jobs.len().saturating_sub(*refused)..]);
        }
        Ok(pushed)
    }
}

#[async_trait]
impl Queue for RedisQueue {
    async fn push(&self, jobs: &[Job]) -> Result<Pushed, QueueError> {
        let mut all = Pushed { is_held_back: true, ..Pushed::default() };
        for some in jobs.chunks(PUSH_MAX) {
            let pushed = self.push_some(some).await?;
            all.added += pushed.added;
            all.is_held_back &= pushed.is_held_back;
            all.refused.extend(pushed.refused);
        }
        Ok(all)
    }

    async fn turn(&self, finished: &[Taken], want: usize, free: usize) -> Result<Vec<Taken>, QueueError> {
        // Redis counts the lease from a little later.
        let taken_at = Instant::now();
        let mut call = self.keys.invocation(&self.turn);
        call.arg(self.lease_ms()).arg(want).arg(free);
        for taken in finished {
            call.arg(&to_place(taken)[..]);
        }
        let taken: Vec<Vec<u8>> = self.run("take jobs", call).await?;
        let taken = taken.chunks_exact(2);
        self.none_waits.store(taken.remainder().iter().any(|flag| flag == b"1"), Ordering::Relaxed);
        Ok(taken.filter_map(|one| to_taken(&one[0], &one[1], taken_at)).collect())
    }

    async fn admit(&self, jobs: &[Job], free: usize) -> Result<Vec<Option<Taken>>, QueueError> {
        let taken_at = Instant::now();
        let mut call = self.keys.invocation(&self.admit);
        call.arg(self.lease_ms()).arg(free);
        for job in jobs {
            call.arg(&to_endpoint(job.endpoint_id)[..]).arg(job.concurrency_max.max(1));
        }
        let tickets: Vec<Vec<u8>> = self.run("let jobs in", call).await?;
        if tickets.len() != jobs.len() {
            return Ok(vec![None; jobs.len()]);
        }
        let taken = |(job, ticket): (&Job, Vec<u8>)| {
            Some(Taken { job: *job, ticket: u64::from_be_bytes(ticket.try_into().ok()?), taken_at })
        };
        Ok(jobs.iter().zip(tickets).map(taken).collect())
    }

    async fn waited_for(&self, endpoints: &[EndpointId]) -> Result<Vec<EndpointId>, QueueError> {
        let mut waited_for = Vec::new();
        for some in endpoints.chunks(PUSH_MAX) {
            let mut pipeline = redis::pipe();
            for key in self.keys.with_lanes() {
                let scores = pipeline.cmd("ZMSCORE").arg(key);
                some.iter().for_each(|endpoint| _ = scores.arg(&to_endpoint(*endpoint)[..]));
            }
            let result = pipeline.query_async(&mut self.connection()).await;
            let (served, held): (Vec<Option<f64>>, Vec<Option<f64>>) = self.note("look into lanes", result)?;
            let scores = some.iter().zip(served.iter().zip(&held));
            waited_for.extend(scores.filter(|(_, (served, held))| served.or(**held).is_some()).map(|(id, _)| *id));
        }
        Ok(waited_for)
    }

    async fn drop_lane(&self, endpoint: EndpointId) -> Result<Vec<Job>, QueueError> {
        self.take_out("drop a lane", endpoint, usize::MAX, false).await
    }

    async fn withdraw(&self, endpoint: EndpointId, at_most: usize) -> Result<Vec<Job>, QueueError> {
        self.take_out("withdraw jobs", endpoint, at_most, true).await
    }

    async fn ready(&self) {
        let _ = timeout(READY_MAX, self.wake.notified()).await;
    }

    fn none_waits(&self) -> bool {
        self.none_waits.load(Ordering::Relaxed)
    }

    async fn depth(&self) -> Result<u64, QueueError> {
        let result = redis::cmd("GET").arg(&self.keys.depth).query_async(&mut self.connection()).await;
        let depth: Option<u64> = self.note("read the queue's depth", result)?;
        Ok(depth.unwrap_or(0))
    }

    async fn last_turn(&self) -> Result<Option<Duration>, QueueError> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("TIME").get(&self.keys.turned);
        let result = pipeline.query_async(&mut self.connection()).await;
        let ((seconds, micros), turned): ((u64, u64), Option<u64>) =
            self.note("read when a worker came last", result)?;
        Ok(turned.map(|turned| Duration::from_millis((seconds * 1000 + micros / 1000).saturating_sub(turned))))
    }

    async fn version(&self) -> Result<String, QueueError> {
        let result = redis::cmd("INFO").arg("server").query_async(&mut self.connection()).await;
        let info: String = self.note("read the version of Redis", result)?;
        let field = |name: &str| info.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()));
        let valkey = field("valkey_version:").map(|version| format!("Valkey {version}"));
        let redis = || field("redis_version:").map(|version| format!("Redis {version}"));
        Ok(valkey.or_else(redis).unwrap_or_else(|| "Redis of an unknown version".to_owned()))
    }
}

impl Keys {
    fn new(prefix: &str) -> Keys {
        let prefix = format!("{{{prefix}}}:");
        let key = |name: &str| format!("{prefix}{name}");
        let all = ["ring", "capped", "depth", "sequence", "flying", "leases", "ticket", "recount", "turned", "woken"]
            .map(key);
        Keys { depth: key("depth"), turned: key("turned"), all, prefix }
    }

    /// The ring and the capped: a lane is in one of them while jobs wait in it.
    fn with_lanes(&self) -> [&str; 2] {
        [&self.all[0], &self.all[1]]
    }

    fn channel(&self) -> String {
        format!("{}wake", self.prefix)
    }

    /// A call of a script with the keys and the first argument that all scripts have.
    fn invocation<'a>(&self, script: &'a Script) -> ScriptInvocation<'a> {
        let mut call = script.prepare_invoke();
        for key in &self.all {
            call.key(key);
        }
        call.arg(&self.prefix);
        call
    }
}

fn failed(act: &'static str) -> impl FnOnce(redis::RedisError) -> QueueError {
    move |error| QueueError { act, source: Box::new(error) }
}

/// A connection that is made at its first use and made anew after it broke. It does not try in vain for long: whoever
/// calls tries again.
fn lazy_connection(client: &Client) -> RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        .set_response_timeout(Some(RESPONSE_MAX))
        .set_connection_timeout(Some(CONNECT_MAX))
        .set_number_of_retries(0);
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}

/// Hears of pushes for ever, on a connection of its own.
async fn listen(client: Client, channel: String, wake: Arc<Notify>) {
    loop {
        // Between two subscriptions pushes go unheard; `ready` comes back by itself then.
        let _ = listen_once(&client, &channel, &wake).await;
        sleep(RESUBSCRIBE_AFTER).await;
    }
}

async fn listen_once(client: &Client, channel: &str, wake: &Notify) -> RedisResult<()> {
    let subscribe = async {
        let mut subscription = client.get_async_pubsub().await?;
        subscription.subscribe(channel).await?;
        RedisResult::Ok(subscription)
    };
    let Ok(subscription) = timeout(RESPONSE_MAX, subscribe).await else { return Ok(()) };
    let mut subscription = subscription?;
    let mut messages = subscription.on_message();
    announce(wake);
    while messages.next().await.is_some() {
        announce(wake);
    }
    Ok(())
}

/// Wakes all consumers of this process that wait, and the next one that begins to: it may be just before that.
fn announce(wake: &Notify) {
    wake.notify_waiters();
    wake.notify_one();
}
