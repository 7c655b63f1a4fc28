// SPDX-License-Identifier: GPL-2.0-or-later
//! The panic handler, which the compiler demands and the build's gates show to be unreachable.

use super::sys;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: takes nothing, and printing is allowed in every context.
    unsafe { sys::pktstat_shim_bug() };
    // SAFETY: an invalid instruction: the kernel ends what runs here with an Oops.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        core::arch::asm!("ud2", options(noreturn, nomem, nostack))
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        core::arch::asm!("udf #0", options(noreturn, nomem, nostack))
    }
}
