// SPDX-License-Identifier: GPL-2.0-or-later
//! Recordings: nothing is lost, and what reads them finds what was there.

mod common;

use common::{run, text, wait_for, Counters, Running, PKTTOP};
use std::path::Path;
use std::process::{Command, Stdio};

/// Sum of a column of a recording.
fn sum(csv: &str, column: usize) -> u64 {
    let numbers = csv
        .lines()
        .skip(1)
        .map(|line| line.split(',').nth(column).expect("column"));
    numbers
        .map(|number| number.parse::<u64>().expect("number"))
        .sum()
}

#[test]
fn two_counters_of_ten_microseconds_lose_no_row() {
    // Ten seconds fit into a FIFO: what is tested is the recorder, not this machine.
    let counters = Counters::start(&["a:10us:500ms:1000000", "b:10us:500ms:1000000"]);
    let file = counters.path().with_extension("csv");
    let path = file.display().to_string();
    let output = run(
        &mut counters.pkttop(&["record", "--for", "2s", "-o", &path]),
        0,
    );
    let summary = text(&output.stderr);
    let csv = std::fs::read_to_string(&file).expect("recording");
    std::fs::remove_file(&file).expect("remove");
    assert!(csv.starts_with("host,counter,period_ns,timestamp_ns,frames,bytes,merged\n"));
    for (line, name) in summary.lines().zip(["a", "b"]) {
        assert!(
            line.starts_with(&format!("{name}: "))
                && line.contains(" 0 merged: agrees with status"),
            "{summary}"
        );
    }
    // 200000 windows, about half of them with frames.
    let rows = csv.lines().count();
    assert!(rows > 100_000, "{rows}");
    let frames: u64 = summary
        .lines()
        .map(|line| {
            line.split(' ')
                .nth(3)
                .expect("frames")
                .parse::<u64>()
                .expect("number")
        })
        .sum();
    assert_eq!(sum(&csv, 4), frames);
}

#[test]
fn it_survives_a_counter_that_goes_away_and_ends_on_a_signal() {
    let counters = Counters::start(&["keeps:1ms", "goes:1ms"]);
    let directory = tempfile::tempdir().expect("temporary directory");
    let file = directory.path().join("x.jsonl");
    let path = file.display().to_string();
    let mut recorder = counters.pkttop(&["record", "-o", &path]);
    let mut recorder = Running::start(recorder.stderr(Stdio::piped()));
    let rows_of = |name: &str| {
        let recording = std::fs::read_to_string(&file).unwrap_or_default();
        recording
            .lines()
            .filter(|line| line.contains(&format!("\"counter\":\"{name}\"")))
            .count()
    };
    wait_for("rows", || rows_of("goes") > 100);
    counters.remove("goes");
    let before = rows_of("keeps");
    wait_for("more rows of the other", || rows_of("keeps") > before + 500);
    let stderr = recorder.0.stderr.take().expect("stderr");
    assert_eq!(recorder.terminate(), 0);
    let summary = std::io::read_to_string(stderr).expect("summary");
    assert!(
        summary.contains("keeps: ") && summary.contains("; the counter went away\n"),
        "{summary}"
    );
}

#[test]
fn a_second_reader_is_found_out() {
    // From `data`, the kernel takes a row out for whoever reads it: here, totals that count more than the rows.
    let root = tempfile::tempdir().expect("temporary directory");
    common::recorded_without_history(root.path(), "web", "", &common::status(10, 1000));
    let path = root.path().join("x.csv").display().to_string();
    let mut recorder = Command::new(PKTTOP);
    recorder
        .args(["record", "web", "-o", &path, "--root"])
        .arg(root.path());
    let mut recorder = Running::start(recorder.stderr(Stdio::piped()));
    // Each look reads a hundred bytes of status, and it takes two to compare.
    let bytes_read = |recorder: &Running| {
        let io = std::fs::read_to_string(format!("/proc/{}/io", recorder.0.id())).expect("io");
        let count = io.lines().find_map(|line| line.strip_prefix("rchar: "));
        count.expect("rchar").parse::<usize>().expect("number")
    };
    let wait_for_looks = |recorder: &Running| {
        let enough = bytes_read(recorder) + 3 * common::status(10, 1000).len();
        wait_for("three looks", || bytes_read(recorder) >= enough);
    };
    wait_for("the recording", || Path::new(&path).exists());
    wait_for_looks(&recorder);
    std::fs::write(root.path().join("web/status"), common::status(17, 1700)).expect("status");
    wait_for_looks(&recorder);
    let stderr = recorder.0.stderr.take().expect("stderr");
    assert_eq!(recorder.terminate(), 1);
    let summary = std::io::read_to_string(stderr).expect("summary");
    assert!(
        summary
            .contains("DISAGREES with status: 7 frames, 700 bytes were counted and did not come"),
        "{summary}"
    );
}

