// SPDX-License-Identifier: GPL-2.0-or-later
//! What the tests of the binary share: counters that are made up, and ways to run it.

// Each test file is a program of its own and uses what it needs.
#![allow(dead_code, reason = "not every test uses everything")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

const HEADER: &str = "# timestamp frames bytes\n";

/// The binary.
pub const PKTTOP: &str = env!("CARGO_BIN_EXE_pkttop");

/// A process that ends with the test.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Starts it.
    pub fn start(command: &mut Command) -> Running {
        Running(
            command
                .spawn()
                .unwrap_or_else(|error| panic!("{command:?}: {error}")),
        )
    }

    /// Sends SIGTERM, and waits for its end.
    pub fn terminate(mut self) -> i32 {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("kill");
        self.0
            .wait()
            .expect("wait")
            .code()
            .expect("it ended by itself")
    }
}

/// A directory of counters that examples/feed.rs plays.
pub struct Counters {
    root: tempfile::TempDir,
    feed: Running,
}

impl Counters {
    /// Starts these: `NAME:PERIOD[:EVERY[:SAMPLES]]`.
    pub fn start(orders: &[&str]) -> Counters {
        let root = tempfile::tempdir().expect("temporary directory");
        let feed = Path::new(PKTTOP).with_file_name("examples").join("feed");
        let feed = Running::start(Command::new(feed).arg(root.path()).args(orders));
        let counters = Counters { root, feed };
        for order in orders {
            let name = order.split(':').next().expect("a name");
            wait_for("the feed", || {
                counters.path().join(name).join("status").exists()
            });
        }
        counters
    }

    /// Where they are.
    pub fn path(&self) -> &Path {
        self.root.path()
    }

    /// `pkttop` with these arguments, which finds the counters here.
    pub fn pkttop(&self, args: &[&str]) -> Command {
        let mut command = Command::new(PKTTOP);
        command.env("PKTTOP_ROOT", self.path()).args(args);
        command
    }

    /// Makes a counter go away.
    pub fn remove(&self, name: &str) {
        std::fs::remove_dir_all(self.path().join(name)).expect("remove");
    }
}

/// A counter of plain files, what a kernel once said: totals before its rows, and these.
pub fn recorded(
    root: &Path,
    name: &str,
    (frames, bytes): (u64, u64),
    rows: &str,
    status: &str,
) -> PathBuf {
    let directory = root.join(name);
    let history = format!("{HEADER}# before {frames} {bytes}\n{rows}");
    std::fs::create_dir_all(&directory).expect("directory");
    std::fs::write(directory.join("history"), history).expect("history");
    std::fs::write(directory.join("status"), status).expect("status");
    directory
}

/// The same of a module that had no `history`.
pub fn recorded_without_history(root: &Path, name: &str, rows: &str, status: &str) -> PathBuf {
    let directory = recorded(root, name, (0, 0), "", status);
    std::fs::remove_file(directory.join("history")).expect("history");
    std::fs::write(directory.join("data"), format!("{HEADER}{rows}")).expect("data");
    directory
}

/// Appends to a file of such a counter.
pub fn append(file: &Path, text: &str) {
    let file = std::fs::OpenOptions::new().append(true).open(file);
    std::io::Write::write_all(&mut file.expect("open"), text.as_bytes()).expect("append");
}

/// A status of windows of a millisecond.
pub fn status(frames: u64, bytes: u64) -> String {
    format!(
        "period_ns: 1000000\nsamples: 1000\nwire: 0\nrules: 1\nframes: {frames}\nbytes: {bytes}\n\
         queued: 0\nmerged: 0\nmemory: 24000\n"
    )
}

/// Runs it to its end, and wants this exit status.
pub fn run(command: &mut Command, code: i32) -> Output {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{command:?}: {stderr}");
    output
}

/// What it wrote.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// How long a condition may take: a second here can be a minute where every CPU is busy.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until the condition holds.
pub fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(
            Instant::now() < end,
            "waited {PATIENCE:?} in vain for {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
