// SPDX-License-Identifier: GPL-2.0-or-later
//! The extension as iptables meets it: loaded by libxtables, without a kernel. `drive.c` is the
//! part of iptables. PKTSTAT_EXTENSION names a built one to test, else it is built here.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Where `libxt_pktstat.so` and the driver are. Made once.
fn stage() -> &'static Path {
    static STAGE: OnceLock<PathBuf> = OnceLock::new();
    STAGE.get_or_init(|| {
        let stage = Path::new(env!("CARGO_TARGET_TMPDIR")).join("through_libxtables");
        std::fs::create_dir_all(&stage).expect("a directory");
        let built = std::env::var_os("PKTSTAT_EXTENSION").map_or_else(build, PathBuf::from);
        std::fs::copy(built, stage.join("libxt_pktstat.so")).expect("the extension");
        compile_driver(&stage.join("drive"));
        stage
    })
}

fn compile_driver(output: &Path) {
    let compiler = cc::Build::new()
        .target(env!("TARGET"))
        .host(env!("TARGET"))
        .opt_level(0)
        .std("gnu11")
        .warnings(true)
        .extra_warnings(false)
        .warnings_into_errors(true)
        .cargo_metadata(false)
        .get_compiler();
    run(compiler
        .to_command()
        .arg("-o")
        .arg(output)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/drive.c"))
        .args(env!("XTABLES_FLAGS").split_whitespace()));
}

/// Builds the extension: cargo does not do that for a test, which cannot link with it.
fn build() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--package", "xt_ext", "--target-dir"]);
    run(cargo.arg(&target));
    target.join("debug/libxt_pktstat_ext.so")
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn drive(family: &str, backend: &str, rules: &[&str]) -> Output {
    drive_with("1", family, backend, rules)
}

/// With a kernel that has `newest` and the revisions before it, where `backend` asks for one.
fn drive_with(newest: &str, family: &str, backend: &str, rules: &[&str]) -> Output {
    let rules = rules.join(" , ");
    // Two spaces stand around an empty argument.
    let rules = rules.split(' ').map(|word| word.replace('~', " "));
    Command::new(stage().join("drive"))
        .args([family, backend])
        .args(rules)
        .env("XTABLES_LIBDIR", stage())
        .env("NEWEST_REVISION", newest)
        .output()
        .expect("it starts")
}

