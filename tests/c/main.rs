//! The C ABI, used from C and C++.

#![cfg(target_os = "linux")]

mod embedding;
mod programs;

#[path = "../support/child.rs"]
mod child;
