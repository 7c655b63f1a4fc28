// SPDX-License-Identifier: GPL-2.0-or-later
//! Generates the kernel-sys bindings of the kernel half from `c_shim/shim.h`.

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The host's library has no kernel below it.
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    bindgen::Builder::default()
        .header("c_shim/shim.h")
        // The machine that builds has the uapi headers that shim.h needs; any 64-bit one agrees.
        .clang_arg("--target=x86_64-linux-gnu")
        .allowlist_item("(pktstat|PKTSTAT)_.*")
        .use_core()
        .layout_tests(true)
        .generate_comments(false)
        .wrap_unsafe_ops(true)
        .parse_callbacks(Box::new(bindgen::CargoCallbacks::new()))
        .generate()
        .expect("c_shim/shim.h becomes bindings (is libclang-dev installed?)")
        .write_to_file(out.join("kernel_sys.rs"))
        .expect("OUT_DIR can be written");
}
