// SPDX-License-Identifier: GPL-2.0-or-later
//! A histogram that takes many equal values at once, as idle windows are.

/// Rates at which the buckets end, bits per second: five a decade, 1 Mbit/s to 300 Gbit/s.
const MANTISSAS: [f64; 5] = [1.0, 2.0, 3.0, 5.0, 7.0];
const DECADES: [f64; 6] = [1e6, 1e7, 1e8, 1e9, 1e10, 1e11];
const RATE_MAX: f64 = 3e11;
/// The smallest frame: no bucket need end below.
const BYTES_MIN: f64 = 64.0;

/// Counts by upper bound; the last bound is infinite.
#[derive(Clone, Debug)]
pub struct Buckets {
    /// Upper bound and count of each, not cumulative.
    pub counts: Vec<(f64, u64)>,
    /// Sum of all values.
    pub sum: f64,
}

impl Buckets {
    fn new(bounds: impl Iterator<Item = f64>) -> Buckets {
        let counts = bounds
            .chain([f64::INFINITY])
            .map(|bound| (bound, 0))
            .collect();
        Buckets { counts, sum: 0.0 }
    }

    /// For bytes per window: the idle ones for themselves, the others by rate, the same on every
    /// host for the same period, so that they add up.
    pub fn of_bytes(period_ns: u64) -> Buckets {
        let rates = DECADES
            .iter()
            .flat_map(|decade| MANTISSAS.iter().map(move |mantissa| mantissa * decade));
        let bytes = rates
            .filter(|rate| *rate <= RATE_MAX)
            .map(move |rate| rate / 8.0 * period_ns as f64 / 1e9);
        Buckets::new(
            [0.0]
                .into_iter()
                .chain(bytes.filter(|bytes| *bytes >= BYTES_MIN)),
        )
    }

    /// For durations in seconds: 10 us to 10 s.
    pub fn of_seconds() -> Buckets {
        let decades = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0];
        Buckets::new(
            decades
                .into_iter()
                .flat_map(|decade| [1.0, 2.0, 5.0].map(|m| round(m * decade)))
                .chain([10.0]),
        )
    }

    /// Takes a value, so many times.
    pub fn add(&mut self, value: f64, times: u64) {
        let at = self.counts.partition_point(|(bound, _)| *bound < value);
        if let Some((_, count)) = self.counts.get_mut(at) {
            *count += times;
            self.sum += value * times as f64;
        }
    }

    /// How many values.
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count).sum()
    }
}

/// Six decimals, so that a bound prints as it is meant.
fn round(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_falls_where_its_bound_is_not_below_it() {
        let mut buckets = Buckets::of_bytes(1_000_000);
        buckets.add(0.0, 1_000_000_000_000);
        buckets.add(1.0, 1);
        buckets.add(125_000.0, 2);
        buckets.add(1e12, 1);
        let filled: Vec<_> = buckets
            .counts
            .iter()
            .filter(|(_, count)| *count > 0)
            .copied()
            .collect();
        assert_eq!(
            filled,
            [
                (0.0, 1_000_000_000_000),
                (125.0, 1),
                (125_000.0, 2),
                (f64::INFINITY, 1)
            ]
        );
        assert_eq!(buckets.count(), 1_000_000_000_004);
    }

    #[test]
    fn bounds_ascend_and_are_few() {
        for period_ns in [1_000, 10_000, 100_000, 1_000_000, 1_000_000_000] {
            let bounds: Vec<_> = Buckets::of_bytes(period_ns)
                .counts
                .iter()
                .map(|(bound, _)| *bound)
                .collect();
            assert!(bounds.is_sorted() && bounds.len() <= 30, "{bounds:?}");
        }
        assert_eq!(Buckets::of_seconds().counts.len(), 20);
    }
}
