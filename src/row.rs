// SPDX-License-Identifier: GPL-2.0-or-later
//! A row of `data`: one window, as the kernel half writes it and the tools read it.
//!
//! `no_std`, no allocation, and nothing in it can panic.

use crate::decimal::{number, FirstDigits, Writer};

/// The first line of `data`, once per open.
pub const HEADER: &str = "# timestamp frames bytes\n";
/// Comes before a row that is dated by another clock than the one before it: the clock was set back
/// in between.
pub const CLOCK_SET_BACK: &str = "# clock set back\n";
/// Longest row: three 64-bit numbers of 20 digits, two spaces and a newline.
pub const ROW_MAX: usize = 3 * 20 + 3;

/// Begins the line that says how many windows' counts the next row carries besides its own: they
/// did not fit.
pub const MERGED: &str = "# merged ";
/// Begins the line that says the counter's totals, frames and bytes, before the next row.
pub const BEFORE: &str = "# before ";
/// Longest line that says how many windows were merged.
pub const MERGED_MAX: usize = MERGED.len() + 20 + 1;
/// Longest line that says the totals.
pub const BEFORE_MAX: usize = BEFORE.len() + 2 * 20 + 2;

/// A line of `data` or `history` after the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// A window.
    Row(Row),
    /// [`CLOCK_SET_BACK`].
    ClockSetBack,
    /// See [`MERGED`].
    Merged(u64),
    /// See [`BEFORE`].
    Before {
        /// Frames.
        frames: u64,
        /// Bytes.
        bytes: u64,
    },
}

impl Line {
    /// Reads one line, with its newline, strictly.
    pub fn parse(line: &[u8]) -> Option<Line> {
        if line == CLOCK_SET_BACK.as_bytes() {
            return Some(Line::ClockSetBack);
        }
        let of = |begin: &str| line.strip_prefix(begin.as_bytes())?.strip_suffix(b"\n");
        if let Some(merged) = of(MERGED) {
            return number(merged).map(Line::Merged);
        }
        if let Some(totals) = of(BEFORE) {
            let space = totals.iter().position(|&byte| byte == b' ')?;
            let (frames, bytes) = totals.split_at_checked(space)?;
            return Some(Line::Before {
                frames: number(frames)?,
                bytes: number(bytes.strip_prefix(b" ")?)?,
            });
        }
        Row::parse(line).map(Line::Row)
    }
}

/// Appends the line that says how many windows were merged into the next row.
#[inline(never)]
pub fn append_merged(writer: &mut Writer<'_>, merged: u64) {
    writer.bytes(MERGED.as_bytes());
    writer.number(merged);
    writer.byte(b'\n');
}

/// Appends the line that says the counter's totals before the next row.
pub fn append_before(writer: &mut Writer<'_>, frames: u64, bytes: u64) {
    writer.bytes(BEFORE.as_bytes());
    writer.number(frames);
    writer.byte(b' ');
    writer.number(bytes);
    writer.byte(b'\n');
}

/// What one window counted, on all CPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Start of the window, ns since the Unix epoch; a multiple of the period.
    pub timestamp_ns: u64,
    /// Frames counted in the window.
    pub frames: u64,
    /// Bytes counted in the window.
    pub bytes: u64,
}

impl Row {
    /// Reads one row, strictly: three decimal numbers of 64 bits, one space between, a newline.
    ///
    /// The newline is part of the row: a piece of one, cut anywhere, is `None` and not a smaller
    /// number.
    pub fn parse(line: &[u8]) -> Option<Row> {
        let mut fields = line.strip_suffix(b"\n")?.split(|&byte| byte == b' ');
        let row = Row {
            timestamp_ns: number(fields.next()?)?,
            frames: number(fields.next()?)?,
            bytes: number(fields.next()?)?,
        };
        fields.next().is_none().then_some(row)
    }

    /// Writes the row with its newline to the start of `out` and returns its length.
    pub fn write(&self, out: &mut [u8; ROW_MAX]) -> usize {
        let mut writer = Writer::new(out);
        self.append(&mut writer, &mut FirstDigits::default());
        writer.written()
    }

