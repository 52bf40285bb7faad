//! Pipedrive's webhooks: are they authentic, and what do they say.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::PIPEDRIVE(data));
