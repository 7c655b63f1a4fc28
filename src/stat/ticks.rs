// SPDX-License-Identifier: GPL-2.0-or-later
//! Ticks: what one instruction reads, against the wall clock.

/// The fast path looks at the kernel's clock at least this often.
const FAST_MAX_NS: u64 = 4_000_000;

/// How fast the ticks go.
pub struct Ticks {
    /// Ticks in 2^32 ns, and a thousandth less: a clock that NTP makes run faster must not carry the
    /// fast path over the window's end. 0 where there are none to rely on.
    scale: u64,
}

impl Ticks {
    /// Ticks of `khz`; 0 where there are none to rely on.
    pub fn of_khz(khz: u32) -> Self {
        let scale = (u64::from(khz) << 32) / 1_000_000;
        Self {
            scale: scale.wrapping_sub(scale >> 10),
        }
    }

    /// For how many ticks the fast path may go on in a window that is `rest_ns` long.
    pub fn span(&self, rest_ns: u64) -> u64 {
        rest_ns.min(FAST_MAX_NS).wrapping_mul(self.scale) >> 32
    }
}
