//! The operators' pages as browsers see them: the real router, over a real SQLite ledger, with the real API in process.
//!
//! Cast:
//! - [`house`]: pages with an API and a ledger, and people who are signed in. [`payments`]: merchants with deliveries in
//!   every state. [`pages`]: the table of all pages and of all acts. [`read_html`]: a small reader of HTML, which finds what is badly formed.
//! - The tests: who is let in (`gates`), who may do what (`roles`), what came from outside (`hostile`), how every page is
//!   written (`written`), what is done to deliveries (`deliveries`, `bulk`) and to endpoints (`endpoints`).

mod bulk;
mod deliveries;
mod endpoints;
mod gates;
mod hostile;
mod house;
mod pages;
mod payments;
mod read_html;
mod roles;
mod written;
