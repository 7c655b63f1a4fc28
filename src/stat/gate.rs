// SPDX-License-Identifier: GPL-2.0-or-later
//! A gate in front of what may take for ever: once it is closed nobody enters, and it is known
//! whether somebody is still inside.

use crate::sync::{fence, AtomicBool, AtomicU32, Ordering};

/// The gate, open.
///
/// # Invariants
///
/// `inside` is how many have entered and not left. Entering and closing are a store, a full fence and
/// a load of the other's word: so one that enters sees the gate closed, or the one that closes it
/// sees the first inside.
#[derive(Default)]
pub struct Gate {
    closed: AtomicBool,
    inside: AtomicU32,
}

impl Gate {
    /// Enters; false where the gate is closed. Whoever is in leaves some time.
    pub fn enter(&self) -> bool {
        self.inside.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let is_open = !self.closed.load(Ordering::Relaxed);
        if !is_open {
            self.leave();
        }
        is_open
    }

    /// Leaves, after [`Gate::enter`] was true.
    pub fn leave(&self) {
        // Release: what was done inside comes before it is seen that nobody is.
        self.inside.fetch_sub(1, Ordering::Release);
    }

    /// Whether nobody enters any more.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Closes it, and says whether nobody is inside: then nobody will be.
    pub fn close(&self) -> bool {
        self.closed.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        self.inside.load(Ordering::Acquire) == 0
    }
}
