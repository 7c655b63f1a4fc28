// SPDX-License-Identifier: GPL-2.0-or-later
//! The rule config: what an iptables rule carries, byte for byte.
//!
//! One truth for the kernel half, the extension and the tools. `c_shim/xt_pktstat.h` says the
//! same in C; build.rs fails where they differ.

/// The match's name: `-m pktstat`.
pub const MATCH_NAME: &str = "pktstat";
/// Its revision: a change of layout is a new revision beside the old one.
pub const REVISION: u8 = 0;
/// Bytes of [`Info::name`], with the closing NUL.
pub const NAME_SIZE: usize = 32;
/// [`Info::flags`]: `--wire`.
pub const FLAG_WIRE: u32 = 1;
/// [`Info::id`] of a rule that leaves the number to the kernel, and of a rule with a name.
pub const ID_ANY: u32 = u32::MAX;

/// Shortest period, 1 us.
pub const PERIOD_MIN_NS: u64 = 1_000;
/// Longest period, 1 h.
pub const PERIOD_MAX_NS: u64 = 3_600_000_000_000;
/// Most closed windows that a FIFO holds on one CPU.
pub const SAMPLES_MAX: u32 = 1 << 20;
/// Largest number of a counter without a name.
pub const ID_MAX: u32 = 65_535;

/// The rule config, the same for 32-bit and 64-bit userland.
///
/// iptables compares a rule by the bytes before `id` and hands back to the kernel the bytes
/// before `counter`: so what the kernel writes into `id` comes back at each change of the table,
/// and a rule is still found by its specification.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Info {
    /// Width of a window, ns.
    pub period_ns: u64,
    /// Closed windows that the FIFO holds on each CPU.
    pub samples: u32,
    /// [`FLAG_WIRE`] or nothing.
    pub flags: u32,
    /// The counter's name, padded with zeros; all zeros for a counter with a number.
    pub name: [u8; NAME_SIZE],
    /// The counter's number, or [`ID_ANY`].
    pub id: u32,
    /// Zero.
    pub reserved: u32,
    /// The kernel's own; never read from userspace, never shown to it.
    pub counter: u64,
}

/// Bytes that make two rules the same (`userspacesize` of iptables).
pub const COMPARED_SIZE: usize = core::mem::offset_of!(Info, id);
/// Bytes that userspace sees (`usersize` of the kernel).
pub const VISIBLE_SIZE: usize = core::mem::offset_of!(Info, counter);

const _: () = assert!(core::mem::size_of::<Info>() == 64);
const _: () = assert!(COMPARED_SIZE == 48 && VISIBLE_SIZE == 56);
