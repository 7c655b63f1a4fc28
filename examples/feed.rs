// SPDX-License-Identifier: GPL-2.0-or-later
//! Plays the kernel: a directory of counters whose traffic is made up.
//!
//!     cargo run -p pkttop --example feed -- /tmp/counters web:100us voip:1ms &
//!     pkttop --root /tmp/counters
//!
//! `NAME:PERIOD[:EVERY[:SAMPLES]]`: a burst of 3 ms at 9 Gbit/s each `EVERY` (500ms) on the wall
//! clock, so that feeds burst together as hosts in an incast do; between them a tenth of that, with
//! idle windows, and a rest of 20 ms. `history` is a plain file to which rows are appended. The
//! others are named pipes: `data` gives each row once and its header once per open, and `status`
//! counts up to the moment that it is read.
//!
//! What a pipe cannot do: rows of `data` that a reader leaves behind when it closes are lost, and
//! two programs that read `status` at once disturb each other. What a plain file cannot do: forget.
//! It ends when the first counter has a history of a gigabyte.

use rustix::event::{poll, PollFd, PollFlags, Timespec};
use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::Duration;
use xt_pktstat::row::{Row, BEFORE, HEADER, MERGED, MERGED_MAX, ROW_MAX};
use xt_pktstat::status::{Status, STATUS_MAX};

const BURST_NS: u64 = 3_000_000;
const REST_NS: u64 = 20_000_000;
const FRAME: u64 = 1500;
/// What the kernel promises to write to a pipe whole or not at all.
const PIPE_ATOMIC: usize = 4096;
/// Bytes of history that are enough.
const HISTORY_MAX: u64 = 1 << 30;

/// Serves one of a counter's files for ever.
type Serve = fn(&Path, &Mutex<Feed>) -> Result<(), Box<dyn Error>>;

/// One made-up counter.
struct Feed {
    seed: u64,
    every_ns: u64,
    /// Totals up to the start of the window `next_ns`.
    status: Status,
    next_ns: u64,
    queue: Vec<Queued>,
    /// Rows that `history` does not have yet.
    fresh: Vec<Row>,
}

/// A row that waits for a reader, and how many windows before it are in its counts.
struct Queued {
    row: Row,
    merged: u64,
}

impl Feed {
    /// What a window carries: a function of its time alone.
    fn window(&self, start_ns: u64) -> Row {
        let full = 9_000_000_000 / 8 * self.status.period_ns / 1_000_000_000 / FRAME;
        let phase_ns = start_ns % self.every_ns;
        let noise = mix(start_ns ^ self.seed);
        let frames = match phase_ns {
            0..BURST_NS => full,
            _ if phase_ns < REST_NS => 0,
            _ if noise % 10 < 3 => 0,
            _ => (full / 10).max(1) * ((noise >> 8) % 3),
        };
        Row {
            timestamp_ns: start_ns,
            frames,
            bytes: frames * FRAME,
        }
    }

    /// Closes the windows that have passed.
    fn advance(&mut self, now_ns: u64) {
        while self.next_ns + self.status.period_ns <= now_ns {
            let row = self.window(self.next_ns);
            self.next_ns += self.status.period_ns;
            self.status.frames += row.frames;
            self.status.bytes += row.bytes;
            if row.frames == 0 {
                continue;
            }
            self.fresh.push(row);
            let is_full = self.queue.len() as u64 >= self.status.samples;
            match self.queue.last_mut() {
                Some(last) if is_full => {
                    last.row.timestamp_ns = row.timestamp_ns;
                    last.row.frames += row.frames;
                    last.row.bytes += row.bytes;
                    last.merged += 1;
                    self.status.merged += 1;
                }
                _ => self.queue.push(Queued { row, merged: 0 }),
            }
        }
    }

    /// The status of this moment: the open window counts as far as it has gone.
    fn status(&mut self, now_ns: u64) -> Status {
        self.advance(now_ns);
        let open = self.window(self.next_ns);
        let frames = open.frames * (now_ns - self.next_ns) / self.status.period_ns;
        Status {
            frames: self.status.frames + frames,
            bytes: self.status.bytes + frames * FRAME,
            queued: self.queue.len() as u64,
            ..self.status
        }
    }
}

fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn now_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Appends to `history` what has closed, for ever.
fn serve_history(path: &Path, feed: &Mutex<Feed>) -> Result<(), Box<dyn Error>> {
    let mut file = OpenOptions::new().append(true).open(path)?;
    while path.exists() {
        let rows = {
            let mut feed = feed.lock().map_err(|_| "a thread panicked")?;
            feed.advance(now_ns());
            std::mem::take(&mut feed.fresh)
        };
        let mut text = Vec::with_capacity(rows.len() * ROW_MAX);
        for row in rows {
            let mut line = [0; ROW_MAX];
            let len = row.write(&mut line);
            text.extend_from_slice(&line[..len]);
        }
        file.write_all(&text)?;
        if file.metadata()?.len() > HISTORY_MAX {
            return Err("a gigabyte: that is enough".into());
        }
        sleep(Duration::from_micros(500));
    }
    Ok(())
}

