//! A panic of an attempt: recorded like any other outcome, so that people see it; the worker goes on.

use crate::Engine;
use crate::attempt_delivery::panicked;
use futures_util::FutureExt;
use metrics::counter;
use paybell_store::engine::{ClaimedDelivery, RecordAttempt};
use std::any::Any;
use std::panic::AssertUnwindSafe;

/// The most characters kept of a panic's message.
const MESSAGE_MAX: usize = 500;

/// Does something of an attempt. When that panics it answers what is to be recorded of it, if that can be told: the panic is the
/// attempt's outcome, and the delivery is attempted again or, after [`paybell_delivery::PANICS_MAX`] panics, set aside.
pub(crate) async fn survive_panics<T>(
    engine: &Engine,
    claimed: &ClaimedDelivery,
    work: impl Future<Output = T>,
) -> Result<T, Option<RecordAttempt>> {
    // Nothing of what panicked is used again but the claim, which it only reads.
    let panic = match AssertUnwindSafe(work).catch_unwind().await {
        Ok(done) => return Ok(done),
        Err(panic) => panic,
    };
    counter!("paybell_handler_panics_total").increment(1);
    let message = message(&*panic);
    tracing::error!(delivery.id = %claimed.delivery_id, attempt = claimed.attempt, message, "the worker panicked");
    match engine.ledger.panics_of(claimed.delivery_id).await {
        Ok(before) => Err(Some(panicked(engine, claimed, &message, before + 1))),
        Err(error) => {
            tracing::error!(
                delivery.id = %claimed.delivery_id, error = &error as &dyn std::error::Error,
                "the panic could not be recorded; the attempt will show as unknown"
            );
            Err(None)
        }
    }
}

/// What `panic!` was given.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").chars().take(MESSAGE_MAX).collect()
}
