// SPDX-License-Identifier: GPL-2.0-or-later
//! What scripts read: lines, CSV, JSON, exit statuses, and errors that name the way out.

mod common;

use common::{recorded, run, status, text, Counters, PKTTOP};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Ten windows of a millisecond, the third of them idle, the fifth a burst.
fn ten_windows(root: &std::path::Path) -> Command {
    let rows: String = [100, 100, 0, 100, 1_000_000, 100, 100, 100, 100, 100]
        .iter()
        .enumerate()
        .filter(|(_, bytes)| **bytes > 0)
        .map(|(window, bytes)| {
            format!(
                "{} 1 {bytes}\n",
                1_700_000_000_000_000_000 + window as u64 * 1_000_000
            )
        })
        .collect();
    recorded(root, "web", (0, 0), &rows, &status(9, 1_000_800));
    let mut pkttop = Command::new(PKTTOP);
    pkttop.arg("--root").arg(root);
    pkttop
}

#[test]
fn json_is_one_array_of_whole_numbers() {
    let root = tempfile::tempdir().expect("temporary directory");
    let output = run(ten_windows(root.path()).args(["-1", "-j", "web"]), 0);
    let looks: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let look = &looks[0];
    assert_eq!(looks.as_array().expect("array").len(), 1);
    assert_eq!(look["counter"], "web");
    assert_eq!(look["period_ns"], 1_000_000);
    assert_eq!(look["frames"], 9);
    assert_eq!(look["bytes"], 1_000_800);
    assert_eq!(look["peak_bytes"], 1_000_000);
    assert_eq!(look["peak_timestamp_ns"], 1_700_000_000_004_000_000_u64);
    assert_eq!(look["total_bytes"], 1_000_800);
    // From 2023 until now it was idle.
    assert_eq!(
        look["windows"],
        look["idle_windows"].as_u64().expect("number") + 9
    );
}

#[test]
fn a_merged_row_is_no_peak_and_no_burst() {
    let root = tempfile::tempdir().expect("temporary directory");
    let rows = "1700000000000000000 1 100\n# merged 3\n1700000000004000000 40 4000000\n\
                1700000000005000000 1 2000000\n";
    recorded(root.path(), "web", (0, 0), rows, &status(42, 6_000_100));
    let mut pkttop = Command::new(PKTTOP);
    pkttop.arg("--root").arg(root.path());
    let output = run(pkttop.args(["-1", "-j", "--burst", "10G"]), 0);
    let samples: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let sample = &samples[0];
    assert_eq!(sample["frames"], 42);
    assert_eq!(sample["bytes"], 6_000_100);
    assert_eq!(sample["peak_bytes"], 2_000_000);
    assert_eq!(sample["peak_timestamp_ns"], 1_700_000_000_005_000_000_u64);
    assert_eq!(sample["bursts"], 1);
    assert_eq!(sample["longest_burst_ns"], 1_000_000);
    assert_eq!(sample["merged_windows"], 3);
    // Of those that are known, most were idle: from 2023 until now.
    assert_eq!(sample["p50_bytes"], 0);
    // The three of them that did not fit were not idle.
    assert_eq!(
        sample["windows"],
        sample["idle_windows"].as_u64().expect("number") + 6
    );
}

#[test]
fn csv_and_lines_have_a_header_unless_told() {
    let root = tempfile::tempdir().expect("temporary directory");
    let csv = text(&run(ten_windows(root.path()).args(["-1", "--csv"]), 0).stdout);
    assert!(
        csv.starts_with("timestamp_ns,counter,period_ns,windows,frames,bytes,"),
        "{csv}"
    );
    assert_eq!(csv.lines().count(), 2);
    let csv = text(&run(ten_windows(root.path()).args(["-1", "--csv", "-H"]), 0).stdout);
    assert_eq!(csv.lines().count(), 1);
    let plain = text(&run(ten_windows(root.path()).args(["-1", "-u", "bytes"]), 0).stdout);
    let lines: Vec<_> = plain.lines().collect();
    assert!(
        lines[0].starts_with("time     counter") && lines[0].contains(" B/s "),
        "{plain}"
    );
    assert!(
        lines[1].contains(" web ") && lines[1].contains(" 1.00G 22:13:20.004000 "),
        "{plain}"
    );
}

