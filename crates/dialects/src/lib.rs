//! Dialects: how a gateway family words a notification and its acknowledgement, as data. Pure: render, sign, judge; no
//! clock, no input or output.
//!
//! Cast:
//! - [`Dialect`]: a definition (TOML or JSON) that was read, checked and compiled once. The built-in ones are data too.
//! - [`Notification`], [`Question`]: what is told, and what is asked before a payment. [`Rendered`]: the request.
//! - [`Answer`]: what the merchant answered. [`Verdict`], [`CheckVerdict`]: what that means, under the endpoint's
//!   [`Tolerance`].
//! - [`Confidential`]: what must not be kept of an answer.
//! - [`DefinitionError`]: what is wrong with a definition, and where. [`DialectError`]: why nothing could be rendered.
//!
//! A definition becomes a dialect in `read_definition` and `compile`; `render` and `judge` then only walk what was
//! compiled.

mod answer;
mod built_in;
mod charset;
mod compile;
mod confidential;
mod definition;
mod definition_error;
mod dialect;
mod fields;
mod format_money;
mod format_time;
mod gather;
mod judge;
mod notification;
mod plan;
mod quote;
mod read_definition;
mod read_reply;
mod render;
mod rendered;
mod secrets;
mod sign;
mod sources;
mod standard_webhooks;
mod template;
mod values;
mod verify_reply;
mod write_form;
mod write_json;
mod write_xml;

pub use answer::{Answer, CheckVerdict, Tolerance, Verdict, Verify};
pub use confidential::Confidential;
pub use definition::{Parameter, Schedule};
pub use definition_error::{DefinitionError, Problem};
pub use dialect::Dialect;
pub use notification::{Amount, Notification, Question};
pub use rendered::{DialectError, Method, Parameters, Rendered, Signing};
pub use standard_webhooks::verify_standard;
