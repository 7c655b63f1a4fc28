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
use core::mem::{align_of, offset_of, size_of};
use core::ptr;

use libc::{c_char, c_int, c_uint, c_void, option};
use xt_pktstat::abi::{Info, Info0, COMPARED_SIZE, ID_ANY, REVISION};
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
    getopt_entry(Opt::Above),
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

/// A revision of the rule config. libxtables takes the highest that the kernel half has.
trait Config: Copy + Into<Info> + From<Info> + 'static {
    const REVISION: u8;
    /// Bytes up to the number.
    const COMPARED_SIZE: usize;
}

impl Config for Info {
    const REVISION: u8 = REVISION;
    const COMPARED_SIZE: usize = COMPARED_SIZE;
}

impl Config for Info0 {
    const REVISION: u8 = 0;
    const COMPARED_SIZE: usize = offset_of!(Info0, id);
}

type Matches = [xtables_match; 4];

/// One for each revision and each family that the kernel half serves. Not one for all families:
/// arptables and ebtables would offer it then.
///
/// libxtables keeps these for ever and writes to them, from its one thread.
static mut MATCHES: Matches = [
    extension_match::<Info>(sys::NFPROTO_IPV4 as u16),
    extension_match::<Info>(sys::NFPROTO_IPV6 as u16),
    extension_match::<Info0>(sys::NFPROTO_IPV4 as u16),
    extension_match::<Info0>(sys::NFPROTO_IPV6 as u16),
];

const fn extension_match<C: Config>(family: u16) -> xtables_match {
    // SAFETY: null pointers, absent functions and zeros are valid for each field.
    let mut this: xtables_match = unsafe { core::mem::zeroed() };
    this.version = sys::XTABLES_VERSION.as_ptr();
    this.name = c"pktstat".as_ptr();
    this.revision = C::REVISION;
    this.family = family;
    this.size = size_of::<C>();
    this.userspacesize = C::COMPARED_SIZE;
    this.help = Some(help);
    this.init = Some(init::<C>);
    this.parse = Some(parse::<C>);
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
    let count = const { size_of::<Matches>() / size_of::<xtables_match>() } as c_uint;
    // SAFETY: a table of so many that lives for ever and that nothing here refers to meanwhile.
    // iptables loads the extension after it has set up libxtables.
    unsafe { sys::xtables_register_matches(matches, count) }
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
         \t\t\tas its segments, each with its headers\n\
         \x20 --above RATE\t\tmatch only in windows that have carried more:\n\
         \t\t\ta number with bit, kbit, mbit, gbit or tbit,\n\
         \t\t\tor with pps, kpps or mpps\n",
    );
}

/// Called with a rule config of zeros, before the options.
unsafe extern "C" fn init<C: Config>(entry_match: *mut xt_entry_match) {
    // SAFETY: libxtables allocated a rule config of the registered size behind the head, and lends
    // it for the call; this process has one thread.
    let config = unsafe { &mut *config_of::<C>(entry_match) };
    let mut info: Info = (*config).into();
    info.id = ID_ANY;
    *config = info.into();
}

/// Called with each option that getopt found, in the order of the command line.
unsafe extern "C" fn parse<C: Config>(
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
        if opt == Opt::Above && C::REVISION == 0 {
            output::refuse(opt, Fault::Module, value);
        }
        if given.is_empty() {
            compare::without_id::<C>(slot);
        }
        let config = &mut *config_of::<C>(*slot);
        let mut info = (*config).into();
        if let Err(fault) = given.take(opt, value.to_bytes(), invert != 0, &mut info) {
            output::refuse(opt, fault, value);
        }
        *config = info.into();
        if opt == Opt::Id {
            compare::with_id::<C>(slot, &raw mut MATCHES);
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
fn config_of<C: Config>(entry_match: *mut xt_entry_match) -> *mut C {
    // The head is as long as its alignment to 8 asks for, so the rule config is aligned too.
    const { assert!(size_of::<xt_entry_match>().is_multiple_of(align_of::<C>())) };
    entry_match.wrapping_add(1).cast()
}

/// The rule in a match, by the revision that its head names: iptables-nft has a rule shown by the
/// revision that it would add, whichever the rule is of.
///
/// # Safety
///
/// As long as its head says, and all of it may be read.
unsafe fn rule_of(entry_match: *const xt_entry_match) -> Result<Rule, RuleError> {
    // SAFETY: the caller promises a head that can be read during the call; iptables has filled it in
    // as one of its own or of the kernel's.
    let revision = unsafe { (*entry_match).u.user.revision };
    // SAFETY: what the caller promises.
    let info = unsafe {
        match revision {
            0 => read::<Info0>(entry_match).map(Info::from),
            REVISION => read::<Info>(entry_match),
            _ => None,
        }
    };
    Rule::from_info(&info.ok_or(RuleError::Reserved)?)
}

/// The rule config in a match, if there is room for it.
///
/// # Safety
///
/// As for [`rule_of`].
unsafe fn read<C: Config>(entry_match: *const xt_entry_match) -> Option<C> {
    // SAFETY: the caller promises a head that can be read during the call.
    let size = unsafe { (*entry_match).u.match_size };
    if usize::from(size) < size_of::<xt_entry_match>() + size_of::<C>() {
        return None;
    }
    // SAFETY: the rule config is inside, as just checked. A match in a table that the kernel
    // handed out begins where the one before it ends, so no alignment is asked for.
    Some(unsafe { config_of::<C>(entry_match.cast_mut()).read_unaligned() })
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
