//! Gives the shared library its SONAME, which Cargo leaves out, and keeps it loaded.

/// The major version of the C ABI: `TFR_ABI_VERSION` of the header (a test compares the two).
const ABI_VERSION: u32 = 1;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=CARGO_C_CARGO");
    let target = |name: &str| std::env::var(format!("CARGO_CFG_{name}")).unwrap_or_default();
    let os = target("TARGET_OS");
    // Every Unix has ELF files but Apple's systems and AIX.
    if target("TARGET_FAMILY") != "unix" || target("TARGET_VENDOR") == "apple" || os == "aix" {
        return;
    }
    // A thread that used the library calls it once more when it ends, through its thread-local
    // storage; if dlclose(), as at the end of Python, unloaded it before that, it would crash.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    if std::env::var_os("CARGO_C_CARGO").is_some() {
        return; // cargo-c sets a SONAME of its own
    }
    let option = match os.as_str() {
        "solaris" | "illumos" => "-h", // their linkers read -soname as -s -o name
        _ => "-soname",
    };
    let soname = match os.as_str() {
        "android" => "libtfr_index.so".to_owned(), // an app's package holds no other names
        _ => format!("libtfr_index.so.{ABI_VERSION}"),
    };
    println!("cargo:rustc-cdylib-link-arg=-Wl,{option},{soname}");
}
