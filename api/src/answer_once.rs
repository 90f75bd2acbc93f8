//! One answer for each key: callers with the same key share the question that is under way, and later ones find its
//! answer in the ledger. The question goes on when its caller goes away.

use crate::Api;
use crate::put_question::put_question;
use crate::validate_check::Asked;
use paybell_delivery::{Check, CheckId, MerchantId};
use paybell_store::StoreError;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// What became of a question.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// It was asked, now or before, and recorded.
    Answered(Arc<Check>),
    /// It was asked before with other content: these fields differ.
    Differs(CheckId, Vec<&'static str>),
    /// There is no such merchant.
    UnknownMerchant,
    /// The merchant has no such endpoint.
    UnknownEndpoint,
    /// The ledger failed, before or after the merchant was asked.
    Failed(Arc<StoreError>),
    /// The code panicked.
    Broken,
}

type Place = (MerchantId, String);
type Landed = watch::Receiver<Option<Outcome>>;

/// The questions with a key that are under way in this process.
#[derive(Default)]
pub(crate) struct Flights(Mutex<HashMap<Place, Landed>>);

/// Asks, unless it was asked before.
pub(crate) async fn answer_once(api: &Api, asked: Asked) -> Outcome {
    let Some(key) = asked.question.key.clone() else {
        let (api, asked) = (Arc::clone(api), asked);
        let put = tokio::spawn(async move { put_question(&api, &asked).await });
        return put.await.unwrap_or(Outcome::Broken);
    };
    let mut landed = join(api, (asked.question.merchant_id.clone(), key), &asked);
    let outcome = match landed.wait_for(Option::is_some).await {
        Ok(outcome) => outcome.clone().unwrap_or(Outcome::Broken),
        Err(_) => Outcome::Broken,
    };
    match outcome {
        Outcome::Answered(check) => compare(check, &asked),
        other => other,
    }
}

/// The question with this key that is under way, or this one as the first.
fn join(api: &Api, place: Place, asked: &Asked) -> Landed {
    let mut flights = api.flights.all();
    if let Some(landed) = flights.get(&place) {
        return landed.clone();
    }
    let (land, landed) = watch::channel(None);
    flights.insert(place.clone(), landed.clone());
    let (flight, asked) = (Flight { api: Arc::clone(api), place }, asked.clone());
    tokio::spawn(async move {
        let outcome = known_or_put(&flight, &asked).await;
        // Whoever comes from now on finds the answer in the ledger.
        drop(flight);
        let _ = land.send(Some(outcome));
    });
    landed
}

async fn known_or_put(flight: &Flight, asked: &Asked) -> Outcome {
    let (api, (merchant, key)) = (&flight.api, &flight.place);
    let since = api.state.clock.now().before(api.state.settings.check_key_kept_for);
    match api.ledger().check_by_key(merchant, key, since).await {
        Ok(Some(check)) => Outcome::Answered(Arc::new(check)),
        Ok(None) => put_question(api, asked).await,
        Err(error) => Outcome::Failed(Arc::new(error)),
    }
}

/// An endpoint that was named must be the one that was asked; who names none takes any.
fn compare(check: Arc<Check>, asked: &Asked) -> Outcome {
    let mut fields = check.question.differing_fields(&asked.question);
    if asked.endpoint.is_some_and(|named| check.endpoint_id != Some(named)) {
        fields.push("endpoint");
    }
    if fields.is_empty() { Outcome::Answered(check) } else { Outcome::Differs(check.id, fields) }
}

/// A question under way; it is none any more when this is dropped, be it by a panic.
struct Flight {
    api: Api,
    place: Place,
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.api.flights.all().remove(&self.place);
    }
}

impl Flights {
    fn all(&self) -> MutexGuard<'_, HashMap<Place, Landed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