    /// Appends the row with its newline. `first`: of the timestamp of the row before, if there is
    /// one.
    pub fn append(&self, writer: &mut Writer<'_>, first: &mut FirstDigits) {
        writer.number_after(self.timestamp_ns, first);
        writer.byte(b' ');
        writer.number(self.frames);
        writer.byte(b' ');
        writer.number(self.bytes);
        writer.byte(b'\n');
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::{format, vec::Vec};

    fn written(row: Row) -> Vec<u8> {
        let mut out = [b'#'; ROW_MAX];
        let len = row.write(&mut out);
        out[..len].to_vec()
    }

    #[test]
    fn the_row_of_the_interface() {
        let row = Row {
            timestamp_ns: 1313702809400000000,
            frames: 1235,
            bytes: 485932,
        };
        assert_eq!(written(row), b"1313702809400000000 1235 485932\n");
    }

    #[test]
    fn the_longest_row_fits_exactly() {
        let row = Row {
            timestamp_ns: u64::MAX,
            frames: u64::MAX,
            bytes: u64::MAX,
        };
        assert_eq!(written(row).len(), ROW_MAX);
        assert_eq!(Row::parse(&written(row)), Some(row));
    }

    #[test]
    fn the_header_is_no_row() {
        assert_eq!(Row::parse(HEADER.as_bytes()), None);
    }

    #[test]
    fn anything_but_a_row_is_refused() {
        for line in [
            "",
            "\n",
            "1 2 3",
            "1 2\n",
            "1 2 3 4\n",
            "1 2 3 \n",
            " 1 2 3\n",
            "1  2 3\n",
            "1\t2 3\n",
            "+1 2 3\n",
            "-1 2 3\n",
            "01 2 3\n",
            "1 2 3\n\n",
            "1 2 3\r\n",
            "1 2 3\n4 5 6\n",
            "a b c\n",
            "18446744073709551616 2 3\n",
            "1 2 99999999999999999999\n",
            "1 : 3\n",
            "1 / 3\n",
        ] {
            assert_eq!(Row::parse(line.as_bytes()), None, "{line:?}");
        }
    }

    #[test]
    fn the_lines_of_the_interface() {
        let line = |text: &str| Line::parse(text.as_bytes());
        assert_eq!(line("# merged 7\n"), Some(Line::Merged(7)));
        let (frames, bytes) = (918273, 73829102);
        let before = Some(Line::Before { frames, bytes });
        assert_eq!(line("# before 918273 73829102\n"), before);
        let row = Row {
            timestamp_ns: 1,
            frames: 2,
            bytes: 3,
        };
        assert_eq!(Line::parse(b"1 2 3\n"), Some(Line::Row(row)));
        assert_eq!(Line::parse(b"# clock set back\n"), Some(Line::ClockSetBack));
        for line in [
            "# clock set back",
            "# clock set\n",
            "# merged 7",
            "# merged \n",
            "# merged 7 8\n",
            "# merged -1\n",
            "# before 1\n",
            "# before 1 \n",
            "# before 1 2 3\n",
            "# before 1 2",
            "#\n",
            "",
            HEADER,
            "# clock set back\n1 2 3\n",
        ] {
            assert_eq!(Line::parse(line.as_bytes()), None, "{line:?}");
        }
    }

    #[test]
    fn the_longest_lines_fit_exactly() {
        let mut out = [0; MERGED_MAX];
        let mut writer = Writer::new(&mut out);
        append_merged(&mut writer, u64::MAX);
        assert_eq!(writer.written(), MERGED_MAX);
        assert_eq!(Line::parse(&out), Some(Line::Merged(u64::MAX)));

        let mut out = [0; BEFORE_MAX];
        let mut writer = Writer::new(&mut out);
        append_before(&mut writer, u64::MAX, u64::MAX);
        assert_eq!(writer.written(), BEFORE_MAX);
        let before = Line::Before {
            frames: u64::MAX,
            bytes: u64::MAX,
        };
        assert_eq!(Line::parse(&out), Some(before));
    }

    proptest! {
        #[test]
        fn every_row_comes_back(timestamp_ns: u64, frames: u64, bytes: u64) {
            let row = Row { timestamp_ns, frames, bytes };
            let text = written(row);
            let expected = format!("{timestamp_ns} {frames} {bytes}\n");
            prop_assert_eq!(&text, expected.as_bytes());
            prop_assert_eq!(Row::parse(&text), Some(row));
        }

        #[test]
        fn a_row_cut_anywhere_is_refused(timestamp_ns: u64, frames: u64, bytes: u64, cut in 0..ROW_MAX) {
            let text = written(Row { timestamp_ns, frames, bytes });
            prop_assume!(cut < text.len());
            prop_assert_eq!(Row::parse(&text[..cut]), None);
        }

        #[test]
        fn what_parses_is_what_is_written(line in "[0-9]{1,21} [0-9]{1,3} ?[0-9]{0,2}\n?") {
            if let Some(row) = Row::parse(line.as_bytes()) {
                prop_assert_eq!(written(row), line.as_bytes());
            }
        }
    }
}
