//! What may go wrong in the ledger.

use paybell_delivery::UnknownWord;

/// Why an act did not happen. Nothing of a failed act remains.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or did not answer in time. The act may have been committed all the same: it is
    /// safe to repeat it, as every act is fenced or idempotent.
    #[error("the database is unavailable while trying to {act}")]
    Unavailable {
        /// What was attempted.
        act: &'static str,
        /// The cause.
        source: sqlx::Error,
    },
    /// The database refused the act: a constraint, a missing table, a value it cannot hold.
    #[error("the database refused to {act}")]
    Database {
        /// What was attempted.
        act: &'static str,
        /// The cause.
        source: sqlx::Error,
    },
    /// There is no such thing.
    #[error("there is no {what} {id}")]
    NotFound {
        /// What was sought: `endpoint`.
        what: &'static str,
        /// By which id.
        id: String,
    },
    /// There is one already.
    #[error("there is a {what} {id} already")]
    Exists {
        /// What was to be made.
        what: &'static str,
        /// By which id.
        id: String,
    },
    /// One endpoint of a merchant is asked before a payment, and there is one.
    #[error("another endpoint of merchant {merchant} has a check URL already")]
    AskedAlready {
        /// Which merchant.
        merchant: String,
    },
    /// The act does not fit the state of things; the text says why.
    #[error("{0}")]
    Refused(String),
    /// A stored value cannot be read: written by a later version, or damaged, or sealed with another master key.
    #[error("a stored value cannot be read: {0}")]
    Unreadable(String),
    /// A migration failed.
    #[error("the database's migration failed")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The process is stopping and takes no more work.
    #[error("the process is stopping")]
    Stopping,
}

impl From<UnknownWord> for StoreError {
    fn from(word: UnknownWord) -> Self {
        StoreError::Unreadable(word.to_string())
    }
}

impl StoreError {
    /// Tells a database that may answer later from one that refuses.
    pub fn from_sqlx(act: &'static str, source: sqlx::Error) -> Self {
        let transient = match &source {
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_) => true,
            sqlx::Error::Database(e) => e.code().is_some_and(|code| code_is_transient(&code)),
            _ => false,
        };
        if transient { Self::Unavailable { act, source } } else { Self::Database { act, source } }
    }

    /// Whether the same act may succeed later without any change.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Stopping)
    }
}

/// Whether a database's error code names a state that passes.
fn code_is_transient(code: &str) -> bool {
    if code.len() == 5 {
        // SQLSTATE classes 08 (connection), 40 (rollback), 53 (resources), 57 (operator intervention), 58 (system);
        // 55P03: a lock was not granted in time; 25006: a standby that takes no writes (yet).
        let class = ["08", "40", "53", "57", "58"].iter().any(|class| code.starts_with(class));
        return class || code == "55P03" || code == "25006";
    }
    // SQLite's result codes; the low byte of an extended code is its primary code: BUSY, LOCKED, IOERR, FULL, CANTOPEN.
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13 | 14))
}

/// Gives a database error the name of the act that it prevented.
pub(crate) trait Doing<T> {
    fn doing(self, act: &'static str) -> Result<T, StoreError>;
}

impl<T> Doing<T> for Result<T, sqlx::Error> {
    fn doing(self, act: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::from_sqlx(act, source))
    }
}

#[cfg(test)]
mod tests {
    use super::code_is_transient;

    #[test]
    fn what_may_pass_is_told_from_what_stays_refused() {
        for (code, transient) in [
            ("57P01", true),  // the administrator shuts down
            ("53100", true),  // the disk is full
            ("40P01", true),  // a deadlock
            ("55P03", true),  // a lock was not granted
            ("23505", false), // unique
            ("23514", false), // check
            ("42P01", false), // no such table
            ("5", true),      // SQLITE_BUSY
            ("13", true),     // SQLITE_FULL
            ("266", true),    // SQLITE_IOERR_READ
            ("2067", false),  // SQLITE_CONSTRAINT_UNIQUE
            ("275", false),   // SQLITE_CONSTRAINT_CHECK
            ("1", false),     // SQLITE_ERROR
        ] {
            assert_eq!(code_is_transient(code), transient, "{code}");
        }
    }
}
