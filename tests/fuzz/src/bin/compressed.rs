#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tfr_index_fuzz::compressed::run(data));
