// SPDX-License-Identifier: GPL-2.0-or-later
//! What programs that read `history` get, side by side, and what those do that have none.

mod common;

use common::{append, recorded, recorded_without_history, run, status, text, wait_for, Running};
use common::{Counters, PKTTOP};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// 100 frames before its first row, and two rows of 1 and 2.
const ROWS: &str = "1700000000000000000 1 10\n1700000000001000000 2 20\n";

fn pkttop(root: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(PKTTOP);
    command.env("PKTTOP_ROOT", root).args(args);
    command
}

/// The recording beside the counters.
fn file_of(root: &Path, name: &str) -> String {
    root.with_extension(name).display().to_string()
}

/// The columns `frames`, `bytes` and `merged` of each row of a recording.
fn counts(path: &str) -> Vec<String> {
    let csv = std::fs::read_to_string(path).expect("recording");
    csv.lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<_> = line.split(',').collect();
            fields[4..].join(" ")
        })
        .collect()
}

#[test]
fn as_many_as_like_read_it_at_once_and_agree_exactly() {
    let root = tempfile::tempdir().expect("temporary directory");
    let root = root.path();
    recorded(root, "web", (100, 1000), ROWS, &status(103, 1030));
    let history = std::fs::read(root.join("web/history")).expect("history");
    let start = |command: &mut Command| -> Child {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("start")
    };
    let files: Vec<_> = (0..6)
        .map(|number| file_of(root, &format!("{number}.csv")))
        .collect();
    let recorders = files
        .iter()
        .map(|file| start(&mut pkttop(root, &["record", "--for", "1s", "-o", file])));
    let checks = (0..4).map(|_| start(&mut pkttop(root, &["check", "--for", "1s"])));
    let running: Vec<_> = recorders.chain(checks).collect();
    for child in running {
        let output = child.wait_with_output().expect("end");
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(said.contains("agrees with status exactly"), "{said}");
    }
    for file in files {
        std::fs::remove_file(file).expect("a recording");
    }
    assert_eq!(
        std::fs::read(root.join("web/history")).expect("it"),
        history
    );
}

#[test]
fn one_frame_that_did_not_come_is_missed() {
    let root = tempfile::tempdir().expect("temporary directory");
    let root = root.path();
    recorded(root, "web", (99, 1000), ROWS, &status(103, 1030));
    let checked = text(&pkttop(root, &["check"]).output().expect("check").stdout);
    assert!(
        checked
            .contains("DISAGREES with status: 1 frames, 0 bytes were counted and did not come\n"),
        "{checked}"
    );
}

#[test]
fn a_recording_begins_now_and_says_what_was_merged() {
    let root = tempfile::tempdir().expect("temporary directory");
    let root = root.path();
    let counter = recorded(root, "web", (100, 1000), ROWS, &status(103, 1030));
    let path = file_of(root, "csv");
    let mut recorder = pkttop(root, &["record", "-o", &path]);
    let mut recorder = Running::start(recorder.stderr(Stdio::piped()));
    // Its first row says from when on the counter was watched.
    wait_for("the recording", || {
        Path::new(&path).exists() && counts(&path) == ["0 0 0"]
    });
    let later =
        "# merged 3\n1800000000000000000 4 40\n# clock set back\n1750000000000000000 3 30\n";
    append(&counter.join("history"), later);
    std::fs::write(counter.join("status"), status(110, 1100)).expect("status");
    wait_for("the rows", || counts(&path).len() == 3);
    let stderr = recorder.0.stderr.take().expect("stderr");
    assert_eq!(recorder.terminate(), 0);
    let summary = std::io::read_to_string(stderr).expect("summary");
    assert!(
        summary.starts_with("web: 2 rows, 7 frames, 70 bytes, 3 merged: agrees with status"),
        "{summary}"
    );
    let recorded = counts(&path);
    std::fs::remove_file(&path).expect("remove");
    // Its last row says until when.
    assert_eq!(recorded, ["0 0 0", "4 40 3", "3 30 0", "0 0 0"]);
}

