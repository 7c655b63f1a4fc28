// SPDX-License-Identifier: GPL-2.0-or-later
//! The kernel half of xt_pktstat. See CONTRIBUTING.md for the picture of the house.
#![no_std]

pub mod abi;
pub mod decimal;
pub mod kstat;
pub mod row;
pub mod rule;
pub mod status;
pub mod sync;
