//! Dialects of endpoints, ready for use: the built-in ones, and the gateway's own, which are compiled once for each
//! definition.

use crate::manage::{EndpointForAttempt, StoredDialect};
use crate::{Result, StoreError};
use paybell_dialects::Dialect;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How many compiled dialects are kept.
const KEPT_MAX: usize = 1_000;

/// The gateway's own dialects that were used last, each with the definition that it was compiled from. A version would not
/// do: a dialect that is deleted and made again begins anew.
#[derive(Default)]
pub struct KnownDialects(Mutex<HashMap<String, (String, Dialect)>>);

impl KnownDialects {
    /// The dialect of an endpoint.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] when there is none of its name, or what is stored cannot be used.
    pub fn of_endpoint(&self, found: &EndpointForAttempt) -> Result<Dialect> {
        let (id, name) = (found.endpoint.id, &found.endpoint.dialect);
        match &found.dialect {
            Some(stored) => self.compiled(stored),
            None => Dialect::named(name)
                .cloned()
                .ok_or_else(|| StoreError::Unreadable(format!("endpoint {id} has the unknown dialect {name:?}"))),
        }
    }

    /// A stored dialect.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] when it cannot be used.
    pub fn compiled(&self, stored: &StoredDialect) -> Result<Dialect> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, dialect)) = kept.get(&stored.name).filter(|(text, _)| *text == stored.definition) {
            return Ok(dialect.clone());
        }
        let dialect = Dialect::from_json(&stored.definition).map_err(|error| {
            let StoredDialect { name, version, .. } = stored;
            StoreError::Unreadable(format!("the stored dialect {name:?}, version {version}, is wrong: {error}"))
        })?;
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(stored.name.clone(), (stored.definition.clone(), dialect.clone()));
        Ok(dialect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paybell_delivery::Timestamp;

    fn stored(title: &str) -> StoredDialect {
        let definition = Dialect::named("plain-200").expect("built in").definition_json();
        let definition = definition.replace("\"name\":\"plain-200\"", "\"name\":\"own\"");
        let mut definition: serde_json::Value = serde_json::from_str(&definition).expect("JSON");
        definition["title"] = title.into();
        let (name, definition) = ("own".to_owned(), definition.to_string());
        StoredDialect { name, definition, version: 1, created_at: Timestamp(0), updated_at: Timestamp(0) }
    }

    #[test]
    fn a_dialect_that_was_deleted_and_made_again_is_the_new_one() {
        let known = KnownDialects::default();
        for title in ["first", "first", "second"] {
            assert_eq!(known.compiled(&stored(title)).expect("a dialect").title(), title);
        }
        let broken = StoredDialect { definition: "{}".to_owned(), ..stored("") };
        let error = known.compiled(&broken).expect_err("nothing is in it").to_string();
        assert!(error.contains("the stored dialect \"own\", version 1, is wrong"), "{error}");
    }
}
