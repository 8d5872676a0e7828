//! The command-line programs, run as a user runs them.

#![cfg(feature = "cli")]

mod arguments;
mod cat;
mod commands;
mod compressed;
mod edit;
mod features;
mod fit;
mod generate;
mod manifest;
mod paths;
mod remote;
mod report;
mod reshard;
mod s3_cli;
mod salvage;
mod show;
mod streams;

#[path = "../support/child.rs"]
mod child;
#[path = "../support/programs.rs"]
mod programs;
