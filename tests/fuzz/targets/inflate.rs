//! Packed bodies: what they inflate to, and how far.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::INFLATE(data));
