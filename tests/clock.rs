// SPDX-License-Identifier: GPL-2.0-or-later
//! The wall clock as the kernel's line over the ticks.

use proptest::prelude::*;
use std::cell::Cell;
use xt_pktstat::stat::clock::{Clock, Line, RealTime};

/// What the kernel's clock says.
#[derive(Default)]
struct Kernel(Cell<u64>);

impl RealTime for Kernel {
    fn now_ns(&self) -> u64 {
        self.0.get()
    }
}

/// A clock that knows this line.
fn clock(line: Line) -> Clock<Kernel> {
    let clock = Clock::new(Kernel::default());
    assert!(!clock.set(line), "the first line is no step");
    clock
}

fn ns_at(clock: &Clock<Kernel>, ticks: u64) -> Option<u64> {
    clock.at(ticks).map(|moment| moment.time.ns)
}

/// What the kernel computes, in numbers that hold everything.
fn kernel_ns(line: &Line, ticks: u64) -> u128 {
    let since = u128::from(ticks - line.ticks);
    let fraction = since * u128::from(line.mult) + u128::from(line.fraction);
    u128::from(line.base_ns) + (fraction >> line.shift)
}

prop_compose! {
    /// As the kernel's are: less than a second of fraction, any clock from 1 MHz on.
    fn line()(
        ticks in any::<u64>(),
        base_ns in 0..1_u64 << 62,
        shift in 0..=32_u32,
    )(
        mult in 1..=1000_u64 << shift,
        fraction in 0..1_000_000_000_u64 << shift,
        ticks in Just(ticks),
        base_ns in Just(base_ns),
        shift in Just(shift),
    ) -> Line {
        let mult = mult.min(u32::MAX.into()) as u32;
        Line { ticks, base_ns, fraction, mult, shift, khz: 1, goes_by_ticks: true, ..Line::default() }
    }
}

proptest! {
    #[test]
    fn it_is_the_kernels_to_the_nanosecond(line in line(), since in 0..u64::MAX) {
        let clock = clock(line);
        let ticks = line.ticks.saturating_add(since % (1 << 40));
        if let Some(now_ns) = ns_at(&clock, ticks) {
            prop_assert_eq!(u128::from(now_ns), kernel_ns(&line, ticks));
        }
    }

    #[test]
    fn it_is_good_for_two_seconds_at_least(line in line(), part in 0..=1000_u64) {
        let clock = clock(line);
        let two_seconds = (2_000_000_000_u64 << line.shift) / u64::from(line.mult);
        let ticks = line.ticks.checked_add(two_seconds / 1000 * part);
        prop_assume!(ticks.is_some());
        let ticks = ticks.unwrap();
        prop_assert_eq!(ns_at(&clock, ticks).map(u128::from), Some(kernel_ns(&line, ticks)));
    }

    #[test]
    fn it_says_nothing_of_the_past(line in line(), before in 1..1_u64 << 62) {
        let clock = clock(line);
        prop_assert_eq!(ns_at(&clock, line.ticks.wrapping_sub(before)), None);
    }

    #[test]
    fn what_is_no_line_is_no_clock(line in line(), shift in 33_u32.., more in any::<u64>(), since in 0..3_u64) {
        let clock = Clock::new(Kernel::default());
        // Half of the 64 bits are for what a tick adds.
        let least = 1_u64 << 31 << line.shift;
        for line in [
            Line { mult: 0, ..line },
            Line { goes_by_ticks: false, ..line },
            Line { shift, ..line },
            Line { fraction: least, ..line },
            Line { fraction: least.saturating_add(more), ..line },
        ] {
            clock.set(line);
            prop_assert_eq!(ns_at(&clock, line.ticks.saturating_add(since)), None);
        }
        clock.set(Line { fraction: least - 1, ..line });
        prop_assert!(clock.at(line.ticks).is_some());
    }
}

