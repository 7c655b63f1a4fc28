// SPDX-License-Identifier: GPL-2.0-or-later
//! c_shim/xt_pktstat.h and src/abi.rs are the same rule config, for 64-bit and 32-bit userland.

use std::fmt::Write as _;
use std::io::Write as _;
use std::mem::{align_of, offset_of, size_of};
use std::process::{Command, Stdio};

use xt_pktstat::abi::{self, Info};

fn claims() -> String {
    let mut source = String::from("#include <stddef.h>\n#include \"xt_pktstat.h\"\n");
    let mut claim = |c: &str, rust: u64| {
        writeln!(source, "_Static_assert({c} == {rust}ULL, \"{c}\");").expect("a String grows");
    };
    macro_rules! field {
        ($($name:ident: $type:ty),+) => {$({
            let name = stringify!($name);
            claim(&format!("offsetof(struct xt_pktstat_info, {name})"), offset_of!(Info, $name) as u64);
            claim(&format!("sizeof(((struct xt_pktstat_info *)0)->{name})"), size_of::<$type>() as u64);
            let _: fn(Info) -> $type = |info| info.$name;
        })+};
    }
    field!(period_ns: u64, samples: u32, flags: u32, name: [u8; abi::NAME_SIZE]);
    field!(id: u32, reserved: u32, counter: u64);
    claim("sizeof(struct xt_pktstat_info)", size_of::<Info>() as u64);
    claim(
        "_Alignof(struct xt_pktstat_info)",
        align_of::<Info>() as u64,
    );
    claim("XT_PKTSTAT_REVISION", abi::REVISION.into());
    claim("XT_PKTSTAT_NAME_SIZE", abi::NAME_SIZE as u64);
    claim("XT_PKTSTAT_FLAG_WIRE", abi::FLAG_WIRE.into());
    claim("XT_PKTSTAT_ID_ANY", abi::ID_ANY.into());
    claim("XT_PKTSTAT_ID_MAX", abi::ID_MAX.into());
    claim("XT_PKTSTAT_PERIOD_MIN_NS", abi::PERIOD_MIN_NS);
    claim("XT_PKTSTAT_PERIOD_MAX_NS", abi::PERIOD_MAX_NS);
    claim("XT_PKTSTAT_SAMPLES_MAX", abi::SAMPLES_MAX.into());
    claim(
        "sizeof(XT_PKTSTAT_MATCH_NAME)",
        abi::MATCH_NAME.len() as u64 + 1,
    );
    source
}

fn compiles(source: &str, flags: &[&str]) -> bool {
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let mut compile = Command::new(compiler)
        .args(["-std=gnu11", "-Werror", "-fsyntax-only", "-x", "c", "-I"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/c_shim"))
        .args(flags)
        .arg("-")
        .stdin(Stdio::piped())
        .spawn()
        .expect("a C compiler");
    let mut stdin = compile.stdin.take().expect("piped");
    stdin.write_all(source.as_bytes()).expect("it reads");
    drop(stdin);
    compile.wait().expect("it ends").success()
}

#[test]
fn c_and_rust_agree() {
    assert!(compiles(&claims(), &[]));
}

#[cfg(target_arch = "x86_64")]
#[test]
fn c_and_rust_agree_for_32_bit_userland() {
    // Debian keeps the kernel's headers for both widths under the wider one's name.
    let headers = "-I/usr/include/x86_64-linux-gnu";
    assert!(compiles(&claims(), &["-m32", headers]));
}

#[test]
fn a_difference_is_seen() {
    let wrong = claims().replace("offsetof(struct xt_pktstat_info, id) == 48", "0 == 48");
    assert!(!compiles(&wrong, &[]));
}
