// SPDX-License-Identifier: GPL-2.0-or-later
//! The match callback on x86-64, where one instruction finds this CPU's memory. On arm64 the shim has
//! one (`count()` in `c_shim/match.c`), which finds it by the kernel's own macros.

use super::matching::in_share;
use crate::abi::{Info, Info0, FLAGS_ABOVE, FLAG_WIRE};
use crate::kernel::sys;
use crate::stat::cpu::SHIFTED_TICKS;
use crate::stat::tally::{recent_packet, Tally, RECENT_FRAMES_MAX, RECENT_FRAME_BIT};
use crate::stat::threshold::{Share, ABOVE};
use core::ffi::c_void;
use core::mem::offset_of;

/// The match callback for rules of revision 1: true, but with `--above` only in a burst.
///
/// Softirq, or process context with softirqs and preemption on (nft, OUTPUT), or hard interrupts
/// off; on PREEMPT_RT a task. May not sleep.
///
/// # Safety
///
/// For x_tables: `skb` is a packet, `par` the parameters of a rule whose config passed
/// [`super::registry`]'s check.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_match(
    skb: *const sys::sk_buff,
    par: *mut sys::xt_action_param,
) -> bool {
    // SAFETY: as for this function.
    unsafe { match_packet(skb, par, offset_of!(Info, counter)) }
}

/// The match callback for rules of revision 0.
///
/// # Safety
///
/// As [`pktstat_rs_match`].
#[no_mangle]
unsafe extern "C" fn pktstat_rs_match0(
    skb: *const sys::sk_buff,
    par: *mut sys::xt_action_param,
) -> bool {
    // SAFETY: as for this function.
    unsafe { match_packet(skb, par, offset_of!(Info0, counter)) }
}

/// Either of them.
///
/// # Safety
///
/// As [`pktstat_rs_match`]; the handle of the rule's counter is at `counter_offset` in its config.
#[inline(always)]
unsafe fn match_packet(
    skb: *const sys::sk_buff,
    par: *mut sys::xt_action_param,
    counter_offset: usize,
) -> bool {
    // SAFETY: x_tables' own, on the stack of its caller. The shim checks at build that `matchinfo`
    // is there; it points to the rule's config.
    let info = unsafe {
        *par.byte_add(sys::PKTSTAT_PAR_MATCHINFO as usize)
            .cast::<*const c_void>()
    };
    // SAFETY: the config was filled in by the check, and lives and stays the same as long as the
    // rule, in which this packet is.
    let block = unsafe { *info.byte_add(counter_offset).cast::<u64>() };
    // SAFETY: a constant of the shim's, which nobody writes.
    let len_offset = unsafe { sys::pktstat_shim_skb_len_offset } as usize;
    // SAFETY: the packet is lent for the call; `len` is a u32 at this offset of each.
    let len = unsafe { *skb.byte_add(len_offset).cast::<u32>() };
    // SAFETY: `block` is the handle of blocks that live as long as the rule.
    match unsafe { count_fast(block, len) } {
        Fast::Counted => true,
        Fast::Late { since, base, len } => {
            // SAFETY: the rule's config, as for the handle; both revisions have the flags there.
            if !unsafe { has_any::<{ FLAG_WIRE | FLAGS_ABOVE }>(info) } {
                // SAFETY: the handle of the rule's counter, during the call.
                return unsafe { sys::pktstat_shim_roll_over(block as *mut c_void, len) };
            }
            // SAFETY: as above.
            if unsafe { has_any::<FLAGS_ABOVE>(info) } {
                // SAFETY: as above.
                let flags = unsafe { *info.byte_add(offset_of!(Info, flags)).cast::<u32>() };
                // SAFETY: the packet, the handle of the rule's counter, and what `count_fast` read.
                return unsafe { match_above(skb, since, flags, block, len, base) };
            }
            // SAFETY: the packet is lent for the call.
            if unsafe { is_gso(skb) } {
                // SAFETY: the packet, and the handle of the rule's counter, both during the call.
                return unsafe {
                    sys::pktstat_shim_count_segments(skb, block as *mut c_void, false)
                };
            }
            // SAFETY: as for `count_fast`, which read `since` and `base`.
            let ended = unsafe { add_wire(block, one_packet(len), since, base) };
            // SAFETY: the handle of the rule's counter, during the call.
            unsafe { finish_wire(ended, block, 1, len) }
        }
        // SAFETY: the handle of the rule's counter, during the call.
        Fast::Moved { len } => unsafe { sys::pktstat_shim_recount(block as *mut c_void, 1, len) },
    }
}

