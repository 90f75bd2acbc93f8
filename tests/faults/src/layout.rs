//! Which processes an engine under test has, and how they are set.

use paybell_testkit::Postgres;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Which processes run, and how.
pub struct Layout {
    /// The name and the roles of each process; none for one embedded process.
    pub(crate) nodes: Vec<(String, String)>,
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) postgres: Option<Postgres>,
    pub(crate) statements: Vec<String>,
    pub(crate) program: Option<PathBuf>,
}

impl Layout {
    /// In production mode: `api-1`, `worker-1`, `worker-2`, `dispatcher-1`.
    pub fn production() -> Layout {
        Self::of(&[("api-1", "api"), ("worker-1", "worker"), ("worker-2", "worker"), ("dispatcher-1", "dispatcher")])
    }

    /// In production mode, one process of each role.
    pub fn single() -> Layout {
        Self::of(&[("api-1", "api"), ("worker-1", "worker"), ("dispatcher-1", "dispatcher")])
    }

    /// In production mode, two processes of each role.
    pub fn doubled() -> Layout {
        Self::production().with("api-2", "api").with("dispatcher-2", "dispatcher")
    }

    /// One process with every role, on SQLite.
    pub fn embedded() -> Layout {
        Self::of(&[])
    }

    fn of(nodes: &[(&str, &str)]) -> Layout {
        let quick = [
            ("PAYBELL_RETRY_INITIAL", "200ms"),
            ("PAYBELL_RETRY_CAP", "1s"),
            ("PAYBELL_GRACE", "1s"),
            ("PAYBELL_TIME_LIMIT", "2s"),
            ("PAYBELL_VISIBILITY", "7s"),
            ("PAYBELL_DRAIN", "4s"),
            ("PAYBELL_LIFETIME", "3m"),
            ("PAYBELL_DATABASE_CONNECTIONS", "8"),
        ];
        let nodes = nodes.iter().map(|&(name, roles)| (name.to_owned(), roles.to_owned())).collect();
        let settings = quick.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Layout { nodes, settings, postgres: None, statements: Vec::new(), program: None }
    }

    /// With one more process.
    #[must_use]
    pub fn with(mut self, name: &str, roles: &str) -> Layout {
        self.nodes.push((name.to_owned(), roles.to_owned()));
        self
    }

    /// With a setting of all processes.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Layout {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With a PostgreSQL of the caller's in place of a usual one.
    #[must_use]
    pub fn on(mut self, postgres: Postgres) -> Layout {
        self.postgres = Some(postgres);
        self
    }

    /// Run by a program that ends in running the binary in its own place.
    #[must_use]
    pub fn run_by(mut self, program: &Path) -> Layout {
        self.program = Some(program.to_owned());
        self
    }

    /// With statements that are run in the database before the engine comes.
    #[must_use]
    pub fn sql(mut self, statements: &str) -> Layout {
        self.statements.push(statements.to_owned());
        self
    }

    /// Whether it is one embedded process.
    pub fn is_embedded(&self) -> bool {
        self.nodes.is_empty()
    }
}
