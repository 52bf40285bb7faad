//! The generic hook: is it authentic, and what does it say.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::GENERIC(data));
