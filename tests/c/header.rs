//! The C header is up to date with src/ffi, from which cbindgen generates it.
//!
//! `TFR_UPDATE=1 cargo test --test header` writes it.

use std::fs;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/include/tfr_index.h");

#[test]
fn header_is_generated_from_the_source() {
    let mut generated = Vec::new();
    cbindgen::generate(env!("CARGO_MANIFEST_DIR")).unwrap().write(&mut generated);
    let generated = String::from_utf8(generated).unwrap();
    assert!(
        !generated.contains("# Safety"),
        "src/ffi.rs says where the contract of C functions is"
    );
    if std::env::var_os("TFR_UPDATE").is_some() {
        fs::write(PATH, &generated).unwrap();
    }
    let committed = fs::read_to_string(PATH).unwrap();
    assert!(
        committed == generated,
        "include/tfr_index.h is out of date: run TFR_UPDATE=1 cargo test --test header"
    );
}
