//! A panic of an attempt: recorded like any other outcome, so that people see it; the worker goes on.

use crate::Engine;
use crate::attempt_delivery::{attempt_claimed, panicked};
use futures_util::FutureExt;
use metrics::counter;
use paybell_store::engine::{ClaimedDelivery, RecordAttempt};
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

/// The most characters kept of a panic's message.
const MESSAGE_MAX: usize = 500;

/// Makes the attempt; answers what is to be recorded of it, if anything is. When that panics the panic is the attempt's outcome,
/// and the delivery is attempted again or, after [`paybell_delivery::PANICS_MAX`] panics, set aside.
pub(crate) async fn survive_panics(
    engine: &Engine,
    claimed: &ClaimedDelivery,
    taken_at: Instant,
) -> Option<RecordAttempt> {
    // Nothing of a panicked attempt is used again but the claim, which it only reads.
    let panic = match AssertUnwindSafe(attempt_claimed(engine, claimed, taken_at)).catch_unwind().await {
        Ok(attempted) => return attempted,
        Err(panic) => panic,
    };
    counter!("paybell_handler_panics_total").increment(1);
    let message = message(&*panic);
    tracing::error!(delivery.id = %claimed.delivery_id, attempt = claimed.attempt, message, "the worker panicked");
    match engine.ledger.panics_of(claimed.delivery_id).await {
        Ok(before) => Some(panicked(engine, claimed, &message, before + 1)),
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(delivery.id = %claimed.delivery_id, error, "the panic could not be recorded; the attempt will show as unknown");
            None
        }
    }
}

/// What `panic!` was given.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").chars().take(MESSAGE_MAX).collect()
}
