// SPDX-License-Identifier: GPL-2.0-or-later
//! What an open file takes of its counter.

use std::num::NonZeroU64;
use xt_pktstat::row::HEADER;
use xt_pktstat::stat::delivery::{Delivery, LINES_MAX, ROWS, TEXT};
use xt_pktstat::stat::ring::{Position, Taken};
use xt_pktstat::stat::window::Window;

const PERIOD_NS: NonZeroU64 = NonZeroU64::new(1_000).expect("not zero");

type Open = Delivery<Vec<u8>, Vec<Taken>>;

fn open() -> Open {
    let mut file = Delivery::new(vec![0; TEXT], vec![Taken::default(); ROWS], None);
    let read = file.read(PERIOD_NS, HEADER.len(), |_, _, _| 0, |_, bytes| bytes.len());
    assert_eq!(read, Some(HEADER.len()));
    file
}

#[test]
fn it_takes_as_many_rows_as_are_sure_to_fit() {
    let most = u64::MAX;
    let longest = format!("# clock set back\n# merged {most}\n{most} {most} {most}\n");
    assert_eq!(LINES_MAX, longest.len());
    for (size, rows) in [
        (1, 1),
        (LINES_MAX - 1, 1),
        (2 * LINES_MAX - 1, 1),
        (2 * LINES_MAX, 2),
        (5 * LINES_MAX + 7, 5),
        (ROWS * LINES_MAX, ROWS),
        (1 << 20, ROWS),
    ] {
        let mut places = Vec::new();
        let take = |_, _, rows: &mut [Taken]| {
            places.push(rows.len());
            0
        };
        assert_eq!(open().read(PERIOD_NS, size, take, |_, _| 0), Some(0));
        assert_eq!(places, [rows], "{size} bytes");
    }
}

#[test]
fn it_goes_on_after_its_last_row() {
    let mut file = open();
    assert_eq!(file.last(), None);
    let mut after = Vec::new();
    for index in [5, 7] {
        let take = |last: Option<Window>, again: bool, rows: &mut [Taken]| {
            after.push(last);
            rows[0].window = Window::from_word(index);
            usize::from(!again)
        };
        file.read(PERIOD_NS, 4096, take, |_, bytes| bytes.len());
        assert_eq!(file.last(), Some(Window::from_word(index)));
    }
    assert_eq!(
        after,
        [
            None,
            Some(Window::from_word(5)),
            Some(Window::from_word(5)),
            Some(Window::from_word(7))
        ]
    );
}

/// All that a reader gets of `rows`.
fn text(before: Option<Position>, rows: &[Taken]) -> String {
    let places = vec![Taken::default(); ROWS];
    let mut file: Open = Delivery::new(vec![0; TEXT], places, before);
    let mut text = Vec::new();
    let take = |_, again: bool, places: &mut [Taken]| {
        places[..rows.len()].copy_from_slice(rows);
        if again {
            0
        } else {
            rows.len()
        }
    };
    let copy = |_, bytes: &[u8]| {
        text.extend_from_slice(bytes);
        bytes.len()
    };
    file.read(PERIOD_NS, 1 << 20, take, copy);
    assert!(file.pending().is_empty());
    String::from_utf8(text).expect("text")
}

#[test]
fn a_row_says_how_many_windows_were_merged_into_it() {
    let row = |index, merged| Taken {
        window: Window::from_word(index),
        frames: 2,
        bytes: 120,
        merged,
    };
    assert_eq!(
        text(None, &[row(5, 0), row(9, 3), row(10, 0)]),
        "# timestamp frames bytes\n5000 2 120\n# merged 3\n9000 2 120\n10000 2 120\n"
    );
    let mut before = Position::default();
    (before.frames, before.bytes) = (7, 420);
    assert_eq!(
        text(Some(before), &[row(5, 0)]),
        "# timestamp frames bytes\n# before 7 420\n5000 2 120\n"
    );
}

#[test]
fn a_row_is_pending_until_its_last_byte_has_arrived() {
    let rows = [5, 6].map(|index| Taken {
        window: Window::from_word(index),
        frames: 1,
        bytes: 60,
        merged: 1,
    });
    let lines = "# merged 1\n5000 1 60\n# merged 1\n6000 1 60\n";
    for size in 0..=lines.len() {
        let mut file = open();
        let take = |_, again: bool, places: &mut [Taken]| {
            places[..1].copy_from_slice(&rows[usize::from(again)..][..1]);
            1
        };
        file.read(PERIOD_NS, size, take, |_, bytes| bytes.len());
        let whole = lines[..size].matches("60\n").count();
        let begun = if size == 0 {
            0
        } else {
            1 + (size - 1) / (lines.len() / 2)
        };
        assert_eq!(file.pending(), &rows[whole..begun], "{size} bytes");
    }
}
