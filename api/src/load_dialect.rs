//! Dialects by name: the built-in ones, and the gateway's own, which are compiled once for each definition.

use crate::Served;
use crate::problem::Answer;
use paybell_delivery::{Endpoint, EndpointId};
use paybell_dialects::Dialect;
use paybell_store::manage::{EndpointForAttempt, StoredDialect};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How many compiled dialects are kept.
const KEPT_MAX: usize = 1_000;

/// The gateway's own dialects that were used last, each with the definition that it was compiled from.
#[derive(Default)]
pub(crate) struct KnownDialects(Mutex<HashMap<String, (String, Dialect)>>);

impl KnownDialects {
    /// The dialect of an endpoint; nothing, and a line in the log, when what is stored cannot be used.
    pub(crate) fn of_endpoint(&self, found: &EndpointForAttempt) -> Option<Dialect> {
        let Endpoint { id, dialect, .. } = &found.endpoint;
        match &found.dialect {
            Some(stored) => self.compiled(stored),
            None => Dialect::named(dialect).cloned().or_else(|| unknown(*id, dialect)),
        }
    }

    /// A stored dialect, ready for use.
    pub(crate) fn compiled(&self, stored: &StoredDialect) -> Option<Dialect> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, dialect)) = kept.get(&stored.name).filter(|(text, _)| *text == stored.definition) {
            return Some(dialect.clone());
        }
        match Dialect::from_json(&stored.definition) {
            Ok(dialect) => {
                if kept.len() >= KEPT_MAX {
                    kept.clear();
                }
                kept.insert(stored.name.clone(), (stored.definition.clone(), dialect.clone()));
                Some(dialect)
            }
            Err(error) => {
                tracing::error!(dialect = stored.name, version = stored.version, %error, "a stored dialect is unusable");
                None
            }
        }
    }
}

fn unknown(id: EndpointId, name: &str) -> Option<Dialect> {
    tracing::error!(endpoint.id = %id, dialect = name, "an endpoint's dialect is unknown");
    None
}

impl Served {
    /// The dialect of that name, if there is one.
    pub(crate) async fn dialect(&self, name: &str) -> Answer<Option<Dialect>> {
        if let Some(dialect) = Dialect::named(name) {
            return Ok(Some(dialect.clone()));
        }
        let stored = self.ledger().dialect(name).await?;
        Ok(stored.and_then(|stored| self.dialects.compiled(&stored)))
    }
}
