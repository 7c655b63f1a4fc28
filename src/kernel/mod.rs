// SPDX-License-Identifier: GPL-2.0-or-later
//! Safe abstractions over the kernel's API, each a small type with its invariants.
//!
//! What Rust cannot say it asks of the C shim, through [`sys`], which bindgen makes of
//! `c_shim/shim.h`. Nothing here knows what is counted: that is `stat` and `kstat`; and nothing is
//! called by C: that is `module`.

pub mod clock;
pub mod error;
pub mod log;
pub mod memory;
pub mod mutex;
pub mod owned;
mod panic;
pub mod percpu;
pub mod proc;
pub mod spinlock;
pub mod sys;
pub mod timer;
pub mod work;
