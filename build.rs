//! Gives the shared library its SONAME, which Cargo leaves out, and keeps it loaded.

/// The major version of the C ABI: `TFR_ABI_VERSION` of the header (a test compares the two).
const ABI_VERSION: u32 = 1;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=CARGO_C_CARGO");
    let linux = std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux");
    let cargo_c = std::env::var_os("CARGO_C_CARGO").is_some(); // it sets a SONAME of its own
    if linux {
        // A thread that used the library calls it once more when it ends, through its thread-local
        // storage; if dlclose(), as at the end of Python, unloaded it before that, it would crash.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
    if linux && !cargo_c {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libtfr_index.so.{ABI_VERSION}");
    }
}
