// SPDX-License-Identifier: GPL-2.0-or-later
//! A counter's rows, from a file that is open: `history`, which any number of programs read, or
//! `data`, a FIFO that each read empties.
//!
//! Opened once and read to its end of file again and again, so that the header comes once. Pieces
//! of a row wait for the rest of it.

use crate::error::UserError;
use crate::proc::{explain, Counter, RowFile};
use crate::window::{Totals, Window};
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

/// `history` or `data`, open.
#[derive(Debug)]
pub struct Reader {
    file: File,
    path: PathBuf,
    inode: u64,
    /// Which of them it is.
    pub kind: RowFile,
    /// The totals before the first row, which `history` says after its header.
    pub before: Option<Totals>,
    pending: Vec<u8>,
    chunk: Vec<u8>,
    header_read: bool,
    /// What the comment lines since the last row say of the next.
    next: Window,
}

impl Reader {
    /// Opens one of a counter's files.
    pub fn open(counter: &Counter, kind: RowFile) -> Result<Reader> {
        let path = counter.rows(kind);
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
            .open(&path)
            .map_err(|error| explain(&path, error))?;
        let inode = file
            .metadata()
            .map_err(|error| explain(&path, error))?
            .ino();
        Ok(Reader {
            file,
            path,
            inode,
            kind,
            before: None,
            pending: Vec::new(),
            chunk: vec![0; READ_SIZE],
            header_read: false,
            next: Window::default(),
        })
    }

    /// Is the file in its place another one, of another counter of the same name?
    pub fn is_replaced(&self) -> bool {
        let in_place = std::fs::metadata(&self.path);
        in_place.map(|metadata| metadata.ino()).ok() != Some(self.inode)
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
        let mut pending = std::mem::take(&mut self.pending);
        let whole = pending
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        for line in pending[..whole].split_inclusive(|&byte| byte == b'\n') {
            if self.take_line(line, rows).is_none() {
                let (file, line) = (self.path.clone(), String::from_utf8_lossy(line).into());
                return Err(UserError::Garbled { file, line }.into());
            }
        }
        pending.drain(..whole);
        self.pending = pending;
        Ok(())
    }

    /// Takes a line; `None` where it is not what stands there.
    fn take_line(&mut self, line: &[u8], rows: &mut Vec<Window>) -> Option<()> {
        if !self.header_read {
            self.header_read = line == HEADER.as_bytes();
            return self.header_read.then_some(());
        }
        let line = Line::parse(line)?;
        if self.kind == RowFile::History && self.before.is_none() {
            let Line::Before { frames, bytes } = line else {
                return None;
            };
            self.before = Some(Totals { frames, bytes });
            return Some(());
        }
        match line {
            Line::Before { .. } => return None,
            Line::ClockSetBack => self.next.is_after_clock_set_back = true,
            Line::Merged(windows) => self.next.merged = windows,
            Line::Row(row) => {
                let next = std::mem::take(&mut self.next);
                rows.push(Window {
                    merged: next.merged,
                    is_after_clock_set_back: next.is_after_clock_set_back,
                    ..row.into()
                });
            }
        }
        Some(())
    }
}

impl AsFd for Reader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::CounterDir;
    use crate::window::row;
    use std::fs;
    use std::io::Write;

    /// A counter of plain files, one of which says this.
    fn counter(kind: RowFile, text: &str) -> (tempfile::TempDir, Counter) {
        let root = tempfile::tempdir().expect("temporary directory");
        fs::create_dir(root.path().join("web")).expect("directory");
        let counter = CounterDir::open(root.path(), None)
            .and_then(|directory| directory.all())
            .expect("counter")
            .remove(0);
        fs::write(counter.rows(kind), text).expect("rows");
        (root, counter)
    }

    fn append(counter: &Counter, kind: RowFile, text: &str) {
        let mut options = OpenOptions::new();
        let mut file = options.append(true).open(counter.rows(kind)).expect("open");
        file.write_all(text.as_bytes()).expect("append");
    }

    #[test]
    fn rows_are_read_across_pieces_and_the_header_once() {
        let (_root, counter) = counter(RowFile::Data, "# timestamp frames bytes\n100 1 60\n20");
        let mut reader = Reader::open(&counter, RowFile::Data).expect("open");
        let mut rows = Vec::new();
        assert_eq!(reader.drain(&mut rows).expect("drain"), Drained::Dry);
        assert_eq!(rows, [row(100, 1, 60)]);
        append(&counter, RowFile::Data, "0 2 120\n");
        reader.drain(&mut rows).expect("drain");
        assert_eq!(rows[1..], [row(200, 2, 120)]);
        assert_eq!(reader.before, None);
    }

    #[test]
    fn history_says_the_totals_before_its_first_row() {
        let text = "# timestamp frames bytes\n# before 918273 73829102\n100 1 60\n";
        let (_root, counter) = counter(RowFile::History, text);
        let mut reader = Reader::open(&counter, RowFile::History).expect("open");
        let mut rows = Vec::new();
        reader.drain(&mut rows).expect("drain");
        let (frames, bytes) = (918_273, 73_829_102);
        assert_eq!(reader.before, Some(Totals { frames, bytes }));
        assert_eq!(rows, [row(100, 1, 60)]);
    }

    #[test]
    fn comments_belong_to_the_row_after_them() {
        for (kind, before) in [(RowFile::Data, ""), (RowFile::History, "# before 0 0\n")] {
            let text = format!(
                "# timestamp frames bytes\n{before}100 1 60\n# clock set back\n# merged 7\n\
                 50 2 120\n60 1 60\n# merged 3\n"
            );
            let (_root, counter) = counter(kind, &text);
            let mut reader = Reader::open(&counter, kind).expect("open");
            let mut rows = Vec::new();
            reader.drain(&mut rows).expect("drain");
            append(&counter, kind, "70 4 240\n");
            reader.drain(&mut rows).expect("drain");
            let comments: Vec<_> = rows
                .iter()
                .map(|row| (row.timestamp_ns, row.merged, row.is_after_clock_set_back))
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
    }

    #[test]
    fn what_is_no_row_names_file_and_line() {
        const HEAD: &str = "# timestamp frames bytes\n";
        let (data, history) = (RowFile::Data, RowFile::History);
        for (kind, text) in [
            (data, "100 1 60\n".to_owned()),
            (data, format!("{HEAD}100 1\n")),
            (data, format!("{HEAD}{HEAD}")),
            (data, format!("# clock set back\n{HEAD}")),
            (data, format!("{HEAD}# merged \n")),
            (data, format!("{HEAD}# merged -1\n")),
            (data, format!("{HEAD}# something else\n")),
            (data, format!("{HEAD}# before 1 2\n")),
            (history, format!("# before 1 2\n{HEAD}")),
            (history, format!("{HEAD}100 1 60\n")),
            (history, format!("{HEAD}# merged 3\n# before 1 2\n")),
            (history, format!("{HEAD}# before 1 2\n# before 1 2\n")),
            (history, format!("{HEAD}# before 1\n")),
        ] {
            let (_root, counter) = counter(kind, &text);
            let error = Reader::open(&counter, kind)
                .expect("open")
                .drain(&mut Vec::new())
                .expect_err("garbled");
            let file = counter.rows(kind).display().to_string();
            let expected = format!("{file}: not what xt_pktstat writes");
            assert!(error.to_string().starts_with(&expected), "{text}: {error}");
        }
    }
}
