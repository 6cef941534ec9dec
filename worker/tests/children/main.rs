//! Workers that are processes of their own program: real ones, in every state they may be in.

#![cfg(target_os = "linux")]

#[path = "../support/program.rs"]
mod program;
#[path = "../support/smith.rs"]
mod smith;
#[path = "../support/smiths.rs"]
mod smiths;

mod beginning;
mod faults;
mod jobs;
mod parent;
mod routers;

use crate::smiths::processes;
