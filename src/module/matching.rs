// SPDX-License-Identifier: GPL-2.0-or-later
//! What the fast path calls at a window's end, and what it assumes.

use super::counter::Block;
use crate::kernel::clock::CLOCK;
use crate::kernel::percpu::PerCpu;
use crate::kernel::sys;
use crate::stat::cpu::SHIFTED_TICKS;
use crate::stat::tally::{Tally, RECENT_FRAMES_MAX, RECENT_FRAME_BIT};
use crate::stat::threshold::{Share, ABOVE};
use core::ffi::c_void;
use core::mem::offset_of;

const _: () = assert!(Block::TALLY_OFFSET == 0);
// What the shim's fast path assumes.
const _: () = assert!(
    offset_of!(Tally, base_ticks) == offset_of!(sys::pktstat_block, base_ticks)
        && offset_of!(Tally, span_ticks) == offset_of!(sys::pktstat_block, span_ticks)
        && offset_of!(Tally, recent) == offset_of!(sys::pktstat_block, recent)
        && in_share(offset_of!(Share, bar)) == offset_of!(sys::pktstat_block, bar)
        && in_share(offset_of!(Share, granted)) == offset_of!(sys::pktstat_block, granted)
        && in_share(offset_of!(Share, mask)) == offset_of!(sys::pktstat_block, mask)
        && in_share(offset_of!(Share, matched_frames))
            == offset_of!(sys::pktstat_block, matched_frames)
        && in_share(offset_of!(Share, matched_bytes))
            == offset_of!(sys::pktstat_block, matched_bytes)
        && ABOVE == sys::PKTSTAT_ABOVE as u64
        && RECENT_FRAMES_MAX == sys::PKTSTAT_RECENT_FRAMES_MAX as u64
        && RECENT_FRAME_BIT == sys::PKTSTAT_RECENT_FRAME_BIT
        && SHIFTED_TICKS == 1 << sys::PKTSTAT_SHIFTED_TICKS_BIT
);

/// Where in a block a field of its share is.
pub(super) const fn in_share(field: usize) -> usize {
    Block::SHARE_OFFSET.wrapping_add(field)
}

/// Counts a packet of `bytes` that came after the deadline.
///
/// What a packet that opens a window costs is this function: it calls nothing, or nothing comes
/// after the call, so that little is to be saved.
///
/// # Safety
///
/// Called by the shim: interrupts are off, `block` is this CPU's block of a rule's counter, `ticks`
/// were just read.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_roll_over(block: *mut c_void, bytes: u64, ticks: u64) {
    if let Some(moment) = CLOCK.at(ticks) {
        // SAFETY: a block lives as long as the rules of its counter, one of which calls.
        let block = unsafe { PerCpu::<Block>::value_at(block) };
        return block.count_packet(&CLOCK, moment, bytes);
    }
    // SAFETY: as for this function.
    unsafe { pktstat_rs_roll_over_wire(block, 1, bytes, ticks) };
}

/// The same for a packet that counts as so many frames and bytes, or where the clock has to be asked.
///
/// # Safety
///
/// As [`pktstat_rs_roll_over`].
// Inlined there, it would cost each packet that opens a window a stack frame.
#[inline(never)]
#[no_mangle]
unsafe extern "C" fn pktstat_rs_roll_over_wire(
    block: *mut c_void,
    frames: u64,
    bytes: u64,
    ticks: u64,
) {
    // SAFETY: as in `pktstat_rs_roll_over`.
    let block = unsafe { PerCpu::<Block>::value_at(block) };
    block.count(&CLOCK, CLOCK.moment(ticks), frames, bytes);
}

/// Puts a packet that was counted while a window ended, or the task moved, into the window that it
/// belongs to.
///
/// # Safety
///
/// As [`pktstat_rs_roll_over`]; the packet counts as `frames` and `bytes`.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_recount(block: *mut c_void, frames: u64, bytes: u64, ticks: u64) {
    // SAFETY: a block lives as long as the rules of its counter, one of which calls.
    let block = unsafe { PerCpu::<Block>::value_at(block) };
    block.recount(&CLOCK, CLOCK.moment(ticks), frames, bytes);
}

/// A packet of a counter with `--above` that the fast path has not counted, or (`is_counted`) has, but
/// perhaps in the wrong window, or beyond what its CPU may count without a look at the others. The
/// match's result.
///
/// # Safety
///
/// As [`pktstat_rs_roll_over`]; the packet counts as `frames` and `bytes`.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_above(
    block: *mut c_void,
    frames: u64,
    bytes: u64,
    is_counted: bool,
    ticks: u64,
) -> bool {
    // SAFETY: a block lives as long as the rules of its counter, one of which calls.
    let block = unsafe { PerCpu::<Block>::value_at(block) };
    let moment = CLOCK.moment(ticks);
    if is_counted {
        block.recount_above(&CLOCK, moment, frames, bytes)
    } else {
        block.count_above(&CLOCK, moment, frames, bytes)
    }
}
