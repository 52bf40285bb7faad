//! A clause of a routing rule: linted, compiled, asked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::CLAUSE(data));
