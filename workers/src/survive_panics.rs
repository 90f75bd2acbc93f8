//! A panic of an attempt: recorded like any other outcome, so that people see it; the worker goes on.

use crate::Engine;
use crate::attempt_delivery::{attempt_claimed, record_panic};
use futures_util::FutureExt;
use metrics::counter;
use paybell_store::engine::ClaimedDelivery;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

/// The most characters kept of a panic's message.
const MESSAGE_MAX: usize = 500;

/// Makes the attempt. When that panics the panic is recorded as the attempt's outcome, and the delivery is attempted
/// again or, after [`paybell_delivery::PANICS_MAX`] panics, set aside.
pub(crate) async fn survive_panics(engine: &Engine, claimed: &ClaimedDelivery, taken_at: Instant) {
    // Nothing of a panicked attempt is used again but the claim, which it only reads.
    let Err(panic) = AssertUnwindSafe(attempt_claimed(engine, claimed, taken_at)).catch_unwind().await else { return };
    counter!("paybell_handler_panics_total").increment(1);
    let message = message(&*panic);
    tracing::error!(delivery.id = %claimed.delivery_id, attempt = claimed.attempt, message, "the worker panicked");
    match engine.ledger.panics_of(claimed.delivery_id).await {
        Ok(before) => record_panic(engine, claimed, &message, before + 1).await,
        Err(error) => tracing::error!(
            delivery.id = %claimed.delivery_id, error = &error as &dyn std::error::Error,
            "the panic could not be recorded; the attempt will show as unknown"
        ),
    }
}

/// What `panic!` was given.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").chars().take(MESSAGE_MAX).collect()
}
