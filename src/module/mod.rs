// SPDX-License-Identifier: GPL-2.0-or-later
//! The callbacks that C calls, `pktstat_rs_*`, and what they need of the kernel at once.
//!
//! Each file is a group of callbacks. What they decide is decided in the pure layer; what they do
//! to the kernel, by the abstractions of `kernel`.

mod clock;
mod counter;
mod data;
#[cfg(target_arch = "x86_64")]
mod fast_path;
mod kstat;
mod matching;
#[cfg(pktstat_planted)] // Bugs for the lab to find; never in what is shipped.
#[path = "../../tests/lab/planted.rs"]
mod planted;
mod registry;
mod update_stats;
