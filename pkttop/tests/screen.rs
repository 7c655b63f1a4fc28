// SPDX-License-Identifier: GPL-2.0-or-later
//! The live view as a person has it: in tmux, keys typed, the screen read.

mod common;

use common::{run, text, wait_for, Counters, PKTTOP};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A terminal of its own.
struct Terminal {
    socket: String,
}

impl Terminal {
    fn start(counters: &Counters) -> Terminal {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let socket = format!("pkttop-test-{}-{number}", std::process::id());
        let terminal = Terminal { socket };
        let root = counters.path().display();
        let shell = format!("PS1='done> ' PKTTOP_ROOT={root} bash --norc");
        // It is here: apt install tmux.
        terminal.tmux(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "120",
            "-y",
            "30",
            &shell,
        ]);
        terminal.wait("the shell", |screen| screen.contains("done>"));
        terminal
    }

    fn tmux(&self, args: &[&str]) -> String {
        text(
            &run(
                Command::new("tmux").args(["-L", &self.socket]).args(args),
                0,
            )
            .stdout,
        )
    }

    fn keys(&self, keys: &[&str]) {
        self.tmux(&[["send-keys"].as_slice(), keys].concat());
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    fn wait(&self, what: &str, mut is_so: impl FnMut(&str) -> bool) -> String {
        let mut screen = String::new();
        wait_for(what, || {
            screen = self.screen();
            is_so(&screen)
        });
        screen
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The test is over; its result stands.
        let _ = Command::new("tmux")
            .args(["-L", &self.socket, "kill-server"])
            .output();
    }
}

fn line(screen: &str, at: usize) -> &str {
    screen.lines().nth(at).unwrap_or("")
}

#[test]
fn a_person_at_the_keys() {
    let counters = Counters::start(&["calm:1ms:5s", "wild:1ms:200ms"]);
    let terminal = Terminal::start(&counters);
    terminal.keys(&["clear; ", PKTTOP, " -d 200ms --link 10G", "Enter"]);

    // All of it: a screen can be read while it is being drawn.
    terminal.wait("two counters", |screen| {
        line(screen, 0).contains("2 counters, bit/s, by name")
            && line(screen, 0).contains("50% of 10.0Gbit/s")
            && line(screen, 2).starts_with("calm ")
            && line(screen, 3).starts_with("wild ")
            && line(screen, 4).starts_with(" calm: ")
            && screen.contains('█')
    });

    terminal.keys(&["Down"]);
    terminal.wait("the other counter's worst burst", |screen| {
        screen.contains(" wild: peak 9.00Gbit/s at ")
    });
    terminal.keys(&["u"]);
    terminal.wait("bytes", |screen| line(screen, 0).contains(", B/s, "));
    terminal.keys(&["s", "s", "s"]);
    // Until the second burst of `wild` the two may have as many, and calm comes first by name.
    // The selection moves with its counter.
    terminal.wait("sorted by bursts", |screen| {
        line(screen, 0).contains("by bursts")
            && line(screen, 2).starts_with("wild ")
            && screen.contains(" wild: peak 1.12GB/s")
    });

    terminal.keys(&["h"]);
    terminal.wait("help", |screen| {
        screen.contains("back to the shell until fg")
    });
    terminal.keys(&["h", "Space"]);
    let mut last = String::new();
    let paused = terminal.wait("the pause", |screen| {
        // Drawn to its end.
        let is_whole = std::mem::replace(&mut last, screen.to_owned()) == screen;
        is_whole && screen.contains("PAUSED") && !screen.contains("back to")
    });
    std::thread::sleep(std::time::Duration::from_millis(700));
    assert_eq!(terminal.screen(), paused, "nothing moves");
    terminal.keys(&["Space"]);
    terminal.wait("movement", |screen| {
        !screen.contains("PAUSED") && line(screen, 2) != line(&paused, 2)
    });

    terminal.tmux(&["resize-window", "-x", "60", "-y", "9"]);
    terminal.wait("a small terminal", |screen| {
        line(screen, 1).starts_with("counter") && !screen.contains("p99.9")
    });
    terminal.tmux(&["resize-window", "-x", "120", "-y", "30"]);
    terminal.wait("a large one again", |screen| screen.contains("p99.9"));
    terminal.keys(&["C-z"]);
    terminal.wait("the shell, suspended", |screen| {
        screen.contains("Stopped") && screen.contains("done>")
    });
    terminal.keys(&["fg", "Enter"]);
    terminal.wait("it again", |screen| line(screen, 0).contains("2 counters"));
    terminal.keys(&["q"]);
    terminal.wait("the shell", |screen| screen.trim_end().ends_with("done>"));
    // The shell's screen is back, and echo is on.
    terminal.keys(&["stty -a | grep -c ' echo '", "Enter"]);
    let screen = terminal.wait("the shell", |screen| {
        screen.trim_end().ends_with("1\ndone>")
    });
    assert!(!screen.contains("2 counters"), "{screen}");
}

#[test]
fn a_signal_gives_the_terminal_back() {
    for signal in ["TERM", "HUP", "INT"] {
        let counters = Counters::start(&["web:1ms"]);
        let terminal = Terminal::start(&counters);
        let pid_file = counters.path().with_extension("pid");
        let start = format!("clear; sh -c 'echo $$ > {}; exec {PKTTOP}'; echo status=$?; stty -a | grep -c ' echo '", pid_file.display());
        terminal.keys(&[&start, "Enter"]);
        terminal.wait("the view", |screen| screen.contains("1 counter,"));
        let pid = std::fs::read_to_string(&pid_file).expect("pid");
        std::fs::remove_file(&pid_file).expect("remove");
        run(
            Command::new("kill").args([&format!("-{signal}"), pid.trim()]),
            0,
        );
        terminal.wait("the shell", |screen| {
            screen.trim_end().ends_with("status=0\n1\ndone>")
        });
    }
}
