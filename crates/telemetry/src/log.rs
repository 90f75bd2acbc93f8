//! Log lines.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::util::TryInitError;

/// Why there can be no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter cannot be read.
    #[error("log: {filter:?} is no filter such as info or info,paybell_workers=debug")]
    Filter {
        /// The filter.
        filter: String,
        /// The cause.
        source: ParseError,
    },
    /// There is a log already.
    #[error("the log was set up before")]
    Twice(#[from] TryInitError),
}

/// Writes log lines that pass `filter` to standard error from now on, one JSON object a line when `json` is set.
///
/// # Errors
/// When the filter cannot be read or there is a log already.
pub fn init_log(filter: &str, json: bool) -> Result<(), LogError> {
    use tracing_subscriber::util::SubscriberInitExt;
    let parsed = EnvFilter::try_new(filter).map_err(|source| LogError::Filter { filter: filter.to_owned(), source })?;
    let log = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(std::io::stderr);
    if json {
        log.json().flatten_event(true).finish().try_init()?;
    } else {
        log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).finish().try_init()?;
    }
    Ok(())
}
