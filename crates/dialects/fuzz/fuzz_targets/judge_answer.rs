//! Answers to payments.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| paybell_dialects_fuzz::judge_answer(bytes));
