// SPDX-License-Identifier: GPL-2.0-or-later
//! Generates what the extension needs of xtables.h, and links it with libxtables.

use std::path::{Path, PathBuf};

const HEADERS: &str = "
#include <getopt.h>
#include <xtables.h>
";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The probe also names the library to link, as every stock extension does.
    let xtables = pkg_config::probe_library("xtables")
        .expect("pkg-config finds xtables (Debian: libxtables-dev)");
    let include_flags = flags("-I", &xtables.include_paths);
    // For the tests, which compile C; cargo names the target to build scripts only.
    let target = std::env::var("TARGET").expect("cargo sets TARGET");
    let mut all = include_flags.clone();
    all.extend(flags("-L", &xtables.link_paths));
    all.extend(xtables.libs.iter().map(|library| format!("-l{library}")));
    println!("cargo::rustc-env=TARGET={target}");
    println!("cargo::rustc-env=XTABLES_FLAGS={}", all.join(" "));
    let out = std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");

    bindgen::Builder::default()
        .header_contents("headers.h", HEADERS)
        .clang_args(include_flags)
        .allowlist_function("xtables_register_matches|xtables_compatible_revision")
        .allowlist_type("xtables_match|xt_entry_match")
        .allowlist_var("xt_params|optarg|XTABLES_VERSION|NFPROTO_IPV[46]")
        // Behind pointers that stay null: their size differs between versions of iptables.
        .opaque_type("xt_option_.*|xt_fcheck_.*|xt_xlate.*")
        .use_core()
        .ctypes_prefix("libc")
        .blocklist_type("option")
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

fn flags(option: &str, paths: &[PathBuf]) -> Vec<String> {
    let flag = |path: &PathBuf| format!("{option}{}", path.display());
    paths.iter().map(flag).collect()
}
