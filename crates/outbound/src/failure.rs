//! Why no complete answer came, in words. A URL's path and query are never part of them.

use crate::Failure;
use crate::exchange::Progress;
use crate::guard::UrlRefused;
use crate::resolve::NameError;
use paybell_delivery::Outcome;
use rustls::{CertificateError, Error as TlsError};
use std::error::Error;
use std::io::{self, ErrorKind};
use std::iter::successors;
use std::time::Duration;
use url::Url;

impl Failure {
    /// The guard refused the URL; nothing was sent.
    pub(crate) fn blocked(refused: UrlRefused) -> Self {
        Self { outcome: Outcome::Blocked, detail: refused.0, status: None }
    }

    /// The time limit passed.
    pub(crate) fn timed_out(limit: Duration, progress: &Progress) -> Self {
        let limit = in_words(limit);
        let detail = match (progress.sent(), progress.status()) {
            (_, Some(status)) => {
                format!("the headers of the answer came ({status}), but not all of its body within {limit}")
            }
            (true, None) => format!("no complete answer within {limit}"),
            (false, None) => format!("no connection within {limit}"),
        };
        Self { outcome: Outcome::TimedOut, detail, status: progress.status() }
    }

    /// The exchange broke.
    pub(crate) fn of(error: &reqwest::Error, url: &str, progress: &Progress) -> Self {
        let causes: Vec<_> = causes(error).collect();
        let name_error = causes.iter().find_map(|cause| cause.downcast_ref::<NameError>());
        let target = target_of(url);
        let (outcome, detail) = match name_error {
            Some(refused @ NameError::NotPublic { .. }) => (Outcome::Blocked, refused.to_string()),
            Some(unresolved) => (Outcome::Unreachable, unresolved.to_string()),
            None if progress.sent() => (Outcome::Interrupted, interrupted(&causes, &target)),
            None => (Outcome::Unreachable, unreachable(&causes, &target)),
        };
        Self { outcome, detail, status: progress.status() }
    }
}

/// The host and port that a URL leads to.
pub(crate) fn target_of(url: &str) -> String {
    let parsed = Url::parse(url).ok();
    let target = parsed.as_ref().and_then(|url| Some((url.host()?, url.port_or_known_default()?)));
    target.map_or_else(|| "an invalid URL".to_owned(), |(host, port)| format!("{host}:{port}"))
}

type Cause<'a> = &'a (dyn Error + 'static);

/// The error and what caused it, down to the root.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = Cause<'a>> {
    successors(Some(error), |&error: &Cause<'a>| {
        let io_error: Option<&'a io::Error> = error.downcast_ref();
        match io_error.and_then(io::Error::get_ref) {
            // What an I/O error wraps is not its source but itself.
            Some(wrapped) => Some(wrapped as Cause<'a>),
            None => error.source(),
        }
    })
}

fn unreachable(causes: &[Cause<'_>], target: &str) -> String {
    if let Some(tls) = find::<TlsError>(causes) {
        return tls_words(tls, target);
    }
    match io_kind(causes) {
        Some(ErrorKind::ConnectionRefused) => format!("connection refused by {target}"),
        Some(
            ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::UnexpectedEof
            | ErrorKind::BrokenPipe,
        ) => {
            format!("{target} closed the connection before the request could be sent")
        }
        Some(ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => format!("there is no route to {target}"),
        Some(ErrorKind::TimedOut) => format!("{target} does not take connections: the attempt timed out"),
        _ => format!("no connection to {target}: {}", root(causes)),
    }
}

fn interrupted(causes: &[Cause<'_>], target: &str) -> String {
    let http = find::<hyper::Error>(causes);
    if http.is_some_and(hyper::Error::is_parse) {
        return format!("what {target} answered cannot be read: {}", root(causes));
    }
    if http.is_some_and(hyper::Error::is_incomplete_message) {
        return format!("{target} closed the connection before its answer was complete");
    }
    match io_kind(causes) {
        Some(ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe) => {
            format!("{target} reset the connection before its answer was complete")
        }
        Some(ErrorKind::UnexpectedEof) => format!("{target} closed the connection before its answer was complete"),
        _ => format!("the exchange with {target} broke: {}", root(causes)),
    }
}

fn tls_words(error: &TlsError, target: &str) -> String {
    let TlsError::InvalidCertificate(certificate) = error else {
        return format!("no TLS connection to {target}: {error}");
    };
    let rule = match certificate {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "is not valid yet".to_owned(),
        CertificateError::UnknownIssuer => "is not signed by an authority that is trusted".to_owned(),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "is for another name".to_owned()
        }
        CertificateError::Revoked => "is revoked".to_owned(),
        other => format!("is not valid: {other}"),
    };
    format!("the certificate of {target} {rule}")
}

fn find<'a, E: Error + 'static>(causes: &[Cause<'a>]) -> Option<&'a E> {
    causes.iter().find_map(|cause| cause.downcast_ref())
}

fn io_kind(causes: &[Cause<'_>]) -> Option<ErrorKind> {
    causes.iter().rev().find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind)
}

fn root(causes: &[Cause<'_>]) -> String {
    causes.last().map(|cause| cause.to_string()).unwrap_or_default()
}

fn in_words(limit: Duration) -> String {
    match limit.subsec_millis() {
        0 if limit.as_secs() > 0 => format!("{} s", limit.as_secs()),
        _ => format!("{} ms", limit.as_millis()),
    }
}
