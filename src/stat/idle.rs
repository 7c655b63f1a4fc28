// SPDX-License-Identifier: GPL-2.0-or-later
//! Whether anything can have been counted since the last look at the CPUs. Where nothing comes, a
//! read need not look at all of them.

use super::host::Host;
use super::wake::WakeRequest;

/// How sure it is that nothing was counted.
///
/// A CPU that counts on the slow path takes the [`WakeRequest`]. On the fast path it does not look at
/// it, so two more things are waited for: that no CPU's fast path is allowed any more, and that the
/// packets have left that had been found in time before that and may still be added.
///
/// # Invariants
///
/// The collector's, under its mutex, as all who set the request. In `Requested` the request was set
/// before the next look, in those after it before the last one, which found nothing. See
/// Documentation/concurrency.md.
#[derive(Clone, Copy, Default, Debug)]
pub enum Idle {
    /// Something may have been.
    #[default]
    No,
    /// A CPU's fast path may be allowed.
    Requested,
    /// None was at a look; those that were let in before, as [`Host::packets_now`] has it, may count.
    Leaving(u64),
    /// They have left: the next look is the last one, if it finds nothing.
    Left,
    /// Nothing was, as long as the request is set.
    Yes,
}

impl Idle {
    /// Sets the request, for a poller. Call it before [`Idle::before_look`].
    pub fn request(&mut self, request: &WakeRequest) {
        if !request.set() || matches!(self, Self::No) {
            *self = Self::Requested;
        }
    }

    /// Whether whatever is counted from now on takes the request.
    pub fn is_certain(&self) -> bool {
        matches!(self, Self::Yes)
    }

    /// Whether a look can find anything. Where it can, look, and call [`Idle::after_look`].
    pub fn before_look(&mut self, request: &WakeRequest, host: &impl Host) -> bool {
        if !request.is_set() {
            *self = Self::No;
        }
        match *self {
            Self::Leaving(packets) if host.have_left(packets) => *self = Self::Left,
            _ => {}
        }
        !matches!(self, Self::Yes)
    }

    /// After a look. `found_nothing`: no CPU had counted since the one before, and nothing is to be
    /// taken when a window ends. `is_any_fast`: whether a CPU's fast path is allowed at these ticks.
    pub fn after_look(
        &mut self,
        found_nothing: bool,
        request: &WakeRequest,
        host: &impl Host,
        is_any_fast: impl FnOnce(u64) -> bool,
    ) {
        *self = match *self {
            _ if !found_nothing => Self::No,
            Self::No => {
                request.set();
                Self::Requested
            }
            Self::Requested if !is_any_fast(host.ticks()) => Self::Leaving(host.packets_now()),
            Self::Left => Self::Yes,
            same => same,
        };
    }
}