#[test]
fn save_writes_what_the_kernel_still_has_and_ends() {
    let root = tempfile::tempdir().expect("temporary directory");
    let root = root.path();
    recorded(root, "web", (100, 1000), ROWS, &status(103, 1030));
    recorded(root, "voip", (0, 0), "", &status(0, 0));
    for _ in 0..2 {
        let path = file_of(root, "saved.csv");
        let said = text(&run(&mut pkttop(root, &["save", "web", "-o", &path]), 0).stderr);
        assert_eq!(
            said,
            "web: 2 rows, 3 frames, 30 bytes, 0 merged: 22:13:20.000000 to 22:13:20.002000 UTC\n"
        );
        assert_eq!(counts(&path), ["1 10 0", "2 20 0", "0 0 0"]);
        let kept = text(&run(&mut pkttop(root, &["save", "web", "-o", &path]), 1).stderr);
        assert!(kept.contains("exists already"), "{kept}");
        std::fs::remove_file(&path).expect("remove");
    }
    let path = file_of(root, "saved.jsonl");
    let said = text(&run(&mut pkttop(root, &["save", "-o", &path]), 0).stderr);
    assert!(
        said.starts_with(
            "voip: 0 rows, 0 frames, 0 bytes, 0 merged: not one window with a frame\n"
        ),
        "{said}"
    );
    run(&mut pkttop(root, &["save", "-q", "-f", "-o", &path]), 0);
    let report = text(&run(&mut pkttop(root, &["report", "-j", &path]), 0).stdout);
    std::fs::remove_file(&path).expect("remove");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(
        (&report[1]["counter"], &report[1]["frames"]),
        (&"web".into(), &3.into())
    );

    let refused = text(&run(&mut pkttop(root, &["save", "web"]), 2).stderr);
    assert!(refused.contains("--output"), "{refused}");
    let refused = text(&run(&mut pkttop(root, &["save", "web", "-o", "x.txt"]), 1).stderr);
    assert!(
        refused.contains("name the recording .csv, .jsonl or .parquet"),
        "{refused}"
    );
    let refused = text(&run(&mut pkttop(root, &["save", "sip", "-o", "x.csv"]), 1).stderr);
    assert!(
        refused.contains("no counter `sip`; there are: voip web"),
        "{refused}"
    );
    assert!(!Path::new("x.csv").exists());
}

#[test]
fn without_history_rows_are_taken_from_data_and_one_line_says_so() {
    let root = tempfile::tempdir().expect("temporary directory");
    let root = root.path();
    recorded_without_history(root, "voip", ROWS, &status(3, 30));
    recorded_without_history(root, "web", ROWS, &status(3, 30));
    let note = format!(
        "pkttop: {}/voip/history: no such file: this xt_pktstat is older; rows are taken out of `data`\n",
        root.display()
    );
    let path = file_of(root, "csv");
    for command in [
        ["-1", "-j"].as_slice(),
        &["record", "--for", "300ms", "-f", "-o", &path],
        &["save", "-f", "-o", &path],
    ] {
        let said = text(&run(&mut pkttop(root, command), 0).stderr);
        assert!(said.starts_with(&note), "{command:?}: {said}");
        assert_eq!(said.matches("history").count(), 1, "{said}");
        let asked = [command, &["--consume"]].concat();
        let said = text(&run(&mut pkttop(root, &asked), 0).stderr);
        assert!(!said.contains("history"), "{asked:?}: {said}");
    }
    // What waited there is in the recording.
    assert_eq!(counts(&path)[..2], ["1 10 0", "2 20 0"]);
    std::fs::remove_file(&path).expect("remove");
    let checked = text(&pkttop(root, &["check"]).output().expect("check").stdout);
    assert!(checked.contains("voip/history: no such file"), "{checked}");
}

#[test]
fn consuming_takes_the_rows_out_of_data() {
    let counters = Counters::start(&["web:1ms"]);
    let file = counters.path().with_extension("csv");
    let path = file.display().to_string();
    // When the windows with a frame began that this command records.
    let windows = |command: &[&str]| -> Vec<u64> {
        let args = [command, &["-q", "-f", "-o", &path]].concat();
        // Whether rows and totals agree is not asked: a pipe that is fed by a busy machine is late.
        let ended = counters.pkttop(&args).status().expect("start");
        assert!(ended.code().is_some(), "{args:?}");
        let csv = std::fs::read_to_string(&file).expect("recording");
        let fields = csv.lines().skip(1).map(|line| line.split(','));
        let number = |field: &str| field.parse::<u64>().expect("number");
        let rows =
            fields.map(|mut row| (number(row.nth(3).expect("time")), row.next() != Some("0")));
        rows.filter(|(_, is_busy)| *is_busy)
            .map(|(at, _)| at)
            .collect()
    };
    let mut history = Vec::new();
    wait_for("windows", || {
        history = windows(&["save"]);
        history.len() > 10
    });
    // All that waits goes to the first that consumes, and to nobody after that.
    let first = windows(&["record", "--consume", "--for", "300ms"]);
    assert_eq!(first[..history.len()], history);
    let second = windows(&["record", "--consume", "--for", "300ms"]);
    assert!(
        second.iter().all(|at| Some(at) > first.last()),
        "{second:?}"
    );
    assert_eq!(windows(&["save"])[..history.len()], history);
    std::fs::remove_file(&file).expect("remove");
}
