// SPDX-License-Identifier: GPL-2.0-or-later
//! Numbers as people type and read them: `10G`, `50%`, `250us`, `9.41 Gbit/s`.

use std::str::FromStr;
use std::time::Duration;

/// Nanoseconds in a second.
pub const SECOND_NS: u64 = 1_000_000_000;

/// Bits per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BitRate(pub f64);

impl BitRate {
    /// Bytes that a window of this width carries at this rate.
    pub fn bytes_in(self, period_ns: u64) -> f64 {
        self.0 / 8.0 * period_ns as f64 / SECOND_NS as f64
    }
}

impl FromStr for BitRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text
            .trim_end_matches("bit/s")
            .trim_end_matches("bps")
            .trim();
        let (number, factor) = match digits.char_indices().last() {
            Some((at, 'k' | 'K')) => (&digits[..at], 1e3),
            Some((at, 'M')) => (&digits[..at], 1e6),
            Some((at, 'G')) => (&digits[..at], 1e9),
            Some((at, 'T')) => (&digits[..at], 1e12),
            _ => (digits, 1.0),
        };
        let rate = number
            .trim()
            .parse::<f64>()
            .ok()
            .filter(|rate| rate.is_finite() && *rate > 0.0);
        rate.map(|rate| BitRate(rate * factor))
            .ok_or_else(|| "bits per second, as in 500M, 2.5G or 9600".to_owned())
    }
}

/// From which load on a window is in a burst.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// This many bits per second.
    Rate(BitRate),
    /// This share of the link.
    Share(f64),
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let taken = match text.strip_suffix('%') {
            Some(percent) => percent
                .parse()
                .ok()
                .filter(|percent| *percent > 0.0 && *percent <= 100.0)
                .map(|percent: f64| Threshold::Share(percent / 100.0)),
            None => text.parse().ok().map(Threshold::Rate),
        };
        taken.ok_or_else(|| {
            "bits per second, as in 500M or 2.5G, or a share of --link, as in 80%".to_owned()
        })
    }
}

/// Reads a time: a number and `us`, `ms`, `s`, `m` or `h`; without a unit, seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let unit_at = text
        .find(|letter: char| letter.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => f64::NAN,
    };
    let time = number
        .parse::<f64>()
        .ok()
        .map(|number| number * seconds)
        .filter(|time| (1e-3..=1e9).contains(time));
    time.map(Duration::from_secs_f64)
        .ok_or_else(|| "a time, as in 500ms, 60s, 5m or 1h".to_owned())
}

/// What rates are shown in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Unit {
    /// Bits per second
    #[default]
    Bits,
    /// Bytes per second
    Bytes,
    /// Packets per second
    Pps,
}

impl Unit {
    /// The next one, round and round.
    pub fn next(self) -> Unit {
        match self {
            Unit::Bits => Unit::Bytes,
            Unit::Bytes => Unit::Pps,
            Unit::Pps => Unit::Bits,
        }
    }

    /// What stands behind the number.
    pub fn suffix(self) -> &'static str {
        match self {
            Unit::Bits => "bit/s",
            Unit::Bytes => "B/s",
            Unit::Pps => "pkt/s",
        }
    }

    /// A rate in this unit from what was counted in a time.
    pub fn rate(self, frames: u64, bytes: u64, time_ns: u64) -> f64 {
        let seconds = time_ns.max(1) as f64 / SECOND_NS as f64;
        match self {
            Unit::Bits => bytes as f64 * 8.0 / seconds,
            Unit::Bytes => bytes as f64 / seconds,
            Unit::Pps => frames as f64 / seconds,
        }
    }
}

/// Three digits and a prefix of a thousand: `941k`, `9.41G`, `0`.
pub fn short(number: f64) -> String {
    let (mut scaled, mut prefix) = (number, "");
    for next in ["k", "M", "G", "T", "P", "E"] {
        if scaled < 999.5 {
            break;
        }
        scaled /= 1000.0;
        prefix = next;
    }
    let decimals = match scaled {
        s if s >= 99.95 || (prefix.is_empty() && s.fract() == 0.0) => 0,
        s if s >= 9.995 => 1,
        _ => 2,
    };
    format!("{scaled:.decimals$}{prefix}")
}

/// A time in the largest unit that shows it: `100us`, `1.50ms`, `2.00s`.
pub fn short_time(time_ns: u64) -> String {
    let time = time_ns as f64;
    let (scaled, unit) = match time_ns {
        0..=999 => (time, "ns"),
        1_000..=999_999 => (time / 1e3, "us"),
        1_000_000..=999_999_999 => (time / 1e6, "ms"),
        _ => (time / 1e9, "s"),
    };
    let decimals = if scaled.fract() == 0.0 { 0 } else { 2 };
    format!("{scaled:.decimals$}{unit}")
}

/// Time of day, UTC, to the microsecond: `14:03:22.123400`.
pub fn time_of_day(timestamp_ns: u64) -> String {
    let (second, ns) = (timestamp_ns / SECOND_NS % 86_400, timestamp_ns % SECOND_NS);
    format!(
        "{:02}:{:02}:{:02}.{:06}",
        second / 3600,
        second / 60 % 60,
        second % 60,
        ns / 1000
    )
}

/// Now, ns since the epoch, by the clock that the windows follow.
pub fn now_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    now.tv_sec as u64 * SECOND_NS + now.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_as_typed() {
        assert_eq!("10G".parse(), Ok(BitRate(10e9)));
        assert_eq!("2.5Gbit/s".parse(), Ok(BitRate(2.5e9)));
        assert_eq!("9600".parse(), Ok(BitRate(9600.0)));
        for bad in ["", "G", "-1G", "0", "10X", "nan", "inf"] {
            assert!(bad.parse::<BitRate>().is_err(), "{bad}");
        }
        assert_eq!(BitRate(10e9).bytes_in(1_000_000), 1_250_000.0);
    }

    #[test]
    fn thresholds_as_typed() {
        assert_eq!("80%".parse(), Ok(Threshold::Share(0.8)));
        assert_eq!("1G".parse(), Ok(Threshold::Rate(BitRate(1e9))));
        for bad in ["0%", "101%", "%", "x"] {
            assert!(bad.parse::<Threshold>().is_err(), "{bad}");
        }
    }

    #[test]
    fn times_as_typed() {
        assert_eq!(duration("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2"), Ok(Duration::from_secs(2)));
        for bad in ["", "s", "0", "-1s", "1y", "1us"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_as_read() {
        let cases = [
            (0.0, "0"),
            (7.0, "7"),
            (941.0, "941"),
            (999.6, "1.00k"),
            (9_410_000_000.0, "9.41G"),
            (12_345.0, "12.3k"),
            (123_456.0, "123k"),
        ];
        for (number, text) in cases {
            assert_eq!(short(number), text);
        }
        assert_eq!(short_time(100_000), "100us");
        assert_eq!(short_time(1_500_000), "1.50ms");
        assert_eq!(time_of_day(1_313_702_809_400_000_000), "21:26:49.400000");
    }
}
