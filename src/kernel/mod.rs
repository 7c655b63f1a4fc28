// SPDX-License-Identifier: GPL-2.0-or-later
//! The glue between the pure rooms and the kernel: one kernel concept a file.
//!
//! The only `unsafe` of the kernel half. What Rust cannot say it asks of the C shim, through
//! [`sys`], which bindgen makes of `c_shim/shim.h`.

mod clock;
mod counter;
mod data;
mod error;
mod kstat;
mod log;
mod matching;
mod memory;
mod mutex;
mod net;
mod panic;
mod percpu;
#[cfg(pktstat_planted)] // Bugs for the lab to find; never in what is shipped.
#[path = "../../tests/lab/planted.rs"]
mod planted;
mod proc;
mod sys;
mod timer;
mod update_stats;
