// SPDX-License-Identifier: GPL-2.0-or-later
//! update_stats: what bypassed the kernel, shown by every tool. Pure rooms: no unsafe, no
//! allocation, no panic.
//!
//! A device goes on counting for itself. What is written to one of its [`field`]s becomes a
//! difference to what the device had counted at that moment, and the [`deltas`] are added to
//! whatever it says later. A [`wanted`] is the text of one write, an [`order`] says which
//! interface has deltas at all, and a [`name`] is one that /sys/kernel can spare.

#![forbid(unsafe_code)]

pub mod deltas;
pub mod field;
pub mod name;
pub mod order;
pub mod wanted;

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
