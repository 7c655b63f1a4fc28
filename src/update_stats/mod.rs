// SPDX-License-Identifier: GPL-2.0-or-later
//! update_stats: what bypassed the kernel, shown by every tool. Pure logic: no unsafe, no
//! allocation, no panic.
//!
//! A [`command`] switches an interface on or off. An [`update`] is what is written to the files
//! of one that is on, and goes into what is [`shown`] of it, to which is added what its device
//! counts later. A [`field`] is one statistic, and a [`name`] is one that /sys/kernel can spare.

#![forbid(unsafe_code)]

pub mod command;
pub mod field;
pub mod name;
pub mod shown;
pub mod update;

/// Why a text is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not what this file takes.
    Malformed,
    /// A number beyond 64 bits.
    TooLarge,
}

/// What is left of a write without the newline that `echo` puts at its end.
fn line(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"\n").unwrap_or(text)
}
