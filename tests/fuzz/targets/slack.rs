//! Slack's buttons: are they authentic, and what do they order.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::SLACK(data));