/// Whether a rule has any of these flags. In memory: in a register it would cost a packet that opens a
/// window an instruction.
///
/// # Safety
///
/// `info` is a rule's config, of either revision.
#[inline(always)]
unsafe fn has_any<const ANY: u32>(info: *const c_void) -> bool {
    // SAFETY: the caller's config, whose first byte of flags has all that there are.
    unsafe {
        core::arch::asm!(
            "test byte ptr [{info} + {FLAGS}], {ANY}",
            "jne {any}",
            info = in(reg) info,
            FLAGS = const offset_of!(Info, flags),
            ANY = const ANY,
            any = label { return true },
            options(nostack, readonly),
        );
    }
    false
}

/// [`recent_packet`] of one frame.
#[inline(always)]
fn one_packet(mut bytes: u64) -> u64 {
    // SAFETY: sets a bit of a register. The compiler would load a constant of 64 bits first.
    unsafe {
        core::arch::asm!(
            "bts {bytes}, {FRAME_BIT}",
            bytes = inout(reg) bytes,
            FRAME_BIT = const RECENT_FRAME_BIT,
            options(pure, nomem, nostack),
        );
    }
    bytes
}

/// The rest of the way for a rule with `--above` and these `flags`. Not inlined: the other rules' way
/// would need a register more. The parameters are in the order of the registers that have them.
///
/// # Safety
///
/// As [`pktstat_rs_match`]: `block` is the handle of the rule's counter, and now is `since` ticks from
/// `base`, which this CPU's block had.
#[inline(never)]
unsafe fn match_above(
    skb: *const sys::sk_buff,
    since: u64,
    flags: u32,
    block: u64,
    len: u64,
    base: u64,
) -> bool {
    // SAFETY: the packet is lent for the call.
    if flags & FLAG_WIRE != 0 && unsafe { is_gso(skb) } {
        // SAFETY: the packet, and the handle of the rule's counter, both during the call.
        return unsafe { sys::pktstat_shim_count_segments(skb, block as *mut c_void, true) };
    }
    // SAFETY: as the caller promises.
    let ended = unsafe { add_above(block, one_packet(len), since, base) };
    // SAFETY: the handle of the rule's counter, during the call.
    unsafe { finish_above(ended, block, 1, len) }
}

/// Whether the packet stands for several.
///
/// # Safety
///
/// `skb` is a packet, lent for the call.
#[inline(always)]
unsafe fn is_gso(skb: *const sys::sk_buff) -> bool {
    // SAFETY: constants of the shim's, which nobody writes. It checks at build that `end` is a u32,
    // and where the shared info has `gso_size`; that begins `end` bytes after `head` as long as the
    // packet lives.
    unsafe {
        let head_offset = sys::pktstat_shim_skb_head_offset as usize;
        let end_offset = sys::pktstat_shim_skb_end_offset as usize;
        let head = *skb.byte_add(head_offset).cast::<*const u8>();
        let end = *skb.byte_add(end_offset).cast::<u32>();
        let info = head.add(end as usize);
        *info.add(sys::PKTSTAT_INFO_GSO_SIZE as usize).cast::<u16>() != 0
    }
}

/// How the fast path ended.
enum Fast {
    /// The packet is counted.
    Counted,
    /// It is not: now, `since` ticks from `base`, the deadline has passed; or the counter is one with
    /// `--wire` or `--above`.
    Late { since: u64, base: u64, len: u64 },
    /// It is, but a window was turned meanwhile, or the task was moved to another CPU, whose
    /// window may have ended long ago.
    Moved { len: u64 },
}

/// How it ended for a counter with `--wire` or `--above`; see [`Fast`].
enum Shifted {
    /// It is counted. With `--above`, the window is not above as far as this CPU knows.
    Counted,
    /// The same, and the window is above.
    Above,
    Late,
    /// It is counted, and the task was moved, or a window was turned; with `--above`, or this CPU has
    /// counted as much as it may without a look at the others.
    Moved,
}

