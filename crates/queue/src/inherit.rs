//! Places in flight that finished jobs leave to an heir: to whoever took the next jobs of their endpoint out of its lane, in
//! this process. For the queue nothing changes, and it is not asked.

use crate::{Finished, Taken};
use paybell_delivery::EndpointId;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

pub(crate) struct Heirs {
    /// How old a place may be that is left to an heir: its lease goes on from when it was taken first.
    within: Duration,
    heirs: Mutex<HashMap<EndpointId, mpsc::UnboundedSender<Taken>>>,
}

impl Heirs {
    pub(crate) fn new(within: Duration) -> Self {
        Self { within, heirs: Mutex::default() }
    }

    /// Whether an heir got the place.
    pub(crate) fn leave(&self, taken: Taken) -> bool {
        let heirs = self.heirs();
        let heir = heirs.get(&taken.job.endpoint_id).filter(|_| taken.taken_at.elapsed() < self.within);
        heir.is_some_and(|heir| heir.send(taken).is_ok())
    }

    fn heirs(&self) -> MutexGuard<'_, HashMap<EndpointId, mpsc::UnboundedSender<Taken>>> {
        self.heirs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The places in flight that the finished jobs of one endpoint leave from now on, until this is dropped. What is taken over
/// must be finished as any other.
pub struct Inheritance {
    endpoint: EndpointId,
    places: mpsc::UnboundedReceiver<Taken>,
    finished: Finished,
}

impl Inheritance {
    /// Nothing where somebody else in this process has it.
    pub(crate) fn begin(finished: &Finished, endpoint: EndpointId) -> Option<Self> {
        let mut heirs = finished.heirs().heirs();
        if heirs.contains_key(&endpoint) {
            return None;
        }
        let (heir, places) = mpsc::unbounded_channel();
        heirs.insert(endpoint, heir);
        Some(Self { endpoint, places, finished: finished.clone() })
    }

    /// Waits for the next place.
    pub async fn next(&mut self) -> Option<Taken> {
        self.places.recv().await
    }
}

impl Drop for Inheritance {
    /// What is left is told to the queue.
    fn drop(&mut self) {
        self.finished.heirs().heirs().remove(&self.endpoint);
        while let Ok(place) = self.places.try_recv() {
            self.finished.finished(place);
        }
    }
}
