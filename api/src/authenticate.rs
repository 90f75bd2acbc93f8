//! Who calls: a bearer key, looked up and compared, with its role. A known key costs no query: its record is kept for
//! a few seconds, and a revocation is seen within ten at the latest.

use crate::keys::{id_within, is_key_of};
use crate::problem::{Answer, Problem};
use crate::{Api, Served};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use paybell_delivery::Timestamp;
use paybell_store::Ledger;
use paybell_store::manage::{Actor, KeyRecord, KeyRole};
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tower::{Layer, Service};
use uuid::Uuid;

/// Who calls.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    name: Arc<str>,
}

impl Caller {
    /// The caller as the audit names it.
    pub(crate) fn at(&self, now: Timestamp) -> Actor {
        Actor { name: self.name.as_ref().to_owned(), now }
    }
}

/// The layer around what needs a key: lets through what one of the roles sends.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) api: Api,
    pub(crate) roles: &'static [KeyRole],
    pub(crate) refusal: &'static str,
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;
    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { guard: self.clone(), inner }
    }
}

/// A service that needs a key.
#[derive(Clone)]
pub(crate) struct Guarded<S> {
    guard: Guard,
    inner: S,
}

impl<S> Service<Request> for Guarded<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        // The one that is ready is called; its clone may have to become so.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let guard = self.guard.clone();
        Box::pin(async move {
            let let_in = request.extensions_mut().remove::<LetIn>();
            let caller = match let_in {
                Some(LetIn(name)) => guard.person(name),
                None => guard.caller(request.headers()).await,
            };
            match caller {
                Ok(caller) => drop(request.extensions_mut().insert(caller)),
                Err(problem) => return Ok(problem.into_response()),
            }
            inner.call(request).await
        })
    }
}

/// An operator whom the pages let in; no request from outside can carry it.
#[derive(Clone)]
pub(crate) struct LetIn(pub(crate) Arc<str>);

impl Guard {
    fn person(&self, name: Arc<str>) -> Answer<Caller> {
        if self.roles.contains(&KeyRole::Operator) {
            Ok(Caller { name })
        } else {
            Err(Problem::forbidden(self.refusal))
        }
    }

    async fn caller(&self, headers: &HeaderMap) -> Answer<Caller> {
        let known = known_key(&self.api, headers).await?;
        if !self.roles.contains(&known.role) {
            return Err(Problem::forbidden(self.refusal));
        }
        Ok(Caller { name: known.name })
    }
}

async fn known_key(api: &Served, headers: &HeaderMap) -> Answer<Known> {
    let key = bearer(headers).ok_or_else(Problem::unauthorized)?;
    let id = id_within(key).ok_or_else(Problem::unauthorized)?;
    let known = api.keys.look_up(id, api.ledger()).await?.ok_or_else(Problem::unauthorized)?;
    if !is_key_of(key, &known.record) || known.record.revoked_at.is_some() {
        return Err(Problem::unauthorized());
    }
    api.rate_limit.take(id)?;
    Ok(known)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

/// How long a record is taken for current.
const CURRENT_FOR: Duration = Duration::from_secs(5);
/// How much longer it may serve others while one caller reads it anew.
const STALE_FOR: Duration = Duration::from_secs(5);
/// How many records are kept, those of unknown ids too.
const KEPT_MAX: usize = 1000;

#[derive(Clone)]
struct Known {
    role: KeyRole,
    name: Arc<str>,
    record: Arc<KeyRecord>,
}

impl From<KeyRecord> for Known {
    fn from(record: KeyRecord) -> Self {
        Self { role: record.role, name: record.name.as_str().into(), record: Arc::new(record) }
    }
}

/// The records of keys that were sent lately; nothing for an id that belongs to no key.
#[derive(Default)]
pub(crate) struct KnownKeys {
    kept: Mutex<HashMap<Uuid, Kept>>,
}

struct Kept {
    known: Option<Known>,
    read_at: Instant,
    /// When somebody last set out to read it; they may have gone away without doing so.
    asked_at: Instant,
}

impl Kept {
    /// The record, if it may be used at `now`. The first caller after it has aged gets nothing and reads it anew;
    /// those who come meanwhile still get the old one, so that its age does not send them all to the database.
    fn current(&mut self, now: Instant) -> Option<Option<Known>> {
        let age = now.duration_since(self.read_at);
        let being_read = now.duration_since(self.asked_at) <= STALE_FOR && self.asked_at > self.read_at;
        if age <= CURRENT_FOR || (being_read && age <= CURRENT_FOR + STALE_FOR) {
            return Some(self.known.clone());
        }
        self.asked_at = now;
        None
    }
}

impl KnownKeys {
    fn kept(&self) -> MutexGuard<'_, HashMap<Uuid, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn look_up(&self, id: Uuid, ledger: &dyn Ledger) -> Answer<Option<Known>> {
        let read_at = Instant::now();
        if let Some(known) = self.kept().get_mut(&id).and_then(|kept| kept.current(read_at)) {
            return Ok(known);
        }
        let known = match ledger.key(id).await {
            Ok(record) => record.map(Known::from),
            Err(error) => {
                self.kept().remove(&id);
                return Err(error.into());
            }
        };
        let mut kept = self.kept();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(id, Kept { known: known.clone(), read_at, asked_at: read_at });
        Ok(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aged_record_is_read_by_one_caller_while_the_others_still_get_it() {
        let read_at = Instant::now();
        let at = |s| read_at + Duration::from_secs(s);
        let mut kept = Kept { known: None, read_at, asked_at: read_at };
        assert!(kept.current(at(5)).is_some(), "it is current");
        assert!(kept.current(at(6)).is_none(), "the first one reads it anew");
        assert!(kept.current(at(7)).is_some(), "the second one need not");
    }

    #[test]
    fn callers_who_go_away_before_they_have_read_a_record_cannot_keep_it_alive() {
        let read_at = Instant::now();
        let mut kept = Kept { known: None, read_at, asked_at: read_at };
        let served = (6..60).filter(|s| kept.current(read_at + Duration::from_secs(*s)).is_some());
        assert_eq!(served.last(), Some(10), "a revoked key would be valid for as long as its holder wishes");
    }
}
