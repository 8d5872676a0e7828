//! The Rust API, beyond what the unit tests in src cover.

mod faults;
mod foreign_files;
mod hostile;
mod invalid_paths;
mod misleading_data;
mod orders;
mod salvage;

#[path = "../support/frames.rs"]
mod frames;
#[allow(dead_code)] // the fuzz targets call the rest
#[path = "../fuzz/src/oracle.rs"]
mod oracle;
#[path = "../support/written.rs"]
mod written;
