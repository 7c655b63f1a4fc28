// SPDX-License-Identifier: GPL-2.0-or-later
//! A poller's request to the packet path: set the timer when the next packet has been counted.

use crate::sync::{fence, AtomicBool, Ordering};

/// Whether a poller waits for a packet.
///
/// A poller sets the request and then looks at the tallies; a CPU counts and then takes the
/// request: so the poller sees the packet, or the CPU sees the request.
///
/// # Invariants
///
/// A store and the loads that follow it are on either side of a full fence, here and in the CPU.
#[derive(Default)]
pub struct WakeRequest(AtomicBool);

impl WakeRequest {
    /// Sets the request, and returns whether it was set already. Whatever was counted before is seen
    /// by loads after this; the CPU that counts anything later takes the request.
    pub fn set(&self) -> bool {
        let was_set = self.0.swap(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        was_set
    }

    /// Whether it is set: no CPU has taken it.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether it is set. Call it after counting.
    #[inline(always)]
    pub fn is_set_after_counting(&self) -> bool {
        fence(Ordering::SeqCst);
        self.0.load(Ordering::Relaxed)
    }

    /// Takes the request: whether it is still set.
    pub fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}
