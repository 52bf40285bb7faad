//! HubSpot's app events and workflow actions: are they authentic, and what do they say.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::HUBSPOT(data));
