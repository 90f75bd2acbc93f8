//! Answers to checks.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| paybell_dialects_fuzz::judge_check_answer(bytes));
