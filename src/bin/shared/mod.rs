//! Code of both command-line programs.

pub mod create;
pub mod exit;
pub mod interrupts;
pub mod progress;
pub mod salvage;
pub mod stdin;
pub mod stdio;
pub mod streams;