#[test]
fn report_finds_the_bursts_that_were_fed() {
    let counters = Counters::start(&["web:1ms:500ms"]);
    let directory = tempfile::tempdir().expect("temporary directory");
    // As it is built unless somebody asks for less.
    let suffix = if cfg!(feature = "parquet") {
        "parquet"
    } else {
        "csv"
    };
    let file = directory.path().join("x").with_extension(suffix);
    let file = file.display().to_string();
    run(
        &mut counters.pkttop(&["record", "-q", "--for", "3200ms", "-o", &file]),
        0,
    );
    let output = run(
        Command::new(PKTTOP).args(["report", "-j", "--link", "10G", &file]),
        0,
    );
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let report = &report[0];
    let number = |key: &str| report[key].as_u64().expect("number");
    let (first_ns, last_ns) = (number("first_timestamp_ns"), number("last_timestamp_ns"));
    // Each half second of the wall clock begins with three windows of a burst.
    let begun_until = |window_ns: u64| window_ns / 500_000_000 + 1;
    let bursts = begun_until(last_ns) - begun_until(first_ns.saturating_sub(3_000_000));
    assert!(bursts >= 6, "{report}");
    assert_eq!(number("bursts"), bursts, "{report}");
    assert_eq!(report["longest_burst_ns"], 3_000_000);
    assert_eq!(report["burst_gap_ns_percentiles"]["p50"], 497_000_000);
    assert_eq!(report["peak_bits_per_second"], 9e9);
    assert_eq!(report["windows_over_link"], 0);
    let text = text(
        &run(
            Command::new(PKTTOP).args(["report", "--link", "10G", "--list", "1", &file]),
            0,
        )
        .stdout,
    );
    assert!(
        text.contains("from 5.00Gbit/s on (50% of 10.0Gbit/s)"),
        "{text}"
    );

    let svg = directory.path().join("x.svg");
    run(
        Command::new(PKTTOP).args(["plot", &file, "-o"]).arg(&svg),
        0,
    );
    let svg = std::fs::read_to_string(svg).expect("picture");
    assert!(svg.starts_with("<svg ") && svg.contains("worst burst, at") && svg.contains("#D62F27"));
    let png = directory.path().join("x.png");
    run(
        Command::new(PKTTOP).args(["plot", &file, "-o"]).arg(&png),
        0,
    );
    assert!(std::fs::read(png).expect("picture").starts_with(b"\x89PNG"));
}

#[test]
fn a_merged_row_is_told_apart_in_reports_and_pictures() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let file = directory.path().join("x.csv");
    // Two windows that are known, and four that carried 40 kB together.
    let recording = "host,counter,period_ns,timestamp_ns,frames,bytes,merged\n\
                     a,web,1000000,1700000000000000000,1,2000,0\n\
                     a,web,1000000,1700000000001000000,1,1000,0\n\
                     a,web,1000000,1700000000005000000,40,40000,3\n";
    std::fs::write(&file, recording).expect("write");
    let report = |args: &[&str]| {
        let mut pkttop = Command::new(PKTTOP);
        let pkttop = pkttop.args(["report", "--percentiles", "0,100"]).args(args);
        text(&run(pkttop.arg(&file), 0).stdout)
    };
    let json: serde_json::Value = serde_json::from_str(&report(&["-j"])).expect("JSON");
    for (key, expected) in [
        ("windows", 6),
        ("bytes", 43_000),
        ("peak_bytes", 2000),
        ("burst_threshold_bits_per_second", 8_000_000),
        ("bursts", 1),
        ("burst_bytes", 3000),
        ("merged_windows", 3),
    ] {
        assert_eq!(
            json[0][key].as_f64(),
            Some(f64::from(expected)),
            "{key}: {json}"
        );
    }
    let percentiles = &json[0]["window_bytes_percentiles"];
    assert_eq!(
        (&percentiles["p0"], &percentiles["p100"]),
        (&1000.into(), &2000.into())
    );
    assert!(report(&[]).contains("  note      3 windows came in the row of another"));
    let svg = directory.path().join("x.svg");
    run(
        Command::new(PKTTOP)
            .arg("plot")
            .arg(&file)
            .arg("-o")
            .arg(&svg),
        0,
    );
    let svg = std::fs::read_to_string(svg).expect("picture");
    assert!(svg.contains("mean of merged windows in grey") && svg.contains("#AAAAAA"));
}

#[test]
fn check_tells_contract_and_machine() {
    let counters = Counters::start(&["web:1ms", "voip:100us"]);
    let output = text(&counters.pkttop(&["check"]).output().expect("check").stdout);
    for name in ["web", "voip"] {
        let line = output
            .lines()
            .find(|line| line.split_whitespace().nth(1) == Some(name))
            .expect("a line");
        assert!(
            line.starts_with("ok ") && line.contains("agrees with status"),
            "{output}"
        );
    }
    for topic in ["kernel", "module", "nft_compat", "extension", "iptables"] {
        assert!(
            output
                .lines()
                .any(|line| line.split_whitespace().nth(1) == Some(topic)),
            "{output}"
        );
    }
    // Quiet says nothing, and its status is that of the machine.
    let quiet = counters
        .pkttop(&["check", "-q", "--no-read"])
        .output()
        .expect("check");
    assert_eq!(
        (text(&quiet.stdout), text(&quiet.stderr)),
        (String::new(), String::new())
    );
    assert_eq!(
        quiet.status.success(),
        !output.lines().any(|line| line.starts_with("BAD"))
    );
}
