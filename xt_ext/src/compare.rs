// SPDX-License-Identifier: GPL-2.0-or-later
//! How many bytes of a rule config make two rules the same, for `-D` and `-C`.
//!
//! iptables compares `userspacesize` bytes of them, and that ends before the number: a rule can be
//! deleted by its specification without the number that the kernel gave it. With `--id`, that very
//! rule is meant, and another one that differs in the number alone must not lose its counter. So a
//! given `--id` moves `userspacesize` behind the number.
//!
//! iptables-legacy compares right after it parsed a rule, with the `userspacesize` of the very
//! object that was parsed into. iptables-nft compares when it commits, with copies of the
//! registered match: there it is one for all rules of a commit, and stays moved once it was. In a
//! mixed iptables-restore file, `-D` without `--id` then finds no rule, and the restore fails as a
//! whole. The other way round it would delete the wrong one.

use core::mem::{offset_of, size_of};

use crate::sys::{self, xt_entry_match, xtables_match};
use crate::{Config, Matches};

/// Up to the number, and with it.
const fn size_with_id<C: Config>() -> usize {
    C::COMPARED_SIZE + size_of::<u32>()
}

/// A new rule is parsed: its number does not count until it is given.
///
/// # Safety
///
/// As [`parsed_match`].
pub unsafe fn without_id<C: Config>(slot: *mut *mut xt_entry_match) {
    if !at_commit() {
        // SAFETY: libxtables' own match, which it lends to the parse function that calls; this
        // process has one thread.
        unsafe { (*parsed_match(slot)).userspacesize = C::COMPARED_SIZE };
    }
}

/// The rule's number was given.
///
/// # Safety
///
/// As [`parsed_match`]; nothing refers to the `registered` matches meanwhile.
pub unsafe fn with_id<C: Config>(slot: *mut *mut xt_entry_match, registered: *mut Matches) {
    // SAFETY: as in `without_id`. The registered ones live for ever, and by the caller's promise
    // nobody else has a reference to them now.
    unsafe {
        (*parsed_match(slot)).userspacesize = size_with_id::<C>();
        if at_commit() {
            for each in &mut *registered {
                if each.revision == C::REVISION {
                    each.userspacesize = size_with_id::<C>();
                }
            }
        }
    }
}

/// The match that is being parsed: the registered one, or the copy that libxtables makes where a
/// rule has `-m pktstat` more than once.
///
/// # Safety
///
/// `slot` is what libxtables hands to a parse function: the field `m` of an [`xtables_match`].
unsafe fn parsed_match(slot: *mut *mut xt_entry_match) -> *mut xtables_match {
    // SAFETY: as the caller promises, so the match begins that many bytes before its field.
    unsafe { slot.byte_sub(offset_of!(xtables_match, m)).cast() }
}

/// Whether rules are compared at commit. Only iptables-legacy does not; it is known by the way
/// in which it asks for revisions.
fn at_commit() -> bool {
    // SAFETY: libxtables sets xt_params before it loads an extension and never unsets it. What it
    // points to is iptables' own static, and this process has one thread.
    let globals = unsafe { sys::xt_params.as_ref() };
    let asks = globals.and_then(|globals| globals.compat_rev);
    asks.map(|asks| asks as usize) != Some(sys::xtables_compatible_revision as *const () as usize)
}
