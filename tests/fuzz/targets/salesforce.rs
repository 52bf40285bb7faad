//! Salesforce's outbound messages: XML, and who may send it.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::SALESFORCE(data));
