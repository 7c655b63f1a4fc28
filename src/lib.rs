// SPDX-License-Identifier: GPL-2.0-or-later
//! The kernel half of xt_pktstat. See CONTRIBUTING.md for a picture of it.
//!
//! Everything but `kernel` and `module` is pure and is a library to the tools and to the host's tests.
#![no_std]
#![cfg_attr(
    all(target_os = "none", target_arch = "x86_64"),
    feature(asm_goto_with_outputs)
)]
// What the gates refuse in the object, said where it is written; and sums that may wrap are spelled
// so, for there is no overflow check in a kernel. Tests may panic.
#![cfg_attr(
    not(test),
    warn(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::float_arithmetic,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

pub mod abi;
pub mod decimal;
pub mod escape;
#[cfg(target_os = "none")]
mod kernel;
pub mod kstat;
#[cfg(target_os = "none")]
mod module;
pub mod rate;
pub mod row;
pub mod rule;
pub mod stat;
pub mod status;
pub mod sync;
pub mod update_stats;
