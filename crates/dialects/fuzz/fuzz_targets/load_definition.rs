//! Files and bodies that are to be dialects.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| paybell_dialects_fuzz::load_definition(bytes));
