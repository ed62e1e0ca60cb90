#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| scanpost_fuzz::database(data));
