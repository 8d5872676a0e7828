//! Sets the SONAME of the shared library, which Cargo does not do, and keeps the library loaded.

/// The major version of the C ABI, equal to `TFR_ABI_VERSION` in the header (a test compares them).
const ABI_VERSION: u32 = 1;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=CARGO_C_CARGO");
    let target = |name: &str| std::env::var(format!("CARGO_CFG_{name}")).unwrap_or_default();
    let os = target("TARGET_OS");
    // All Unix systems except Apple's and AIX have ELF files.
    if target("TARGET_FAMILY") != "unix" || target("TARGET_VENDOR") == "apple" || os == "aix" {
        return;
    }
    // When a thread that used the library ends, it runs thread-local destructors in the library. It
    // would crash if dlclose() had unloaded the library before, as at the end of Python.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    if std::env::var_os("CARGO_C_CARGO").is_some() {
        return; // cargo-c sets its own SONAME
    }
    let option = match os.as_str() {
        "solaris" | "illumos" => "-h", // their linkers read -soname as -s -o name
        _ => "-soname",
    };
    let soname = match os.as_str() {
        "android" => "libtfr_index.so".to_owned(), // app packages allow no other names
        _ => format!("libtfr_index.so.{ABI_VERSION}"),
    };
    println!("cargo:rustc-cdylib-link-arg=-Wl,{option},{soname}");
}
