// SPDX-License-Identifier: GPL-2.0-or-later
//! The accounting: pure logic, one noun a file. No unsafe, no clock, no allocation, no panic.
//!
//! A CPU counts into its own [`tally::Tally`]; a window that closes leaves its totals in the
//! CPU's [`fifo`]; the [`collector`] merges what all CPUs closed into a [`ring`], and an open
//! file's [`delivery`] brings them to its reader. Only totals are kept: a row
//! is the difference of two of them, so whatever happens in between, a count can move to a later
//! row but can neither vanish nor appear twice.

#![forbid(unsafe_code)]

pub mod clock;
pub mod collector;
pub mod cpu;
pub mod delivery;
pub mod drain;
pub mod fifo;
pub mod gate;
pub mod host;
pub mod idle;
pub mod ring;
pub mod tally;
pub mod threshold;
pub mod wake;
pub mod window;
