// SPDX-License-Identifier: GPL-2.0-or-later
//! A counter's memory on each CPU.

use super::counter::Shared;
use super::error::{from_alloc, Result};
use super::memory::Array;
use super::sys;
use crate::stat::drain::Cursor;
use crate::stat::fifo::{Slot, Tail};
use crate::stat::tally::Tally;
use crate::stat::window::Window;
use core::ffi::c_void;
use core::ptr::NonNull;

/// One CPU's part. The packet path writes the first line, its own CPU only; the second line is
/// written by the reader, and read by the packet path when a window turns.
#[repr(C, align(64))]
pub struct Block {
    /// The tally.
    pub tally: Tally,
    /// The reader's end of the FIFO.
    pub tail: Tail,
    /// The counter's shared part, valid as long as the block.
    pub shared: *const Shared,
    slots: *const Slot,
    slot_count: usize,
}

const _: () = assert!(core::mem::size_of::<Tally>() == 64);
const _: () = assert!(core::mem::offset_of!(Block, tail) == 64);
const _: () = assert!(core::mem::size_of::<Block>() == 128);

/// The slots of the FIFO.
impl AsRef<[Slot]> for Block {
    #[inline(always)]
    fn as_ref(&self) -> &[Slot] {
        // SAFETY: `Blocks` points it to slots that live as long as the block.
        unsafe { core::slice::from_raw_parts(self.slots, self.slot_count) }
    }
}

/// What the kernel's per-CPU macros take: not an address on any CPU.
#[derive(Clone, Copy)]
pub struct Handle(*mut c_void);

impl Handle {
    /// As the rule config carries it.
    pub fn to_bits(self) -> u64 {
        self.0 as u64
    }

    /// From a rule config that the kernel half filled in.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits as *mut c_void)
    }

    fn on(self, cpu: i32) -> *mut Block {
        // SAFETY: the handle is a per-CPU allocation's; only computes an address.
        unsafe { sys::pktstat_shim_percpu_on(self.0, cpu) }.cast()
    }

    /// The counter's shared part.
    ///
    /// # Safety
    ///
    /// The handle is that of [`Blocks`] that live as long as `'a`.
    pub unsafe fn shared<'a>(self) -> &'a Shared {
        let block = self.on(next_cpu(-1).unwrap_or(0));
        // SAFETY: there is a block on each possible CPU, and its pointer is valid as long as it.
        unsafe { &*(*block).shared }
    }
}

fn next_cpu(cpu: i32) -> Option<i32> {
    // SAFETY: any number is allowed.
    let next = unsafe { sys::pktstat_shim_next_cpu(cpu) };
    (next >= 0).then_some(next)
}

/// The CPUs that there may ever be.
pub fn possible_cpus() -> impl Iterator<Item = i32> {
    core::iter::successors(next_cpu(-1), |&cpu| next_cpu(cpu))
}

/// One CPU's block, seen from anywhere.
struct Part {
    block: *const Block,
    slots: Option<Array<Slot>>,
}

impl Default for Part {
    fn default() -> Self {
        Self {
            block: core::ptr::null(),
            slots: None,
        }
    }
}

/// The blocks of a counter, one for each possible CPU: one that is offline keeps its counts.
pub struct Blocks {
    handle: NonNull<c_void>,
    parts: Array<Part>,
}

/// How many slots a FIFO of `samples` windows has.
fn slot_count(samples: u32) -> usize {
    (samples as usize).wrapping_add(1)
}

impl Blocks {
    /// How many bytes the blocks of a counter take.
    pub fn size(samples: u32) -> u64 {
        let cpus = possible_cpus().count() as u64;
        let each = (core::mem::size_of::<Block>() as u64)
            .saturating_add(Array::<Part>::size(1))
            .saturating_add(Array::<Cursor>::size(1))
            .saturating_add(Array::<Slot>::size(slot_count(samples)));
        cpus.saturating_mul(each)
    }

    /// Blocks with FIFOs of `samples` windows, the first of which is `window`, and a cursor for
    /// each.
    pub fn new(samples: u32, window: Window) -> Result<(Self, Array<Cursor>)> {
        let (size, align) = (
            core::mem::size_of::<Block>(),
            core::mem::align_of::<Block>(),
        );
        let mut parts = Array::<Part>::new(possible_cpus().count(), -1)?;
        let cursors = Array::new(parts.len(), -1)?;
        // SAFETY: a small size and a power of two.
        let handle = from_alloc(unsafe { sys::pktstat_shim_percpu_alloc(size, align) })?;
        for (cpu, part) in possible_cpus().zip(parts.iter_mut()) {
            let block = Handle(handle.as_ptr()).on(cpu);
            part.block = block;
            match Array::<Slot>::new(slot_count(samples), cpu) {
                Ok(slots) => {
                    let new = Block {
                        tally: Tally::new(window),
                        tail: Tail::default(),
                        shared: core::ptr::null(),
                        slots: slots.as_ptr(),
                        slot_count: slots.len(),
                    };
                    // SAFETY: the block is in the allocation, and nobody else has it yet.
                    unsafe { block.write(new) };
                    part.slots = Some(slots);
                }
                Err(error) => {
                    // SAFETY: just allocated, and nobody else has it.
                    unsafe { sys::pktstat_shim_percpu_free(handle.as_ptr()) };
                    return Err(error);
                }
            }
        }
        Ok((Self { handle, parts }, cursors))
    }

    /// Tells each block where the shared part is.
    ///
    /// # Safety
    ///
    /// No packet comes yet, and `shared` outlives the blocks.
    pub unsafe fn set_shared(&mut self, shared: *const Shared) {
        for part in self.parts.iter() {
            let block = part.block.cast_mut();
            // SAFETY: valid by `new`, and by the contract nobody reads it yet.
            unsafe { (*block).shared = shared };
        }
    }

    /// What the rule config carries.
    pub fn handle(&self) -> Handle {
        Handle(self.handle.as_ptr())
    }

    /// The blocks, in the order of the CPUs.
    pub fn iter(&self) -> impl Iterator<Item = &Block> {
        self.parts.iter().map(|part| {
            // SAFETY: valid by `new` as long as `self`; what changes in it is atomic.
            unsafe { &*part.block }
        })
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        // SAFETY: ours; who drops the blocks has made sure that no packet and no reader comes.
        unsafe { sys::pktstat_shim_percpu_free(self.handle.as_ptr()) };
    }
}