#[test]
fn a_clock_that_was_never_set_says_nothing() {
    let clock = Clock::new(Kernel::default());
    assert_eq!(ns_at(&clock, 0), None);
    assert_eq!(ns_at(&clock, u64::MAX), None);
    assert_eq!(clock.span_ticks(1_000_000), 0);
}

const SHIFT: u32 = 24;

prop_compose! {
    /// A TSC, its own mult, and that of NTP, which adjtimex(2) lets be a tenth more or less.
    fn corrected()(khz in 500_000..6_000_000_u32)(
        khz in Just(khz),
        percent_e4 in -100_000..=100_000_i64,
    ) -> (u32, u32, u32) {
        let nominal = (1_000_000_u64 << SHIFT) / u64::from(khz);
        let mult = nominal as i64 * (1_000_000 + percent_e4) / 1_000_000;
        (khz, nominal as u32, mult as u32)
    }
}

proptest! {
    #[test]
    fn the_fast_path_ends_with_the_window_however_the_clock_is_corrected(
        (khz, nominal_mult, mult) in corrected(),
        rest_ns in 1..8_000_000_u64,
        goes_by_ticks: bool,
    ) {
        let line = Line {
            base_ns: 1_000_000_000,
            mult,
            nominal_mult,
            shift: SHIFT,
            khz,
            goes_by_ticks,
            ..Line::default()
        };
        let span = clock(line).span_ticks(rest_ns);
        // How far the clock has come when the fast path is over.
        let over_ns = (u128::from(span) * u128::from(mult)) >> SHIFT;
        let rest_ns = u128::from(rest_ns.min(4_000_000));
        prop_assert!(over_ns <= rest_ns, "{over_ns} of {rest_ns}");
        // Little before: a tick, and a thousandth and a bit.
        let tick_ns = (u128::from(mult) >> SHIFT) + 1;
        prop_assert!(over_ns + tick_ns + 4 + rest_ns / 900 >= rest_ns, "{over_ns} of {rest_ns}");
    }

    #[test]
    fn an_epoch_begins_when_the_clock_is_set_back_and_only_then(
        offsets in proptest::collection::vec(-3..3_i64, 1..20),
    ) {
        let clock = Clock::new(Kernel::default());
        let mut before: Option<i64> = None;
        let mut epoch = clock.now().epoch;
        for offset_ns in offsets {
            let is_step = clock.set(Line { offset_ns, ..Line::default() });
            prop_assert_eq!(is_step, before.is_some_and(|before| before != offset_ns));
            if before.is_some_and(|before| offset_ns < before) {
                epoch = epoch.next();
            }
            prop_assert_eq!(clock.now().epoch, epoch);
            before = Some(offset_ns);
        }
    }
}

#[test]
fn the_fast_path_goes_on_for_as_many_ticks_as_the_rest_has() {
    // Two ticks a ns, and a tenth less where NTP has the clock go faster.
    let two = Line {
        mult: 1 << 23,
        shift: 24,
        nominal_mult: 1 << 23,
        khz: 2_000_000,
        goes_by_ticks: true,
        ..Line::default()
    };
    let faster = Line {
        mult: (1 << 23) / 9 * 10,
        ..two
    };
    // Ticks that the clock does not go by, and a clock that tells nothing of its own: its mult
    // against its nominal one is all that is known.
    let other = |line: Line| Line {
        goes_by_ticks: false,
        mult: line.mult >> 4,
        nominal_mult: line.nominal_mult >> 4,
        ..line
    };
    for (line, ticks) in [
        (two, 2_000_000),
        (faster, 1_800_000),
        (other(two), 2_000_000),
        (other(faster), 1_800_000),
        (Line { khz: 0, ..two }, 0),
        (
            Line {
                khz: 0,
                ..other(two)
            },
            0,
        ),
        (Line { shift: 33, ..two }, 0),
    ] {
        let span = clock(line).span_ticks(1_000_000);
        // A thousandth less: never too long.
        assert!(
            (ticks - ticks / 1_000..=ticks).contains(&span),
            "{span} of {ticks}"
        );
    }
}
