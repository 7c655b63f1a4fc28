// SPDX-License-Identifier: GPL-2.0-or-later
//! What an open file takes of its counter.

use std::num::NonZeroU64;
use xt_pktstat::row::{CLOCK_SET_BACK, HEADER, ROW_MAX};
use xt_pktstat::stat::delivery::{Delivery, ROWS, TEXT};
use xt_pktstat::stat::drain::Taken;
use xt_pktstat::stat::window::Window;

const PERIOD_NS: NonZeroU64 = NonZeroU64::new(1_000).expect("not zero");

/// A row and the line that may come before it.
const LINES_MAX: usize = ROW_MAX + CLOCK_SET_BACK.len();

type Open = Delivery<Vec<u8>, Vec<Taken>>;

fn open() -> Open {
    let mut file = Delivery::new(vec![0; TEXT], vec![Taken::default(); ROWS]);
    let read = file.read(PERIOD_NS, HEADER.len(), |_, _, _| 0, |_, bytes| bytes.len());
    assert_eq!(read, Some(HEADER.len()));
    file
}

#[test]
fn it_takes_as_many_rows_as_are_sure_to_fit() {
    for (room, rows) in [
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
        assert_eq!(open().read(PERIOD_NS, room, take, |_, _| 0), Some(0));
        assert_eq!(places, [rows], "{room} bytes");
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
