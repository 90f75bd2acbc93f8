//! The promise to tell one endpoint of one payment by a deadline.

use crate::{DeliveryId, EndpointId, PaymentId, Timestamp, UnknownWord};
use serde::Serialize;
use std::str::FromStr;

/// Defines an enum that is stored and sent as one word.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// All of them, in the order of their definition.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word by which it is stored and sent.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;
            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($word => Ok($name::$variant),)+
                    _ => Err(UnknownWord { what: $what, word: word.to_owned() }),
                }
            }
        }
    };
}
pub(crate) use words;

words!(
    /// Where a delivery stands. All but `pending` are terminal; only `undelivered` may still become `settled`.
    State, "delivery state" {
        /// It will be attempted, or waits for its endpoint.
        Pending = "pending",
        /// The merchant acknowledged it.
        Delivered = "delivered",
        /// It was given up, for a [`Reason`].
        Undelivered = "undelivered",
        /// A person settled it by hand.
        Settled = "settled",
    }
);

words!(
    /// Why a delivery is undelivered.
    Reason, "reason" {
        /// Its deadline passed.
        Expired = "expired",
        /// The merchant refused it for good.
        Refused = "refused",
        /// The merchant refused it after an attempt whose answer was lost: it may have accepted that one.
        RefusedAfterUnknown = "refused_after_unknown",
        /// The worker panicked at it [`PANICS_MAX`](crate::PANICS_MAX) times, so it is set aside for a person.
        Panicked = "panicked",
    }
);

/// The promise to tell one endpoint of one payment by a deadline.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// The id.
    pub id: DeliveryId,
    /// What is told.
    pub payment_id: PaymentId,
    /// To whom.
    pub endpoint_id: EndpointId,
    /// Where it stands.
    pub state: State,
    /// Why it is undelivered; kept when it is settled afterwards.
    pub reason: Option<Reason>,
    /// How many attempts were begun.
    pub attempts: u32,
    /// When somebody must look at it again; never after `deadline_at`. Equal to it when only expiry is left, as for
    /// a delivery that waits for a paused endpoint.
    pub due_at: Timestamp,
    /// No attempt starts at or after this moment.
    pub deadline_at: Timestamp,
    /// When the attempt that is in flight was begun.
    pub claimed_at: Option<Timestamp>,
    /// The delivery that this one repeats.
    pub resend_of: Option<DeliveryId>,
    /// When the promise was made.
    pub created_at: Timestamp,
    /// When it reached a terminal state.
    pub finished_at: Option<Timestamp>,
    /// Who settled it.
    pub settled_by: Option<String>,
    /// What they noted.
    pub settled_note: Option<String>,
}

/// What travels through the queue: which delivery to attempt, and after how many attempts. A job whose `attempts` is
/// not what the database says is stale and is dropped at the claim; so a queue that repeats jobs is harmless.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Job {
    /// Which delivery.
    pub delivery_id: DeliveryId,
    /// Its endpoint, whose lane it waits in.
    pub endpoint_id: EndpointId,
    /// How many attempts had been begun when the job was made.
    pub attempts: u32,
    /// The endpoint's cap of attempts in flight, as known when the job was made.
    pub concurrency_max: u32,
}
