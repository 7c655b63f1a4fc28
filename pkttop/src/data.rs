// SPDX-License-Identifier: GPL-2.0-or-later
//! The file `data`, open: a FIFO that each read empties.
//!
//! Opened once and read to its end of file again and again, so that the header comes once. Pieces
//! of a row wait for the rest of it.

use crate::error::UserError;
use crate::proc::{explain, Counter};
use crate::window::Window;
use anyhow::Result;
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use xt_pktstat::row::{Line, HEADER};

/// Rows handed over at most at a time, so that one busy counter does not starve the others.
const ROWS_AT_A_TIME: usize = 1 << 16;
const READ_SIZE: usize = 1 << 16;
/// How a line begins that says how many more windows are in the next row.
const MERGED: &[u8] = b"# merged ";

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// At end of file: what has closed has been read.
    Dry,
    /// There may be more.
    More,
    /// The counter is no more.
    Gone,
}

/// `data`, open.
#[derive(Debug)]
pub struct Data {
    file: File,
    path: PathBuf,
    inode: u64,
    pending: Vec<u8>,
    chunk: Vec<u8>,
    header_read: bool,
    /// What the comment lines since the last row say of the next.
    next: Window,
}

impl Data {
    /// Opens a counter's FIFO.
    pub fn open(counter: &Counter) -> Result<Data> {
        let path = counter.data();
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
            .open(&path)
            .map_err(|error| explain(&path, error))?;
        let inode = file
            .metadata()
            .map_err(|error| explain(&path, error))?
            .ino();
        Ok(Data {
            file,
            path,
            inode,
            pending: Vec::new(),
            chunk: vec![0; READ_SIZE],
            header_read: false,
            next: Window::default(),
        })
    }

    /// The inode that was opened.
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// Appends to `rows` what can be read now.
    pub fn drain(&mut self, rows: &mut Vec<Window>) -> Result<Drained> {
        let most = rows.len() + ROWS_AT_A_TIME;
        while rows.len() < most {
            match self.file.read(&mut self.chunk) {
                Ok(0) => return Ok(Drained::Dry),
                Ok(len) => {
                    self.pending.extend_from_slice(&self.chunk[..len]);
                    self.take_rows(rows)?;
                }
                Err(error) => match Errno::from_io_error(&error) {
                    Some(Errno::AGAIN) => return Ok(Drained::Dry),
                    Some(Errno::INTR) => {}
                    Some(Errno::IO | Errno::NODEV | Errno::NOENT) => return Ok(Drained::Gone),
                    _ => return Err(explain(&self.path, error)),
                },
            }
        }
        Ok(Drained::More)
    }

    fn take_rows(&mut self, rows: &mut Vec<Window>) -> Result<()> {
        let whole = self
            .pending
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        for line in self.pending[..whole].split_inclusive(|&byte| byte == b'\n') {
            if !self.header_read && line == HEADER.as_bytes() {
                self.header_read = true;
                continue;
            }
            let garbled = || UserError::Garbled {
                file: self.path.clone(),
                line: String::from_utf8_lossy(line).into_owned(),
            };
            match Line::parse(line).filter(|_| self.header_read) {
                Some(Line::Row(row)) => {
                    let next = std::mem::take(&mut self.next);
                    rows.push(Window {
                        merged: next.merged,
                        is_after_clock_set_back: next.is_after_clock_set_back,
                        ..row.into()
                    });
                }
                Some(Line::ClockSetBack) => self.next.is_after_clock_set_back = true,
                None => {
                    let merged = merged(line).filter(|_| self.header_read);
                    self.next.merged = merged.ok_or_else(garbled)?;
                }
            }
        }
        self.pending.drain(..whole);
        Ok(())
    }
}

/// The number in a line [`MERGED`].
fn merged(line: &[u8]) -> Option<u64> {
    let digits = line.strip_prefix(MERGED)?.strip_suffix(b"\n")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

impl AsFd for Data {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::CounterDir;
    use std::fs;
    use std::io::Write;

    /// A counter whose `data` is a plain file that grows.
    fn counter(text: &str) -> (tempfile::TempDir, Counter) {
        let root = tempfile::tempdir().expect("temporary directory");
        fs::create_dir(root.path().join("web")).expect("directory");
        fs::write(root.path().join("web/data"), text).expect("data");
        let counter = CounterDir::open(root.path(), None)
            .and_then(|directory| directory.all())
            .expect("counter")
            .remove(0);
        (root, counter)
    }

    #[test]
    fn rows_are_read_across_pieces_and_the_header_once() {
        let (_root, counter) = counter("# timestamp frames bytes\n100 1 60\n20");
        let mut data = Data::open(&counter).expect("open");
        let mut rows = Vec::new();
        assert_eq!(data.drain(&mut rows).expect("drain"), Drained::Dry);
        assert_eq!(
            rows,
            [Window {
                timestamp_ns: 100,
                frames: 1,
                bytes: 60,
                ..Window::default()
            }]
        );
        let mut file = OpenOptions::new()
            .append(true)
            .open(counter.data())
            .expect("append");
        file.write_all(b"0 2 120\n").expect("write");
        data.drain(&mut rows).expect("drain");
        assert_eq!(
            rows[1..],
            [Window {
                timestamp_ns: 200,
                frames: 2,
                bytes: 120,
                ..Window::default()
            }]
        );
    }

    #[test]
    fn comments_belong_to_the_row_after_them() {
        let (_root, counter) = counter(
            "# timestamp frames bytes\n100 1 60\n# merged 7\n# clock set back\n50 2 120\n60 1 60\n# merged 3\n",
        );
        let mut data = Data::open(&counter).expect("open");
        let mut windows = Vec::new();
        data.drain(&mut windows).expect("drain");
        let mut file = OpenOptions::new()
            .append(true)
            .open(counter.data())
            .expect("append");
        file.write_all(b"70 4 240\n").expect("write");
        data.drain(&mut windows).expect("drain");
        let comments: Vec<_> = windows
            .iter()
            .map(|window| {
                (
                    window.timestamp_ns,
                    window.merged,
                    window.is_after_clock_set_back,
                )
            })
            .collect();
        assert_eq!(
            comments,
            [
                (100, 0, false),
                (50, 7, true),
                (60, 0, false),
                (70, 3, false)
            ]
        );
    }

    #[test]
    fn what_is_no_row_names_file_and_line() {
        for text in [
            "100 1 60\n",
            "# timestamp frames bytes\n100 1\n",
            "# timestamp frames bytes\n# timestamp frames bytes\n",
            "# clock set back\n# timestamp frames bytes\n",
            "# timestamp frames bytes\n# merged \n",
            "# timestamp frames bytes\n# merged -1\n",
            "# timestamp frames bytes\n# something else\n",
        ] {
            let (_root, counter) = counter(text);
            let error = Data::open(&counter)
                .expect("open")
                .drain(&mut Vec::new())
                .expect_err("garbled");
            assert!(
                error
                    .to_string()
                    .contains("web/data: not what xt_pktstat writes"),
                "{error}"
            );
        }
    }
}
