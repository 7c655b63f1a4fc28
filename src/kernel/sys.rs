// SPDX-License-Identifier: GPL-2.0-or-later
//! kernel-sys: the bindings that bindgen makes of `c_shim/shim.h` at build.
#![expect(
    dead_code,
    non_camel_case_types,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "generated from C"
)]

include!(concat!(env!("OUT_DIR"), "/kernel_sys.rs"));
