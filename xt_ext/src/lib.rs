// SPDX-License-Identifier: GPL-2.0-or-later
//! libxt_pktstat.so: `-m pktstat` for iptables and ip6tables.
//!
//! It uses the old `parse` and `extra_opts` interface of libxtables, on purpose: that of the
//! newer one changed its layout between iptables 1.8.9 and 1.8.11 under the same version.
#![no_std]

mod compare;
mod options;
mod output;
mod sys;

use core::ffi::CStr;
use core::mem::{align_of, size_of};
use core::ptr;

use libc::{c_char, c_int, c_uint, c_void, option};
use xt_pktstat::abi::{Info, COMPARED_SIZE, ID_ANY, REVISION};
use xt_pktstat::rule::{Rule, RuleError};

use options::{Fault, Given, Opt};
use sys::{xt_entry_match, xtables_match};

/// What getopt reads: a table that ends with an entry of zeros.
#[repr(transparent)]
struct Options([option; Opt::ALL.len() + 1]);

// SAFETY: nothing ever writes to it, and its pointers go to constants.
unsafe impl Sync for Options {}

static OPTIONS: Options = Options([
    getopt_entry(Opt::Period),
    getopt_entry(Opt::Samples),
    getopt_entry(Opt::Name),
    getopt_entry(Opt::Id),
    getopt_entry(Opt::Wire),
    option {
        name: ptr::null(),
        has_arg: 0,
        flag: ptr::null_mut(),
        val: 0,
    },
]);

const fn getopt_entry(opt: Opt) -> option {
    option {
        name: opt.name().as_ptr(),
        has_arg: opt.has_value() as c_int,
        flag: ptr::null_mut(),
        val: opt as c_int,
    }
}

/// One for each family that the kernel half serves. Not one for all: arptables and ebtables would
/// offer it then.
///
/// libxtables keeps these two for ever and writes to them, from its one thread.
static mut MATCHES: [xtables_match; 2] = [
    extension_match(sys::NFPROTO_IPV4 as u16),
    extension_match(sys::NFPROTO_IPV6 as u16),
];

const fn extension_match(family: u16) -> xtables_match {
    // SAFETY: null pointers, absent functions and zeros are valid for each field.
    let mut this: xtables_match = unsafe { core::mem::zeroed() };
    this.version = sys::XTABLES_VERSION.as_ptr();
    this.name = c"pktstat".as_ptr();
    this.revision = REVISION;
    this.family = family;
    this.size = size_of::<Info>();
    this.userspacesize = COMPARED_SIZE;
    this.help = Some(help);
    this.init = Some(init);
    this.parse = Some(parse);
    this.final_check = Some(final_check);
    this.print = Some(print);
    this.save = Some(save);
    this.extra_opts = &raw const OPTIONS.0 as *const option;
    this
}

#[used]
#[link_section = ".init_array"]
static REGISTER: extern "C" fn() = register;

extern "C" fn register() {
    let matches = (&raw mut MATCHES).cast::<xtables_match>();
    // SAFETY: a table of two that lives for ever and that nothing here refers to meanwhile.
    // iptables loads the extension after it has set up libxtables.
    unsafe { sys::xtables_register_matches(matches, 2) }
}

unsafe extern "C" fn help() {
    output::put(
        b"pktstat match options:\n\
         \x20 --period T\t\twidth of a window: a number with ns, us, ms or s\n\
         \t\t\t(ms if left out), 1us to 3600s\n\
         \x20 --samples N\t\tclosed windows that the counter holds,\n\
         \t\t\t1 to 1048576\n\
         \x20 --name S\t\tname the counter\n\
         \x20 --id N\t\tnumber of a counter without a name, 0 to 65535\n\
         \t\t\t(left out: the lowest free one)\n\
         \x20 --wire\t\tcount what is on the wire: a GSO or GRO packet\n\
         \t\t\tas its segments, each with its headers\n",
    );
}

