// SPDX-License-Identifier: GPL-2.0-or-later
//! Bugs, planted for the lab's sanitizers to find: each must turn a run red. If one does not, a
//! flag was lost, and what else is green there means nothing.

use crate::kernel::sys;
use core::cell::UnsafeCell;
use core::hint::black_box;
use core::sync::atomic::AtomicU8;

const SIZE: usize = 60;
static GLOBAL: [AtomicU8; 13] = [const { AtomicU8::new(0) }; 13];

/// Does what is wrong. Process context.
///
/// # Safety
///
/// None whatever.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_plant(which: u32) {
    // SAFETY: this one is right.
    let memory = unsafe { sys::pktstat_shim_alloc(SIZE, -1) }.cast::<u8>();
    if memory.is_null() {
        return;
    }
    let end = black_box(SIZE);
    // SAFETY: there is none: that is what is to be found.
    unsafe {
        match which {
            0 => memory.add(end).write_volatile(1),
            1 => {
                black_box(memory.add(end).read_volatile());
            }
            2 => {
                let mut copy = [0_u8; 2 * SIZE];
                core::ptr::copy_nonoverlapping(memory, copy.as_mut_ptr(), end + 5);
                black_box(&copy);
            }
            3 => {
                let stack = black_box([0_u8; 13]);
                black_box(stack.as_ptr().add(black_box(13)).read_volatile());
            }
            4 => {
                black_box(
                    GLOBAL
                        .as_ptr()
                        .cast::<u8>()
                        .add(black_box(13))
                        .read_volatile(),
                );
            }
            _ => {}
        }
        sys::pktstat_shim_free(memory.cast());
        if which == 5 {
            black_box(memory.read_volatile());
        }
    }
}

static RACED: Raced = Raced(UnsafeCell::new(0));
struct Raced(UnsafeCell<u64>);
// SAFETY: there is none either.
unsafe impl Sync for Raced {}

/// One step of what races with itself on another CPU.
///
/// # Safety
///
/// None.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_race() {
    let raced = black_box(RACED.0.get());
    // SAFETY: that is what is to be found.
    unsafe { *raced = (*raced).wrapping_add(1) };
}
