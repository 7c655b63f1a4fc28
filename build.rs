// SPDX-License-Identifier: GPL-2.0-or-later
//! Generates the kernel-sys bindings.
fn main() {}