/// Feeds `data` for ever: one pass of the loop is one reader.
fn serve_data(path: &Path, feed: &Mutex<Feed>) -> Result<(), Box<dyn Error>> {
    loop {
        let mut pipe = OpenOptions::new().write(true).open(path)?;
        rustix::fs::fcntl_setfl(&pipe, rustix::fs::OFlags::NONBLOCK)?;
        // An unprivileged user may not be given so much; then it is smaller.
        let _ = rustix::pipe::fcntl_setpipe_size(&pipe, 1 << 20);
        match pipe.write_all(HEADER.as_bytes()) {
            // It has gone again.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => continue,
            written => written?,
        }
        while hand_over(&mut pipe, feed)? {
            sleep(Duration::from_micros(500));
        }
    }
}

/// Writes what the pipe takes; says whether there still is a reader.
fn hand_over(pipe: &mut File, feed: &Mutex<Feed>) -> Result<bool, Box<dyn Error>> {
    let mut feed = feed.lock().map_err(|_| "a thread panicked")?;
    feed.advance(now_ns());
    let mut taken = 0;
    for rows in feed.queue.chunks(PIPE_ATOMIC / (MERGED_MAX + ROW_MAX)) {
        let mut text = Vec::with_capacity(PIPE_ATOMIC);
        for Queued { row, merged } in rows {
            if *merged > 0 {
                writeln!(text, "{MERGED}{merged}")?;
            }
            let mut line = [0; ROW_MAX];
            let len = row.write(&mut line);
            text.extend_from_slice(&line[..len]);
        }
        match pipe.write(&text) {
            Ok(_) => taken += rows.len(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
    feed.queue.drain(..taken);
    // No reader any more: the pipe says so also when there is nothing to write.
    let mut ends = [PollFd::new(pipe, PollFlags::empty())];
    poll(&mut ends, Some(&Timespec::default()))?;
    Ok(!ends[0].revents().contains(PollFlags::ERR))
}

/// Answers each reader of `status`, each through a pipe of its own: two answers would run together.
fn serve_status(path: &Path, feed: &Mutex<Feed>) -> Result<(), Box<dyn Error>> {
    let next = path.with_extension("next");
    loop {
        let mut pipe = OpenOptions::new().write(true).open(path)?;
        make_pipe(&next)?;
        std::fs::rename(&next, path)?;
        let status = feed
            .lock()
            .map_err(|_| "a thread panicked")?
            .status(now_ns());
        let mut text = [0; STATUS_MAX];
        let len = status.write(&mut text);
        match pipe.write_all(&text[..len]) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(error.into()),
            _ => {}
        }
    }
}

fn make_pipe(path: &Path) -> rustix::io::Result<()> {
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        path,
        rustix::fs::Mode::from_raw_mode(0o600),
    )
}

fn time_ns(text: &str) -> Result<u64, Box<dyn Error>> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        other => return Err(format!("{text}: unit `{other}`, not us, ms or s").into()),
    };
    Ok(digits.parse::<u64>()? * unit)
}

fn start(root: &Path, order: &str) -> Result<(), Box<dyn Error>> {
    let mut parts = order.split(':');
    let name = parts.next().unwrap_or_default();
    let period_ns = time_ns(parts.next().ok_or("NAME:PERIOD[:EVERY[:SAMPLES]]")?)?;
    let every_ns = time_ns(parts.next().unwrap_or("500ms"))?;
    let samples = parts.next().map_or(Ok(100_000), str::parse)?;
    let directory = root.join(name);
    std::fs::create_dir_all(&directory)?;
    let status = Status {
        period_ns,
        samples,
        rules: 1,
        memory: samples * 24,
        ..Status::default()
    };
    let seed = name
        .bytes()
        .fold(0, |seed, byte| mix(seed ^ u64::from(byte)));
    let next_ns = now_ns() / period_ns * period_ns;
    let feed = Arc::new(Mutex::new(Feed {
        seed,
        every_ns,
        status,
        next_ns,
        queue: Vec::new(),
        fresh: Vec::new(),
    }));
    let serve: [(&str, Serve); 3] = [
        ("history", serve_history),
        ("data", serve_data),
        ("status", serve_status),
    ];
    for (file, serve) in serve {
        let path: PathBuf = directory.join(file);
        if file == "history" {
            std::fs::write(&path, format!("{HEADER}{BEFORE}0 0\n"))?;
        } else {
            make_pipe(&path)?;
        }
        let feed = feed.clone();
        spawn(move || {
            // Someone took the counter away, as deleting a rule does.
            let is_gone = || !path.exists();
            if let Err(error) =
                serve(&path, &feed).or_else(|error| if is_gone() { Ok(()) } else { Err(error) })
            {
                eprintln!("feed: {}: {error}", path.display());
                std::process::exit(1);
            }
        });
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let root = args
        .next()
        .ok_or("feed ROOT NAME:PERIOD[:EVERY[:SAMPLES]]…")?;
    for order in args {
        start(Path::new(&root), &order)?;
    }
    loop {
        sleep(Duration::from_secs(3600));
    }
}
