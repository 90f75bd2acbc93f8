//! Payments with arbitrary texts.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| paybell_dialects_fuzz::render_request(bytes));
