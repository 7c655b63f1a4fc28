// SPDX-License-Identifier: GPL-2.0-or-later
//! The rule config: what an iptables rule carries, byte for byte.
//!
//! One truth for the kernel half, the extension and the tools. `c_shim/xt_pktstat.h` says the
//! same in C; build.rs fails where they differ.

/// The match's name: `-m pktstat`.
pub const MATCH_NAME: &str = "pktstat";
/// Its revision: a change of layout is a new revision beside the old one, see [`Info0`].
pub const REVISION: u8 = 1;
/// Bytes of [`Info::name`], with the closing NUL.
pub const NAME_SIZE: usize = 32;
/// [`Info::flags`]: `--wire`.
pub const FLAG_WIRE: u32 = 1;
/// [`Info::flags`]: `--above`, in bits a second.
pub const FLAG_ABOVE_BITS: u32 = 1 << 1;
/// [`Info::flags`]: `--above`, in packets a second.
pub const FLAG_ABOVE_PACKETS: u32 = 1 << 2;
/// The flags of `--above`, one of which is set.
pub const FLAGS_ABOVE: u32 = FLAG_ABOVE_BITS | FLAG_ABOVE_PACKETS;
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
    /// [`FLAG_WIRE`], and one of [`FLAGS_ABOVE`] or none.
    pub flags: u32,
    /// The counter's name, padded with zeros; all zeros for a counter with a number.
    pub name: [u8; NAME_SIZE],
    /// The rate of `--above`; 0 without.
    pub above: u64,
    /// The counter's number, or [`ID_ANY`].
    pub id: u32,
    /// Zero.
    pub reserved: u32,
    /// The kernel's own; never read from userspace, never shown to it.
    pub counter: u64,
}

/// The rule config of revision 0, which had no `--above`: what an extension of then sends, and all
/// that a module of then takes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Info0 {
    /// As in [`Info`], and so are the others.
    pub period_ns: u64,
    /// See [`Info`].
    pub samples: u32,
    /// [`FLAG_WIRE`] or nothing.
    pub flags: u32,
    /// See [`Info`].
    pub name: [u8; NAME_SIZE],
    /// See [`Info`].
    pub id: u32,
    /// See [`Info`].
    pub reserved: u32,
    /// See [`Info`].
    pub counter: u64,
}

impl From<Info0> for Info {
    /// The same rule; flags that revision 0 does not have make it none.
    fn from(old: Info0) -> Self {
        let flags = if old.flags & FLAGS_ABOVE == 0 {
            old.flags
        } else {
            u32::MAX
        };
        Self {
            period_ns: old.period_ns,
            samples: old.samples,
            flags,
            name: old.name,
            above: 0,
            id: old.id,
            reserved: old.reserved,
            counter: old.counter,
        }
    }
}

impl From<Info> for Info0 {
    /// The same but for `--above`.
    fn from(info: Info) -> Self {
        Self {
            period_ns: info.period_ns,
            samples: info.samples,
            flags: info.flags,
            name: info.name,
            id: info.id,
            reserved: info.reserved,
            counter: info.counter,
        }
    }
}

/// Bytes that make two rules the same (`userspacesize` of iptables).
pub const COMPARED_SIZE: usize = core::mem::offset_of!(Info, id);
/// Bytes that userspace sees (`usersize` of the kernel).
pub const VISIBLE_SIZE: usize = core::mem::offset_of!(Info, counter);

const _: () = assert!(core::mem::size_of::<Info>() == 72 && core::mem::size_of::<Info0>() == 64);
const _: () = assert!(COMPARED_SIZE == 56 && VISIBLE_SIZE == 64);
// What the packet path reads of either revision.
const _: () = assert!(core::mem::offset_of!(Info, flags) == core::mem::offset_of!(Info0, flags));
