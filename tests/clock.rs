// SPDX-License-Identifier: GPL-2.0-or-later
//! The wall clock as the kernel's line over the ticks.

use proptest::prelude::*;
use xt_pktstat::stat::clock::{Clock, Line};

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
        Line { ticks, base_ns, fraction, mult: mult.min(u32::MAX.into()) as u32, shift }
    }
}

proptest! {
    #[test]
    fn it_is_the_kernels_to_the_nanosecond(line in line(), since in 0..u64::MAX) {
        let clock = Clock::default();
        clock.set(line);
        let ticks = line.ticks.saturating_add(since % (1 << 40));
        if let Some(now_ns) = clock.at(ticks) {
            prop_assert_eq!(u128::from(now_ns), kernel_ns(&line, ticks));
        }
    }

    #[test]
    fn it_is_good_for_two_seconds_at_least(line in line(), part in 0..=1000_u64) {
        let clock = Clock::default();
        clock.set(line);
        let two_seconds = (2_000_000_000_u64 << line.shift) / u64::from(line.mult);
        let ticks = line.ticks.checked_add(two_seconds / 1000 * part);
        prop_assume!(ticks.is_some());
        let ticks = ticks.unwrap();
        prop_assert_eq!(clock.at(ticks).map(u128::from), Some(kernel_ns(&line, ticks)));
    }

    #[test]
    fn it_says_nothing_of_the_past(line in line(), before in 1..1_u64 << 62) {
        let clock = Clock::default();
        clock.set(line);
        prop_assert_eq!(clock.at(line.ticks.wrapping_sub(before)), None);
    }

    #[test]
    fn what_is_no_line_is_no_clock(line in line(), shift in 33_u32.., more in any::<u64>(), since in 0..3_u64) {
        let clock = Clock::default();
        // Half of the 64 bits are for what a tick adds.
        let least = 1_u64 << 31 << line.shift;
        for line in [
            Line { mult: 0, ..line },
            Line { shift, ..line },
            Line { fraction: least, ..line },
            Line { fraction: least.saturating_add(more), ..line },
        ] {
            clock.set(line);
            prop_assert_eq!(clock.at(line.ticks.saturating_add(since)), None);
        }
        clock.set(Line { fraction: least - 1, ..line });
        prop_assert!(clock.at(line.ticks).is_some());
    }
}

#[test]
fn a_clock_that_was_never_set_says_nothing() {
    assert_eq!(Clock::new().at(0), None);
    assert_eq!(Clock::default().at(u64::MAX), None);
}
