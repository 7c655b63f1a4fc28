// SPDX-License-Identifier: GPL-2.0-or-later
//! What a packet writes lies on one cache line, and no other CPU writes there.

use std::mem::size_of;
use xt_pktstat::stat::tally::Tally;
use xt_pktstat::stat::window::Window;

const LINE: usize = 64;

fn lines_of<T>(it: &T) -> std::ops::RangeInclusive<usize> {
    let first = std::ptr::from_ref(it) as usize;
    first / LINE..=(first + size_of::<T>() - 1) / LINE
}

#[test]
fn a_cpu_writes_one_line_and_nobody_else_does() {
    // As the kernel's per-CPU allocator lays them out at worst: side by side.
    let tallies: [Tally; 4] = std::array::from_fn(|_| Tally::new(Window::default()));
    let mut lines: Vec<usize> = tallies.iter().flat_map(lines_of).collect();
    lines.dedup();
    assert_eq!(lines.len(), tallies.len());
}

#[test]
fn the_fast_path_stays_on_that_line() {
    let tally = Tally::new(Window::default());
    let line = *lines_of(&tally).start();
    for field in [&tally.base_ticks, &tally.span_ticks, &tally.recent] {
        assert_eq!(lines_of(field), line..=line);
    }
}
