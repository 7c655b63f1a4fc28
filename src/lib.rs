// SPDX-License-Identifier: GPL-2.0-or-later
//! The kernel half of xt_pktstat. See CONTRIBUTING.md for the picture of the house.
//!
//! Everything but `kernel` is pure and is a library to the tools and to the host's tests.
#![no_std]

pub mod abi;
pub mod decimal;
#[cfg(target_os = "none")]
mod kernel;
pub mod kstat;
pub mod row;
pub mod rule;
pub mod stat;
pub mod status;
pub mod sync;
pub mod update_stats;
