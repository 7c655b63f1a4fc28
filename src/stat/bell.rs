// SPDX-License-Identifier: GPL-2.0-or-later
//! The bell: a poller that sees nothing asks the packet path to say when there is something.

use crate::sync::{fence, AtomicBool, Ordering};

/// Whether a poller has asked.
///
/// A poller asks and then looks at the tallies; the packet path counts and then looks whether
/// somebody asked: one of them sees the other.
#[derive(Default)]
pub struct Bell(AtomicBool);

impl Bell {
    /// Asks. What was counted before is seen by who looks after this, or the counting CPU sees
    /// that it was asked.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Whether somebody has asked since it was last answered. Call it after counting.
    pub fn answer(&self) -> bool {
        fence(Ordering::SeqCst);
        let asked = self.0.load(Ordering::Relaxed);
        if asked {
            self.0.store(false, Ordering::Relaxed);
        }
        asked
    }
}