/// Counts a packet of `len` bytes in this CPU's tally, if its deadline has not passed: reads the
/// ticks, compares, adds, and looks whether the deadline is still the same.
///
/// Each access to the tally is one instruction relative to the CPU's own base, so it may be
/// interrupted and moved anywhere: the addition always is to the CPU's own memory.
///
/// # Safety
///
/// `block` is the handle of valid blocks.
#[inline(always)]
unsafe fn count_fast(block: u64, len: u32) -> Fast {
    let (since, base);
    // A register of its own would cost each packet a copy.
    let packet: u64;
    // SAFETY: the gs base is this CPU's per-CPU base in the kernel, so the operands are fields
    // of this CPU's block; `bts` sets a bit above the 32 of `len`.
    unsafe {
        core::arch::asm!(
            "rdtsc",
            "shl rdx, 32",
            "or rax, rdx",
            "mov {base}, gs:[{block} + {BASE}]",
            "sub rax, {base}",
            "cmp rax, gs:[{block} + {SPAN}]",
            "jae {late}",
            "bts {packet}, {FRAME_BIT}",
            "add gs:[{block} + {RECENT}], {packet}",
            "cmp {base}, gs:[{block} + {BASE}]",
            "jne {moved}",
            block = in(reg) block,
            base = out(reg) base,
            packet = inout(reg) u64::from(len) => packet,
            out("rax") since,
            out("rdx") _,
            BASE = const offset_of!(Tally, base_ticks),
            SPAN = const offset_of!(Tally, span_ticks),
            RECENT = const offset_of!(Tally, recent),
            FRAME_BIT = const RECENT_FRAME_BIT,
            late = label { return Fast::Late { since, base, len: packet } },
            moved = label { return Fast::Moved { len: (packet as u32).into() } },
            options(nostack),
        );
    }
    Fast::Counted
}

/// Adds `packet` to this CPU's tally of a counter with `--wire`, if its deadline has not passed now,
/// `since` ticks from `base`.
///
/// # Safety
///
/// `block` is the handle of valid blocks.
#[inline(always)]
unsafe fn add_wire(block: u64, packet: u64, since: u64, base: u64) -> Shifted {
    // SAFETY: as in `count_fast`.
    unsafe {
        core::arch::asm!(
            "btc {since}, {SHIFTED_BIT}",
            "cmp {since}, gs:[{block} + {SPAN}]",
            "jae {late}",
            "add gs:[{block} + {RECENT}], {packet}",
            "cmp {base}, gs:[{block} + {BASE}]",
            "jne {moved}",
            block = in(reg) block,
            base = in(reg) base,
            packet = in(reg) packet,
            since = inout(reg) since => _,
            SHIFTED_BIT = const SHIFTED_TICKS.trailing_zeros(),
            BASE = const offset_of!(Tally, base_ticks),
            SPAN = const offset_of!(Tally, span_ticks),
            RECENT = const offset_of!(Tally, recent),
            late = label { return Shifted::Late },
            moved = label { return Shifted::Moved },
            options(nostack),
        );
    }
    Shifted::Counted
}

/// The same for one with `--above`, with or without `--wire`. What was counted since the last look is
/// compared with what may be: `xadd` leaves what there was before.
///
/// # Safety
///
/// `block` is the handle of valid blocks.
#[inline(always)]
unsafe fn add_above(block: u64, packet: u64, since: u64, base: u64) -> Shifted {
    // SAFETY: as in `count_fast`.
    unsafe {
        core::arch::asm!(
            "btc {since}, {SHIFTED_BIT}",
            "cmp {since}, gs:[{block} + {SPAN}]",
            "jae {late}",
            "mov {since}, {packet}",
            "xadd gs:[{block} + {RECENT}], {since}",
            "add {since}, {packet}",
            "and {since}, gs:[{block} + {MASK}]",
            "cmp {since}, gs:[{block} + {BAR}]",
            "ja {moved}",
            "cmp {base}, gs:[{block} + {BASE}]",
            "jne {moved}",
            "cmp qword ptr gs:[{block} + {GRANTED}], {ABOVE}",
            "je {above}",
            block = in(reg) block,
            base = in(reg) base,
            packet = in(reg) packet,
            since = inout(reg) since => _,
            SHIFTED_BIT = const SHIFTED_TICKS.trailing_zeros(),
            BASE = const offset_of!(Tally, base_ticks),
            SPAN = const offset_of!(Tally, span_ticks),
            RECENT = const offset_of!(Tally, recent),
            MASK = const in_share(offset_of!(Share, mask)),
            BAR = const in_share(offset_of!(Share, bar)),
            GRANTED = const in_share(offset_of!(Share, granted)),
            ABOVE = const ABOVE as i64,
            late = label { return Shifted::Late },
            moved = label { return Shifted::Moved },
            above = label { return Shifted::Above },
            options(nostack),
        );
    }
    Shifted::Counted
}

