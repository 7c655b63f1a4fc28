// SPDX-License-Identifier: GPL-2.0-or-later
//! Where a collector runs.

use super::window::Time;

/// What a collector needs of where it runs. Where nobody can say whether packets have left, a counter
/// is never idle: the last three can stay as they are.
pub trait Host {
    /// The wall clock.
    fn now(&self) -> Time;
    /// Lets others run, if they want to.
    fn pause(&self);
    /// The ticks of the fast path.
    fn ticks(&self) -> u64 {
        0
    }
    /// The packets that are being counted now, for [`Host::have_left`].
    fn packets_now(&self) -> u64 {
        0
    }
    /// Whether all of them have been counted, and are seen by loads after this. May be false longer
    /// than it need be.
    fn have_left(&self, _packets: u64) -> bool {
        false
    }
}
