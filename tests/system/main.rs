//! The calls to the operating system: how many, in which order, and what happens when one fails.

#![cfg(all(feature = "cli", target_os = "linux"))]

mod call_counts;
mod faulty_calls;
mod refused_calls;
mod sync;

#[path = "../support/child.rs"]
mod child;
#[path = "../support/frames.rs"]
mod frames;
#[allow(dead_code)] // the command-line tests call the rest
#[path = "../support/programs.rs"]
mod programs;