/// Counts a packet that the match is true for on this CPU.
///
/// # Safety
///
/// `block` is the handle of valid blocks.
#[inline(always)]
unsafe fn add_matched(block: u64, frames: u64, bytes: u64) {
    // SAFETY: as in `count_fast`.
    unsafe {
        core::arch::asm!(
            "add gs:[{block} + {FRAMES}], {frames}",
            "add gs:[{block} + {BYTES}], {bytes}",
            block = in(reg) block,
            frames = in(reg) frames,
            bytes = in(reg) bytes,
            FRAMES = const in_share(offset_of!(Share, matched_frames)),
            BYTES = const in_share(offset_of!(Share, matched_bytes)),
            options(nostack),
        );
    }
}

/// How many ticks lie between this CPU's base and now, and that base.
///
/// # Safety
///
/// `block` is the handle of valid blocks.
#[inline(always)]
unsafe fn since_base(block: u64) -> (u64, u64) {
    let (since, base): (u64, u64);
    // SAFETY: as in `count_fast`.
    unsafe {
        core::arch::asm!(
            "rdtsc",
            "shl rdx, 32",
            "or rax, rdx",
            "mov {base}, gs:[{block} + {BASE}]",
            "sub rax, {base}",
            block = in(reg) block,
            base = out(reg) base,
            out("rax") since,
            out("rdx") _,
            BASE = const offset_of!(Tally, base_ticks),
            options(nostack, readonly),
        );
    }
    (since, base)
}

/// What is left to do for a packet of a counter with `--wire`. True.
///
/// # Safety
///
/// `block` is the handle of a counter that lives during the call.
#[inline(always)]
unsafe fn finish_wire(ended: Shifted, block: u64, frames: u64, bytes: u64) -> bool {
    match ended {
        Shifted::Counted | Shifted::Above => true,
        // SAFETY: the handle, during the call.
        Shifted::Late => unsafe {
            sys::pktstat_shim_roll_over_wire(block as *mut c_void, frames, bytes)
        },
        // SAFETY: the handle, during the call.
        Shifted::Moved => unsafe { sys::pktstat_shim_recount(block as *mut c_void, frames, bytes) },
    }
}

/// The same with `--above`. The match's result.
///
/// # Safety
///
/// As [`finish_wire`].
#[inline(always)]
unsafe fn finish_above(ended: Shifted, block: u64, frames: u64, bytes: u64) -> bool {
    let is_counted = match ended {
        Shifted::Counted => return false,
        Shifted::Above => {
            // SAFETY: the handle, during the call.
            unsafe { add_matched(block, frames, bytes) };
            return true;
        }
        Shifted::Late => false,
        Shifted::Moved => true,
    };
    // SAFETY: the handle, during the call.
    unsafe { sys::pktstat_shim_above(block as *mut c_void, frames, bytes, is_counted) }
}

/// Counts a packet that is so many frames and bytes on the wire. The match's result.
///
/// # Safety
///
/// Called by the shim, from [`pktstat_rs_match`], with what that had.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_count_segments(
    block: u64,
    frames: u64,
    bytes: u64,
    is_above: bool,
) -> bool {
    // SAFETY: the handle of blocks that live as long as the rule, in which this packet is.
    let (since, base) = unsafe { since_base(block) };
    let packet = recent_packet(frames, bytes);
    let ended = if frames > RECENT_FRAMES_MAX {
        Shifted::Late
    } else if is_above {
        // SAFETY: as above.
        unsafe { add_above(block, packet, since, base) }
    } else {
        // SAFETY: as above.
        unsafe { add_wire(block, packet, since, base) }
    };
    if is_above {
        // SAFETY: as above.
        unsafe { finish_above(ended, block, frames, bytes) }
    } else {
        // SAFETY: as above.
        unsafe { finish_wire(ended, block, frames, bytes) }
    }
}
