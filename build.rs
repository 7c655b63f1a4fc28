// SPDX-License-Identifier: GPL-2.0-or-later
//! Holds what Rust and C both say to one truth, and generates the kernel-sys bindings of the kernel
//! half from `c_shim/shim.h`.

use std::env;
use std::ffi::CStr;
use std::fs;
use std::mem::{align_of, offset_of, size_of};
use std::path::{Path, PathBuf};

#[path = "src/abi.rs"]
mod abi;
#[expect(dead_code, reason = "only the names are compared")]
#[path = "src/update_stats/field.rs"]
mod field;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    check_layouts(&out);
    // The host's library has no kernel below it.
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        bind_shim(&out);
    }
}

/// Compiles what Rust makes of structs of C as assertions in C, for userland of 64 and of 32 bit.
fn check_layouts(out: &Path) {
    for file in [
        "src/abi.rs",
        "src/update_stats/field.rs",
        "c_shim/xt_pktstat.h",
    ] {
        println!("cargo::rerun-if-changed={file}");
    }
    let file = out.join("layouts.c");
    let source = format!(
        "#include <stddef.h>\n#include <linux/if_link.h>\n#include \"xt_pktstat.h\"\n{}{}",
        rule_config(),
        statistics()
    );
    fs::write(&file, source).expect("OUT_DIR can be written");
    // The machine that builds has the headers; the layout is the same on each.
    let host = env::var("HOST").expect("cargo sets HOST");
    let mut targets = vec![host.as_str()];
    if host.starts_with("x86_64") {
        targets.push("i686-unknown-linux-gnu");
    }
    for target in targets {
        cc::Build::new()
            // Else CROSS_COMPILE, which the kernel's build takes, would name the compiler.
            .compiler("cc")
            .target(target)
            .inherit_rustflags(false)
            .file(&file)
            .include("c_shim")
            // Debian keeps the kernel's headers for both widths under the wider one's name.
            .flag("-idirafter/usr/include/x86_64-linux-gnu")
            .flag("-fsyntax-only")
            .try_compile_intermediates()
            .expect("C and Rust agree");
    }
}

fn equal(c: &str, rust: u64) -> String {
    format!("_Static_assert({c} == {rust}ULL, \"{c} is {rust} in Rust\");\n")
}

/// `src/abi.rs` is `c_shim/xt_pktstat.h`.
fn rule_config() -> String {
    use abi::{Info, Info0};
    let mut source = String::new();
    let mut assert = |c: &str, rust: u64| source.push_str(&equal(c, rust));
    macro_rules! fields {
        ($info:ident, $struct:literal, $($name:ident: $type:ty),+ $(,)?) => {
            $(
                assert(concat!("offsetof(struct ", $struct, ", ", stringify!($name), ")"),
                    offset_of!($info, $name) as u64);
                assert(concat!("sizeof(((struct ", $struct, " *)0)->", stringify!($name), ")"),
                    size_of::<$type>() as u64);
            )+
            // All there are, and of these types.
            let _ = |$info { $($name),+ }| { $(let _: $type = $name;)+ };
            assert(concat!("sizeof(struct ", $struct, ")"), size_of::<$info>() as u64);
            assert(concat!("_Alignof(struct ", $struct, ")"), align_of::<$info>() as u64);
        };
    }
    fields! {
        Info0, "xt_pktstat_info0",
        period_ns: u64,
        samples: u32,
        flags: u32,
        name: [u8; abi::NAME_SIZE],
        id: u32,
        reserved: u32,
        counter: u64,
    }
    fields! {
        Info, "xt_pktstat_info1",
        period_ns: u64,
        samples: u32,
        flags: u32,
        name: [u8; abi::NAME_SIZE],
        above: u64,
        id: u32,
        reserved: u32,
        counter: u64,
    }
    assert(
        "sizeof(XT_PKTSTAT_MATCH_NAME)",
        abi::MATCH_NAME.len() as u64 + 1,
    );
    assert("XT_PKTSTAT_REVISION", abi::REVISION.into());
    assert("XT_PKTSTAT_NAME_SIZE", abi::NAME_SIZE as u64);
    assert("XT_PKTSTAT_FLAG_WIRE", abi::FLAG_WIRE.into());
    assert("XT_PKTSTAT_FLAG_ABOVE_BITS", abi::FLAG_ABOVE_BITS.into());
    assert(
        "XT_PKTSTAT_FLAG_ABOVE_PACKETS",
        abi::FLAG_ABOVE_PACKETS.into(),
    );
    assert("XT_PKTSTAT_ID_ANY", abi::ID_ANY.into());
    assert("XT_PKTSTAT_ID_MAX", abi::ID_MAX.into());
    assert("XT_PKTSTAT_PERIOD_MIN_NS", abi::PERIOD_MIN_NS);
    assert("XT_PKTSTAT_PERIOD_MAX_NS", abi::PERIOD_MAX_NS);
    assert("XT_PKTSTAT_SAMPLES_MAX", abi::SAMPLES_MAX.into());
    source
}

/// `src/update_stats/field.rs` has the order of `struct rtnl_link_stats64`.
fn statistics() -> String {
    let names = field::NAMES.iter().zip(0..);
    let field = |(name, index): (&&CStr, u64)| {
        let name = name.to_str().expect("a name in ASCII");
        equal(
            &format!("offsetof(struct rtnl_link_stats64, {name})"),
            8 * index,
        )
    };
    names.map(field).collect()
}

fn bind_shim(out: &Path) {
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