#[test]
fn a_reader_that_hangs_up_ends_it_quietly() {
    let counters = Counters::start(&["web:1ms"]);
    let mut pkttop = counters.pkttop(&["--ndjson", "-d", "10ms"]);
    let mut child = pkttop
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("stdout"))
        .read_line(&mut line)
        .expect("a line");
    let output = child.wait_with_output().expect("end");
    assert!(
        line.starts_with("{\"timestamp_ns\":"),
        "{line}{}",
        text(&output.stderr)
    );
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (Some(0), String::new())
    );
}

#[test]
fn errors_name_the_file_and_the_way_out() {
    let root = tempfile::tempdir().expect("temporary directory");
    let path = root.path().display();
    let error = |command: &mut Command, code| text(&run(command, code).stderr);

    let none = error(Command::new(PKTTOP).args(["-1", "--root", "/nowhere"]), 1);
    assert_eq!(
        none,
        "pkttop: /nowhere: no such directory: the module xt_pktstat is not loaded\n\
         load it: modprobe xt_pktstat (as root; adding a rule with `-m pktstat` loads it too)\n"
    );
    let empty = error(
        Command::new(PKTTOP)
            .arg("-1")
            .arg("--root")
            .arg(root.path()),
        1,
    );
    assert!(
        empty.starts_with(&format!(
            "pkttop: {path}: no counter in this network namespace\nadd one: iptables -m pktstat "
        )),
        "{empty}"
    );
    let other = error(ten_windows(root.path()).args(["-1", "voip"]), 1);
    assert!(
        other.contains("no counter `voip`; there are: web\nadd it: iptables -m pktstat")
            && other.contains("--name voip"),
        "{other}"
    );
    let netns = error(Command::new(PKTTOP).args(["-1", "-N", "nowhere"]), 1);
    assert!(
        netns.starts_with("pkttop: /run/netns/nowhere: cannot enter network namespace `nowhere`: "),
        "{netns}"
    );

    recorded(root.path(), "bad", (0, 0), "1 2 3 4\n", &status(0, 0));
    let garbled = error(ten_windows(root.path()).args(["-1", "bad"]), 1);
    assert!(
        garbled.starts_with(&format!(
            "pkttop: {path}/bad/history: not what xt_pktstat writes: \"1 2 3 4\\n\"\n"
        )),
        "{garbled}"
    );
    error(Command::new(PKTTOP).arg("--nonsense"), 2);
    error(Command::new(PKTTOP).args(["-n", "0"]), 2);
    error(Command::new(PKTTOP).args(["--burst", "fast"]), 2);
    let share = error(ten_windows(root.path()).args(["-1", "--burst", "80%"]), 1);
    assert!(share.contains("--link"), "{share}");
}

#[test]
fn a_file_of_others_names_the_group_to_join() {
    let root = tempfile::tempdir().expect("temporary directory");
    ten_windows(root.path());
    let history = root.path().join("web/history");
    std::fs::set_permissions(
        root.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .expect("chmod");
    std::os::unix::fs::chown(&history, Some(0), Some(4)).expect("chown: run the tests as root");
    std::fs::set_permissions(
        &history,
        std::os::unix::fs::PermissionsExt::from_mode(0o440),
    )
    .expect("chmod");
    let mut pkttop = Command::new("setpriv");
    pkttop
        .args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            PKTTOP,
            "-1",
            "--root",
        ])
        .arg(root.path());
    let denied = text(&run(&mut pkttop, 1).stderr);
    let expected = "web/history: permission denied (mode 0440, uid 0, group adm)\njoin group `adm` (usermod -aG adm $USER), or become root: sudo\n";
    assert!(denied.ends_with(expected), "{denied}");
}

#[test]
fn man_pages_and_completions_come_from_the_options() {
    let directory = tempfile::tempdir().expect("temporary directory");
    run(Command::new(PKTTOP).arg("man").arg(directory.path()), 0);
    let page = std::fs::read_to_string(directory.path().join("pkttop-record.1")).expect("page");
    assert!(
        page.contains("\\-\\-for") && !page.contains("\\-\\-root"),
        "{page}"
    );
    assert!(directory.path().join("pkttop.1").exists());
    let bash = text(&run(Command::new(PKTTOP).args(["completions", "bash"]), 0).stdout);
    assert!(bash.contains("--ndjson"));
}
