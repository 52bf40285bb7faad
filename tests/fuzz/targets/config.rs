//! A configuration file: everything that is wrong with it, at once.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::CONFIG(data));
