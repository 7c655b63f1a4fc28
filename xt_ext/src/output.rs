// SPDX-License-Identifier: GPL-2.0-or-later
//! What the extension prints. All of it goes through libc and libxtables: their buffers are the
//! ones that iptables flushes, in its order.

use core::ffi::CStr;

use libc::c_int;
use xt_pktstat::rate::RATE_TEXT;
use xt_pktstat::rule::{format_period, Label, Rule, RuleError, PERIOD_TEXT};

use crate::options::{Fault, Opt};
use crate::sys;

/// Longest value of an option that an error message repeats.
const REPEATED: usize = 40;

/// Ends iptables with exit status 2 and one line that names the option and what it takes.
pub fn refuse(option: Opt, fault: Fault, value: &CStr) -> ! {
    let (option, takes) = match fault {
        Fault::NameAndId => (Opt::Id, RuleError::NameAndId.takes()),
        Fault::AboveOfPeriod => (Opt::Above, RuleError::AboveOfPeriod.takes()),
        Fault::Module => (
            option,
            "a newer xt_pktstat module than the one that is loaded",
        ),
        _ => (option, option.takes()),
    };
    let (why, value, end) = match fault {
        Fault::Value if is_short_line(value) => (c", not \"", value, c"\""),
        Fault::Value | Fault::NameAndId | Fault::AboveOfPeriod | Fault::Module => (c"", c"", c""),
        Fault::Inverted => (c"; \"!\" is not for it", c"", c""),
        Fault::Twice => (c"; it is given twice", c"", c""),
        Fault::Missing => (c"; it is missing", c"", c""),
    };
    // SAFETY: libxtables sets xt_params before it loads an extension and never unsets it. What it
    // points to is iptables' own static, and this process has one thread.
    let exit_err = unsafe { sys::xt_params.as_ref() }.and_then(|globals| globals.exit_err);
    if let Some(exit_err) = exit_err {
        let (length, takes) = counted(takes.as_bytes());
        // SAFETY: the five arguments are what the format asks for: four strings that end with
        // NUL, and a length with the bytes it counts. It does not return, by xtables.h.
        unsafe {
            exit_err(
                sys::PARAMETER_PROBLEM,
                c"pktstat: --%s takes %.*s%s%s%s".as_ptr(),
                option.name().as_ptr(),
                length,
                takes,
                why.as_ptr(),
                value.as_ptr(),
                end.as_ptr(),
            )
        }
    }
    abort()
}

/// Prints the rule as `iptables -L` shows it, for people.
pub fn print(rule: &Rule) {
    put(b" pktstat");
    match &rule.label {
        Label::Name(name) => option(b" name ", name.as_bytes()),
        Label::Id(id) => number(b" id ", (*id).into()),
        Label::Any => {}
    }
    let mut out = [0; PERIOD_TEXT];
    let text = format_period(rule.period_ns.get(), &mut out);
    option(b" period ", text);
    if text.last().is_some_and(u8::is_ascii_digit) {
        put(b"ms");
    }
    number(b" samples ", rule.samples.get());
    if rule.wire {
        put(b" wire");
    }
    if let Some(rate) = rule.above {
        option(b" above ", rate.format(&mut [0; RATE_TEXT]));
    }
}

/// Prints the rule as `iptables -S` and `iptables-save` show it: it is read back as it was.
pub fn save(rule: &Rule) {
    let mut out = [0; PERIOD_TEXT];
    option(b" --period ", format_period(rule.period_ns.get(), &mut out));
    number(b" --samples ", rule.samples.get());
    match &rule.label {
        Label::Name(name) => option(b" --name ", name.as_bytes()),
        Label::Id(id) => number(b" --id ", (*id).into()),
        Label::Any => {}
    }
    if rule.wire {
        put(b" --wire");
    }
    if let Some(rate) = rule.above {
        option(b" --above ", rate.format(&mut [0; RATE_TEXT]));
    }
}

/// Prints, in the place of a rule config that is none, what is wrong with it. Not to be read
/// back: a restore must fail rather than count something else.
pub fn not_a_rule(error: RuleError) {
    put(b" [pktstat: ");
    put(error.option().as_bytes());
    put(b" takes ");
    put(error.takes().as_bytes());
    put(b"]");
}

/// Prints `text` as it is.
pub fn put(text: &[u8]) {
    let (length, text) = counted(text);
    // SAFETY: the format reads that many bytes from there and no more.
    unsafe { libc::printf(c"%.*s".as_ptr(), length, text) };
}

/// Ends the process, where nothing else can be done.
pub fn abort() -> ! {
    // SAFETY: it asks for nothing and does not return.
    unsafe { libc::abort() }
}

fn option(word: &[u8], value: &[u8]) {
    put(word);
    put(value);
}

fn number(word: &[u8], value: u32) {
    put(word);
    // SAFETY: `%u` takes an unsigned int, which u32 is wherever Linux runs.
    unsafe { libc::printf(c"%u".as_ptr(), value) };
}

/// A text as `%.*s` takes it. All texts here are short; a longer one would be cut.
fn counted(text: &[u8]) -> (c_int, *const u8) {
    (
        c_int::try_from(text.len()).unwrap_or(c_int::MAX),
        text.as_ptr(),
    )
}

fn is_short_line(text: &CStr) -> bool {
    let text = text.to_bytes();
    text.len() <= REPEATED && text.iter().all(|byte| matches!(byte, b' '..=b'~'))
}
