// SPDX-License-Identifier: GPL-2.0-or-later
//! kstat: who this host sends to. Pure logic: no unsafe, no clock, no allocation, no panic.
//!
//! A packet takes its place in the [`steps`], which tells it the buffer it belongs to, and is
//! counted in its CPU's [`bank`] of that buffer. A reader flips the steps: new packets go to the
//! other buffer, and once those on the way have arrived, the buffer that was left is complete and
//! is folded into the [`ledger`]. What the ledger has published is the text of [`nout`].
//!
//! So packets share nothing but one word, which they only read, and unless `counter` is 1 a pool of
//! tickets, from which a CPU takes many at a time, and which takes back what others have left. And a
//! reader sees all that happened before its flip and nothing of what came after it.

#![forbid(unsafe_code)]

pub mod address;
pub mod bank;
pub mod flow;
pub mod ledger;
pub mod nout;
pub mod state;
pub mod step_size;
pub mod steps;
pub mod table;
