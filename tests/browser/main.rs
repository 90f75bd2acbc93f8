//! The pages in a real Chromium, over a real engine with real traffic.
//!
//! Cast: [`browser`]: a person at a browser: looks for what is named, clicks, types, waits; [`devtools`]: what only
//! Chromium's own commands can do, above all what it complained of and whom it called. [`scene`]: an engine whose merchants
//! have every kind of trouble. [`find_and_resend`], [`hostile_answers`], [`keyboard`], [`bulk`], [`signing_in`]: what
//! people do. [`screenshots`]: pictures of every page, for the documentation.

mod browser;
mod bulk;
mod devtools;
mod find_and_resend;
mod hostile_answers;
mod keyboard;
mod scene;
mod screenshots;
mod signing_in;