/// What is printed: one line for each match, then for nft one for each of two at commit.
fn printed(family: &str, backend: &str, rules: &[&str]) -> Vec<String> {
    let output = drive(family, backend, rules);
    assert!(output.status.success(), "{rules:?}: {output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(str::to_owned).collect()
}

fn saved(family: &str, backend: &str, rule: &str) -> String {
    let lines = printed(family, backend, &[rule]);
    let line = lines.first().expect("one match");
    line.split(" | ").next().expect("the saved part").to_owned()
}

/// Bytes that are compared, line by line.
fn compared(backend: &str, rules: &[&str]) -> Vec<usize> {
    let lines = printed("4", backend, rules);
    let last = |line: &String| line.rsplit(' ').next().and_then(|size| size.parse().ok());
    lines
        .iter()
        .map(|line| last(line).expect("a number"))
        .collect()
}

#[test]
fn what_is_saved_is_canonical_and_stays_as_it_is() {
    for (given, canonical) in [
        ("--period 100 --samples 20", ""),
        ("--period 100ms --samples 20", "--period 100 --samples 20"),
        ("--samples 20 --period 0.1s", "--period 100 --samples 20"),
        ("--period=100 --samples=20", "--period 100 --samples 20"),
        ("--period 0.25 --samples 1", "--period 250us --samples 1"),
        (
            "--period 3600s --samples 1048576",
            "--period 3600000 --samples 1048576",
        ),
        ("--period 1us --samples 1", ""),
        ("--period 1.5us --samples 1", "--period 1500ns --samples 1"),
        ("--period 1 --samples 1 --name web-1.a_B", ""),
        (
            "--name web --wire --samples 1 --period 1",
            "--period 1 --samples 1 --name web --wire",
        ),
        ("--period 1 --samples 1 --id 0", ""),
        ("--period 1 --samples 1 --id 65535 --wire", ""),
        ("--period 1 --samples 1 --name a --wire --above 5gbit", ""),
        (
            "--above 0.5mpps --samples 1 --period 1",
            "--period 1 --samples 1 --above 500kpps",
        ),
    ] {
        let canonical = if canonical.is_empty() {
            given
        } else {
            canonical
        };
        for (family, backend) in [("4", "legacy"), ("6", "legacy"), ("4", "nft"), ("6", "nft")] {
            let once = saved(family, backend, &format!("-m pktstat {given}"));
            assert_eq!(once, format!(" {canonical}"));
            let twice = saved(family, backend, &format!("-m pktstat{once}"));
            assert_eq!(twice, once);
        }
    }
}

#[test]
fn what_is_listed_is_for_people() {
    for (given, listed) in [
        (
            "--period 100 --samples 20",
            "pktstat period 100ms samples 20",
        ),
        (
            "--period 250us --samples 20 --id 7",
            "pktstat id 7 period 250us samples 20",
        ),
        (
            "--period 1s --samples 2 --name web --wire",
            "pktstat name web period 1000ms samples 2 wire",
        ),
    ] {
        let lines = printed("4", "legacy", &[&format!("-m pktstat {given}")]);
        let line = lines.first().expect("one match");
        assert_eq!(line.split(" | ").nth(1), Some(listed));
    }
}

#[test]
fn what_is_wrong_is_refused_in_one_line_with_status_2() {
    let period = "pktstat: --period takes a number with ns, us, ms or s (ms if left out), \
                  1us to 3600s and a whole number of ns";
    let samples = "pktstat: --samples takes a number from 1 to 1048576";
    let name = "pktstat: --name takes 1 to 31 of A-Z a-z 0-9 _ . - beginning with a letter";
    let id = "pktstat: --id takes a number from 0 to 65535";
    let alone = "pktstat: --id takes a counter without --name";
    let wire = "pktstat: --wire takes no value";
    let above = "pktstat: --above takes a number with bit, kbit, mbit, gbit or tbit \
                 (of IP packets, a second), or with pps, kpps or mpps";
    let of_period = "pktstat: --above takes one byte or frame a period at least, and 2^62 at most";
    let long = "x".repeat(41);
    for (given, line) in [
        ("", format!("{period}; it is missing")),
        ("--samples 20", format!("{period}; it is missing")),
        ("--period 100", format!("{samples}; it is missing")),
        ("--wire --name web", format!("{period}; it is missing")),
        ("--period 5x --samples 1", format!("{period}, not \"5x\"")),
        ("--period= --samples 1", format!("{period}, not \"\"")),
        (
            "--period %s%n --samples 1",
            format!("{period}, not \"%s%n\""),
        ),
        (
            "--period 1~ms --samples 1",
            format!("{period}, not \"1 ms\""),
        ),
        ("--period 1\n2 --samples 1", period.to_owned()),
        (&format!("--period {long}"), period.to_owned()),
        ("--period 0 --samples 1", format!("{period}, not \"0\"")),
        (
            "--period 3600.1s --samples 1",
            format!("{period}, not \"3600.1s\""),
        ),
        (
            "--period 1 --period 1",
            format!("{period}; it is given twice"),
        ),
        (
            "! --period 1 --samples 1",
            format!("{period}; \"!\" is not for it"),
        ),
        ("--period -1 --samples 1", format!("{period}, not \"-1\"")),
        ("--samples 0", format!("{samples}, not \"0\"")),
        ("--samples 1048577", format!("{samples}, not \"1048577\"")),
        (
            "--samples 1 --samples 2",
            format!("{samples}; it is given twice"),
        ),
        ("! --samples 1", format!("{samples}; \"!\" is not for it")),
        ("--name 1a", format!("{name}, not \"1a\"")),
        ("--name ..", format!("{name}, not \"..\"")),
        ("--name a --name a", format!("{name}; it is given twice")),
        ("! --name a", format!("{name}; \"!\" is not for it")),
        ("--id 65536", format!("{id}, not \"65536\"")),
        ("--id -1", format!("{id}, not \"-1\"")),
        ("--id 1 --id 1", format!("{id}; it is given twice")),
        ("! --id 1", format!("{id}; \"!\" is not for it")),
        ("--name a --id 1", alone.to_owned()),
        ("--id 1 --name a", alone.to_owned()),
        ("--wire --wire", format!("{wire}; it is given twice")),
        ("! --wire", format!("{wire}; \"!\" is not for it")),
        ("--above 5", format!("{above}, not \"5\"")),
        (
            "--above 1pps --above 1pps",
            format!("{above}; it is given twice"),
        ),
        ("--period 1us --above 1pps", of_period.to_owned()),
        ("--above 1pps --period 1us", of_period.to_owned()),
    ] {
        let output = drive("4", "nft", &[format!("-m pktstat {given}").trim_end()]);
        assert_eq!(output.status.code(), Some(2), "{given}: {output:?}");
        assert_eq!(
            String::from_utf8_lossy(&output.stderr),
            line + "\n",
            "{given}"
        );
        assert!(output.stdout.is_empty(), "{given}");
    }
}

const ANY: &str = "-m pktstat --period 1 --samples 1";
const FIVE: &str = "-m pktstat --period 1 --samples 1 --id 5";
const FIVE_FIRST: &str = "-m pktstat --id 5 --period 1 --samples 1";

#[test]
fn legacy_compares_the_number_of_just_the_rules_that_give_it() {
    assert_eq!(compared("legacy", &[ANY]), [56]);
    assert_eq!(compared("legacy", &[FIVE]), [60]);
    assert_eq!(
        compared("legacy", &[ANY, FIVE, ANY, FIVE_FIRST, ANY]),
        [56, 60, 56, 60, 56]
    );
    for (first, second, sizes) in [
        (ANY, FIVE, [56, 60]),
        (FIVE, ANY, [60, 56]),
        (FIVE, FIVE_FIRST, [60, 60]),
    ] {
        let both = format!("{first} {second}");
        assert_eq!(compared("legacy", &[&both]), sizes);
        let with_neighbours = compared("legacy", &[FIVE, &both, ANY]);
        assert_eq!(with_neighbours, [60, sizes[0], sizes[1], 56]);
    }
}

#[test]
fn with_a_kernel_of_revision_0_all_but_above_works() {
    let old = |rule| drive_with("0", "4", "legacy", &[rule]);
    for (rule, size) in [(ANY, "48"), (FIVE, "52")] {
        let text = String::from_utf8(old(rule).stdout).expect("text");
        let line = text.lines().next().expect("one match");
        assert!(rule.ends_with(line.split(" | ").next().expect("the saved part")));
        assert_eq!(line.rsplit(' ').next(), Some(size));
    }
    let refused = old("-m pktstat --period 1 --samples 1 --above 5gbit");
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(
        String::from_utf8_lossy(&refused.stderr),
        "pktstat: --above takes a newer xt_pktstat module than the one that is loaded\n"
    );
}

#[test]
fn nft_compares_the_number_from_the_first_that_gives_it_on() {
    // The last two are what it compares with at commit.
    assert_eq!(compared("nft", &[ANY]), [56, 56, 56]);
    assert_eq!(compared("nft", &[ANY, ANY]), [56, 56, 56, 56]);
    assert_eq!(compared("nft", &[FIVE])[1..], [60, 60]);
    assert_eq!(compared("nft", &[FIVE_FIRST, ANY])[2..], [60, 60]);
    assert_eq!(compared("nft", &[ANY, FIVE])[2..], [60, 60]);
    assert_eq!(compared("nft", &[&format!("{ANY} {FIVE}")])[2..], [60, 60]);
}

#[test]
fn other_families_are_not_offered_it() {
    let output = drive("arp", "nft", &[ANY]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Couldn't load match"));
}
