//! The pages in a real Chromium, over a real engine with real traffic.
//!
//! Cast: [`browser`]: a person at a browser: looks for what is named, clicks, types, waits; [`devtools`]: what only
//! Chromium's own commands can do, above all what it complained of and whom it called. [`scene`]: an engine whose merchants
//! have every kind of trouble. [`find_and_resend`], [`hostile_answers`], [`keyboard`], [`bulk`], [`signing_in`]: what
//! operators do; [`portal`]: what merchants do. [`pages`]: every page there is; [`every_page`]: what all of them must keep;
//! [`screenshots`]: pictures of them for the documentation.

mod browser;
mod bulk;
mod devtools;
mod every_page;
mod find_and_resend;
mod hostile_answers;
mod keyboard;
mod pages;
mod portal;
mod scene;
mod screenshots;
mod signing_in;
