// SPDX-License-Identifier: GPL-2.0-or-later
//! The ring of closed windows against a list of all windows that there ever were.

#![cfg(not(pktstat_loom))]

use proptest::collection::vec;
use proptest::prelude::*;
use xt_pktstat::stat::ring::{Closed, Position, Ring, Taken};
use xt_pktstat::stat::window::Window;

const READERS: usize = 4;

fn window(index: u64) -> Window {
    Window::from_word(index)
}

fn ring(windows: usize) -> Ring<Vec<Closed>> {
    Ring::new(vec![Closed::default(); windows])
}

#[test]
fn two_rows_in_one_are_of_the_later_window_and_one_more_was_merged_if_they_differ() {
    let row = |index, merged| Taken {
        window: window(index),
        frames: 2,
        bytes: 120,
        merged,
    };
    for (one, other, window, merged) in [(3, 5, 5, 4), (5, 3, 5, 4), (5, 5, 5, 3)] {
        let both = row(one, 1).with(&row(other, 2));
        assert_eq!(both.window, self::window(window));
        assert_eq!((both.frames, both.bytes, both.merged), (4, 240, merged));
    }
}

/// Rows as one: what a reader gets that has missed all but the last of them.
fn sum(rows: &[Taken]) -> Taken {
    let last = rows.last().unwrap();
    Taken {
        window: last.window,
        frames: rows.iter().fold(0, |sum, row| sum.wrapping_add(row.frames)),
        bytes: rows.iter().fold(0, |sum, row| sum.wrapping_add(row.bytes)),
        merged: rows.iter().map(|row| row.merged + 1).sum::<u64>() - 1,
    }
}

#[derive(Clone, Debug)]
enum Event {
    Put(u64, u64, u64),
    Open(usize),
    Read(usize, usize),
    Take(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let count = || prop_oneof![8 => 1..2_000_u64, 1 => any::<u64>()];
    let merged = prop_oneof![8 => Just(0_u64), 1 => 1..10_u64];
    prop_oneof![
        12 => (count(), count(), merged).prop_map(|(frames, bytes, merged)| Event::Put(frames, bytes, merged)),
        1 => (0..READERS).prop_map(Event::Open),
        3 => (0..READERS, 1..20_usize).prop_map(|(reader, rows)| Event::Read(reader, rows)),
        2 => (1..20_usize).prop_map(Event::Take),
    ]
}

proptest! {
    #[test]
    fn a_reader_gets_each_window_once(windows in 1..9_usize, events in vec(event(), 1..200)) {
        let mut ring = ring(windows);
        let mut all: Vec<Taken> = Vec::new();
        // A position, and how many windows were before it.
        let mut readers = [(Position::default(), 0_usize); READERS];
        for event in events {
            match event {
                Event::Put(frames, bytes, merged) => {
                    let window = window(3 * all.len() as u64 + 5);
                    let taken = Taken { window, frames, bytes, merged };
                    ring.put(&taken);
                    all.push(taken);
                }
                Event::Open(reader) => {
                    let oldest = all.len().saturating_sub(windows);
                    readers[reader] = (ring.oldest(), oldest);
                    let before = (ring.oldest().frames, ring.oldest().bytes);
                    let naive = match &all[..oldest] {
                        [] => (0, 0),
                        before => (sum(before).frames, sum(before).bytes),
                    };
                    prop_assert_eq!(before, naive);
                }
                Event::Read(reader, rows) => {
                    let (position, next) = &mut readers[reader];
                    for _ in 0..rows {
                        prop_assert_eq!(ring.is_after(position), *next < all.len());
                        let end = all.len().min((*next + 1).max((all.len() + 1).saturating_sub(windows)));
                        let naive = (*next < all.len()).then(|| sum(&all[*next..end]));
                        prop_assert_eq!(ring.read(position), naive);
                        *next = end;
                    }
                }
                Event::Take(_) => {}
            }
            prop_assert_eq!(ring.windows(), all.len().min(windows));
            // Before and read and to come are all, for each reader.
            for (mut position, _) in readers {
                let (mut frames, mut bytes) = (position.frames, position.bytes);
                while let Some(row) = ring.read(&mut position) {
                    frames = frames.wrapping_add(row.frames);
                    bytes = bytes.wrapping_add(row.bytes);
                }
                if !all.is_empty() {
                    prop_assert_eq!((frames, bytes), (sum(&all).frames, sum(&all).bytes));
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_in_the_last_row(windows in 1..9_usize, events in vec(event(), 1..200)) {
        let mut ring = ring(windows);
        let mut naive: Vec<Vec<Taken>> = Vec::new();
        let mut count = 0;
        for event in events {
            match event {
                Event::Put(frames, bytes, merged) => {
                    count += 1;
                    let taken = Taken { window: window(count), frames, bytes, merged };
                    let is_full = naive.len() == windows;
                    prop_assert_eq!(ring.put_or_merge(&taken), is_full);
                    if !is_full {
                        naive.push(Vec::new());
                    }
                    naive.last_mut().unwrap().push(taken);
                }
                Event::Take(rows) => {
                    for _ in 0..rows {
                        let first = (!naive.is_empty()).then(|| sum(&naive.remove(0)));
                        prop_assert_eq!(ring.front(), first.map(|first| first.window));
                        prop_assert_eq!(ring.take(), first);
                    }
                }
                Event::Open(_) | Event::Read(..) => {}
            }
            prop_assert_eq!(ring.windows(), naive.len());
        }
    }
}

#[test]
fn more_merged_windows_than_a_slot_can_say_stay_at_the_most() {
    let mut ring = ring(1);
    let most = u64::from(u32::MAX);
    for _ in 0..3 {
        ring.put_or_merge(&Taken {
            merged: most - 1,
            frames: 1,
            ..Taken::default()
        });
    }
    let all = Taken {
        merged: most,
        frames: 3,
        ..Taken::default()
    };
    assert_eq!(ring.take(), Some(all));
}
