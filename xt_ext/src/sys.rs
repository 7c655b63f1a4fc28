// SPDX-License-Identifier: GPL-2.0-or-later
//! xtables.h as build.rs found it. What it takes from libc is that of the crate.
#![allow(
    clippy::all,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::undocumented_unsafe_blocks,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    dead_code,
    reason = "generated"
)]

use libc::option;

include!(concat!(env!("OUT_DIR"), "/xtables.rs"));
