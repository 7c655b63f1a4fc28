// SPDX-License-Identifier: GPL-2.0-or-later
//! Every rule that a document tells people to type is accepted on a server: its options are what
//! the match takes, and its memory is what `max_memory` allows, as loaded, on 256 CPUs. And what
//! that memory is.

use std::fs;
use std::num::NonZeroU64;
use std::path::Path;
use xt_pktstat::rule::{parse_name, parse_period, parse_samples};
use xt_pktstat::stat::collector;
use xt_pktstat::stat::drain::Cursor;
use xt_pktstat::stat::fifo::Slot;
use xt_pktstat::stat::ring::Closed;

const CPUS: u64 = 256;
const MAX_MEMORY: u64 = 64 << 20;
/// Bytes that a CPU, and the counter, takes beside its windows, rounded up.
const BESIDE: u64 = 2048;

/// Bytes of a counter on so many CPUs.
fn memory(period_ns: NonZeroU64, samples: u32, cpus: u64) -> u64 {
    collector::memory(period_ns, samples, cpus) + BESIDE + cpus * BESIDE
}

#[test]
fn a_hundred_thousand_windows_take_less_than_8_mib_on_any_machine() {
    let period_ns = NonZeroU64::new(100_000).expect("not zero");
    for cpus in [2, 48, 256] {
        assert!(memory(period_ns, 100_000, cpus) < 8 << 20, "{cpus} CPUs");
    }
}

#[test]
fn a_cpu_holds_20_ms_of_windows_and_64_at_least_and_no_more_than_samples() {
    for (period_ns, samples, windows) in [
        (1_000, 100_000, 20_000),
        (100_000, 100_000, 200),
        (30_000, 100_000, 667),
        (1_000_000, 100_000, 64),
        (1_000, 300, 300),
        (1_000_000, 20, 20),
    ] {
        let period_ns = NonZeroU64::new(period_ns).expect("not zero");
        assert_eq!(collector::fifo_windows(period_ns, samples), windows);
        assert_eq!(collector::unread_windows(samples), samples as usize + 1);
        // One of a FIFO's slots is always free.
        let rings = (2 * u64::from(samples) + 1) * size_of::<Closed>() as u64;
        let cpu = (u64::from(windows) + 1) * size_of::<Slot>() as u64 + size_of::<Cursor>() as u64;
        for cpus in [1, 256] {
            assert_eq!(
                collector::memory(period_ns, samples, cpus),
                rings + cpus * cpu
            );
        }
    }
}

/// What people read, below the top of the tree. Directories are read whole.
const DOCUMENTS: [&str; 6] = [
    "README.md",
    "Documentation",
    "examples",
    "iptables",
    "pkttop/README.md",
    "pkttop/src/cli.rs",
];

fn read_all(path: &Path, texts: &mut Vec<(String, String)>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a directory") {
            read_all(&entry.expect("an entry").path(), texts);
        }
    } else if let Ok(text) = fs::read_to_string(path) {
        texts.push((path.display().to_string(), text));
    }
}

/// The words of every rule in a text. A rule ends with its line; a backslash continues one.
fn rules(text: &str) -> Vec<Vec<&str>> {
    let lines = text.lines().map(|line| line.split_whitespace().collect());
    let is_rule = |words: &Vec<&str>| {
        words
            .windows(3)
            .filter(|words| words[..2] == ["-m", "pktstat"])
            .any(|words| words[2].starts_with("--") && !words[2].starts_with("--help"))
    };
    lines.filter(is_rule).collect()
}

fn value<'a>(rule: &[&'a str], option: &str) -> Option<&'a [u8]> {
    let at = rule.iter().position(|word| *word == option)?;
    rule.get(at + 1).map(|value| value.as_bytes())
}

#[test]
fn every_rule_that_a_document_shows_is_accepted_on_256_cpus() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = Vec::new();
    for document in DOCUMENTS {
        read_all(&top.join(document), &mut texts);
    }
    let mut seen = 0;
    for (path, text) in texts.iter().filter(|(path, _)| !path.ends_with(".t")) {
        // Where roff writes a hyphen or a backslash, people type one.
        let text = text.replace("\\-", "-").replace("\\e\n", " ");
        for rule in rules(&text.replace("\\\n", " ")) {
            let shown = format!("{path}: {}", rule.join(" "));
            let period = value(&rule, "--period").unwrap_or_else(|| panic!("{shown}"));
            let period = parse_period(period).unwrap_or_else(|_| panic!("{shown}"));
            let samples = value(&rule, "--samples").unwrap_or_else(|| panic!("{shown}"));
            let samples = parse_samples(samples).unwrap_or_else(|_| panic!("{shown}"));
            let memory = memory(period, samples.get(), CPUS);
            assert!(memory <= MAX_MEMORY, "{memory} bytes: {shown}");
            // A script's name is a variable.
            if let Some(name) = value(&rule, "--name").filter(|name| !name.starts_with(b"\"$")) {
                assert!(parse_name(name).is_ok(), "{shown}");
            }
            seen += 1;
        }
    }
    // As many as there are; not none because a document has moved.
    assert!(seen >= 12, "only {seen} rules");
}
