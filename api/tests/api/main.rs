//! The API as its callers see it: a real router over a real SQLite database and in-process lanes.

mod accept_batch;
mod accept_payment;
mod authenticate;
mod checks;
mod deliveries;
mod dialects;
mod faults;
mod harness;
mod health;
mod lists;
mod management;
mod openapi;
mod portal_links;
mod reveal;
mod validation;
