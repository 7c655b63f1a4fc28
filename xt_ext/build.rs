// SPDX-License-Identifier: GPL-2.0-or-later
//! Generates what the extension needs of xtables.h, and links it with libxtables.

use std::path::Path;

const DOOR: &str = "
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <xtables.h>
";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The probe also names the library to link, as every stock extension does.
    let xtables = pkg_config::probe_library("xtables")
        .expect("pkg-config finds xtables (Debian: libxtables-dev)");
    // Without std nobody else does.
    println!("cargo::rustc-link-lib=c");
    let include_paths = xtables
        .include_paths
        .iter()
        .map(|path| format!("-I{}", path.display()));
    let out = std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");

    bindgen::Builder::default()
        .header_contents("door.h", DOOR)
        .clang_args(include_paths)
        .allowlist_function("xtables_register_matches|xtables_compatible_revision|printf|abort")
        .allowlist_type("xtables_match|xt_entry_match")
        .allowlist_var("xt_params|optarg|XTABLES_VERSION|NFPROTO_IPV[46]")
        // Behind pointers that stay null: their size differs between versions of iptables.
        .opaque_type("xt_option_.*|xt_fcheck_.*|xt_xlate.*")
        .use_core()
        .wrap_unsafe_ops(true)
        .prepend_enum_name(false)
        .derive_debug(false)
        .generate_cstr(true)
        .rust_edition(bindgen::RustEdition::Edition2021)
        .generate()
        .expect("bindgen reads xtables.h")
        .write_to_file(Path::new(&out).join("xtables.rs"))
        .expect("OUT_DIR can be written");
}