/// Called with a rule config of zeros, before the options.
unsafe extern "C" fn init(entry_match: *mut xt_entry_match) {
    // SAFETY: libxtables allocated a rule config of the registered size behind the head, and lends
    // it for the call; this process has one thread.
    unsafe { (*info_of(entry_match)).id = ID_ANY };
}

/// Called with each option that getopt found, in the order of the command line.
unsafe extern "C" fn parse(
    number: c_int,
    _argv: *mut *mut c_char,
    invert: c_int,
    flags: *mut c_uint,
    _entry: *const c_void,
    slot: *mut *mut xt_entry_match,
) -> c_int {
    let Some(opt) = Opt::from_getopt(number) else {
        return 0;
    };
    let value = value_of(opt);
    // SAFETY: `flags` and `slot` are fields of the match that libxtables asks about, and behind
    // the head that `slot` points to is a rule config of the registered size. This process has
    // one thread, so for the time of the call they are ours.
    unsafe {
        let mut given = Given(*flags);
        if given.is_empty() {
            compare::without_id(slot);
        }
        let info = &mut *info_of(*slot);
        if let Err(fault) = given.take(opt, value.to_bytes(), invert != 0, info) {
            output::refuse(opt, fault, value);
        }
        if opt == Opt::Id {
            compare::with_id(slot, &raw mut MATCHES);
        }
        *flags = given.0;
    }
    1
}

unsafe extern "C" fn final_check(flags: c_uint) {
    if let Some(option) = Given(flags).missing() {
        output::refuse(option, Fault::Missing, c"");
    }
}

unsafe extern "C" fn print(_: *const c_void, entry_match: *const xt_entry_match, _: c_int) {
    // SAFETY: libxtables lends a whole match for the call, and nobody writes to it meanwhile.
    match unsafe { rule_of(entry_match) } {
        Ok(rule) => output::print(&rule),
        Err(error) => output::not_a_rule(error),
    }
}

unsafe extern "C" fn save(_: *const c_void, entry_match: *const xt_entry_match) {
    // SAFETY: libxtables lends a whole match for the call, and nobody writes to it meanwhile.
    match unsafe { rule_of(entry_match) } {
        Ok(rule) => output::save(&rule),
        Err(error) => output::not_a_rule(error),
    }
}

/// What getopt found behind an option.
fn value_of(opt: Opt) -> &'static CStr {
    // SAFETY: getopt sets it before iptables asks an extension, and this process has one thread.
    let value = unsafe { sys::optarg };
    if !opt.has_value() || value.is_null() {
        return c"";
    }
    // SAFETY: a word of the command line or of a restore file's line. Both end with NUL and
    // outlive the call, and nobody keeps the value longer.
    unsafe { CStr::from_ptr(value) }
}

/// The rule config behind the head of a match.
fn info_of(entry_match: *mut xt_entry_match) -> *mut Info {
    // The head is as long as its alignment to 8 asks for, so the rule config is aligned too.
    const { assert!(size_of::<xt_entry_match>().is_multiple_of(align_of::<Info>())) };
    entry_match.wrapping_add(1).cast()
}

/// The rule in a match.
///
/// # Safety
///
/// As long as its head says, and all of it may be read.
unsafe fn rule_of(entry_match: *const xt_entry_match) -> Result<Rule, RuleError> {
    // SAFETY: the caller promises a head that can be read during the call.
    let size = unsafe { (*entry_match).u.match_size };
    if usize::from(size) < size_of::<xt_entry_match>() + size_of::<Info>() {
        return Err(RuleError::Reserved);
    }
    // SAFETY: the rule config is inside, as just checked. A match in a table that the kernel
    // handed out begins where the one before it ends, so no alignment is asked for.
    let info = unsafe { info_of(entry_match.cast_mut()).read_unaligned() };
    Rule::from_info(&info)
}

#[cfg(not(test))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    output::abort()
}

/// What the ready-made core of an unoptimized build refers to for unwinding, which panic = "abort"
/// rules out.
#[cfg(all(not(test), debug_assertions))]
#[no_mangle]
extern "C" fn rust_eh_personality() {}
