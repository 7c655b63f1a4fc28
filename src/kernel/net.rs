// SPDX-License-Identifier: GPL-2.0-or-later
//! The counters of a network namespace, and the coming and going of the rules that refer to them.
//!
//! iptables-legacy replaces a whole table at each change: all rules of the new one are checked
//! before those of the old one are destroyed. So a rule that comes back finds its counter, by
//! name or by the number that the check once wrote into it, and a count of rules carries the
//! counter over.

use super::counter::{Counter, Shared};
use super::error::{from_result, Error, Result};
use super::log;
use super::memory::Boxed;
use super::mutex::{Mutex, Rank};
use super::percpu::Handle;
use super::proc::{Dir, Owner};
use super::sys;
use crate::abi::{Info, ID_ANY, ID_MAX};
use crate::decimal::Writer;
use crate::rule::{Label, Rule};
use crate::sync::Ordering;
use core::ffi::{c_int, c_void};
use core::ptr::NonNull;

/// A network namespace.
///
/// Goes when both the namespace and its last counter have gone: the rules are destroyed after
/// the namespace's own exit.
pub struct Net {
    registry: Mutex<Registry>,
}

struct Registry {
    /// Where the counters' directories are; `None` once the namespace is gone.
    dir: Option<Dir>,
    /// Numbered counters by number, then those with names.
    first: Option<NonNull<Counter>>,
    counters: u32,
}

/// The counters of a namespace, one after the other.
fn counters<'a>(first: Option<NonNull<Counter>>) -> impl Iterator<Item = &'a Counter> {
    // SAFETY: those in the list are valid, and it changes under the registry's mutex only, which
    // who has `first` holds.
    let get = |place: NonNull<Counter>| unsafe { &*place.as_ptr() };
    core::iter::successors(first.map(get), move |counter| counter.next.map(get))
}

fn number(counter: &Counter) -> Option<u16> {
    match counter.rule().label {
        Label::Id(id) => Some(id),
        _ => None,
    }
}

/// Whether `rule` may share `counter`; if not, the log says what differs.
#[inline(never)]
fn agree(counter: &Counter, rule: &Rule) -> Result {
    let its = counter.rule();
    let values = [
        ("period_ns ", its.period_ns.get(), rule.period_ns.get()),
        (
            "samples ",
            its.samples.get().into(),
            rule.samples.get().into(),
        ),
        ("wire ", its.wire.into(), rule.wire.into()),
    ];
    if values.iter().all(|(_, its, new)| its == new) {
        return Ok(());
    }
    log::warn(|line| {
        line.bytes(b"counter ");
        counter.write_label(line);
        line.bytes(b" has");
        for (key, its, new) in values.iter().filter(|(_, its, new)| its != new) {
            line.bytes(b" ");
            line.bytes(key.as_bytes());
            line.number(*its);
            line.bytes(b" and not ");
            line.number(*new);
        }
    });
    Err(Error::EINVAL)
}

fn refuse(error: Error, say: impl FnOnce(&mut Writer<'_>)) -> Error {
    log::warn(say);
    error
}

impl Registry {
    fn lowest_free_number(&self) -> Option<u16> {
        let mut free = 0_u32;
        for taken in counters(self.first).map_while(number) {
            if u32::from(taken) != free {
                break;
            }
            free = free.wrapping_add(1);
        }
        u16::try_from(free).ok().filter(|_| free <= ID_MAX)
    }

    /// The counter that `rule` refers to, made if there is none; with one more rule.
    fn acquire(&mut self, rule: &Rule, net: &Net, owner: Owner) -> Result<&Counter> {
        let wanted = |counter: &&Counter| counter.rule().label == rule.label;
        if let Some(counter) = counters(self.first).find(wanted) {
            agree(counter, rule)?;
            counter.rules().fetch_add(1, Ordering::Relaxed);
            return Ok(counter);
        }
        let mut rule = *rule;
        if rule.label == Label::Any {
            rule.label = Label::Id(self.lowest_free_number().ok_or(Error::ENOSPC)?);
        }
        self.create(&rule, net, owner)
    }

    #[inline(never)]
    fn create(&mut self, rule: &Rule, net: &Net, owner: Owner) -> Result<&Counter> {
        let dir = self.dir.as_ref().ok_or(Error::ENOMEM)?;
        // SAFETY: a parameter of the module; root may change it at any time, whole.
        let most = unsafe { (&raw const sys::pktstat_shim_max_counters).read_volatile() };
        if self.counters >= most {
            return Err(refuse(Error::ENOSPC, |line| {
                line.bytes(b"max_counters allows ");
                line.number(most.into());
                line.bytes(b" counters in a network namespace");
            }));
        }
        // SAFETY: as above.
        let mib = unsafe { (&raw const sys::pktstat_shim_max_memory_mib).read_volatile() };
        let size = Counter::size(rule);
        if size > u64::from(mib) << 20 {
            return Err(refuse(Error::ENOMEM, |line| {
                line.bytes(b"max_memory allows ");
                line.number(mib.into());
                line.bytes(b" MiB for a counter, and this one would take ");
                line.number(size.div_ceil(1 << 20));
            }));
        }
        let place = Counter::new(rule, NonNull::from(net))?;
        // SAFETY: just made, and in no list yet.
        let counter = unsafe { &mut *place.as_ptr() };
        if let Err(error) = counter.publish(dir, owner) {
            // SAFETY: in no list and in no rule.
            drop(unsafe { Boxed::from_raw(place) });
            return Err(error);
        }
        let mut link = &mut self.first;
        while let Some(next) = *link {
            // SAFETY: in the list, so valid; under the mutex nobody else changes it.
            let next = unsafe { &mut *next.as_ptr() };
            let behind = match (number(next), number(counter)) {
                (Some(next), Some(new)) => next > new,
                (Some(_), None) => false,
                (None, _) => true,
            };
            if behind {
                break;
            }
            link = &mut next.next;
        }
        counter.next = *link;
        *link = Some(place);
        self.counters = self.counters.wrapping_add(1);
        Ok(counter)
    }

    /// Takes `place` out of the list and frees it. No rule refers to it any more.
    fn remove(&mut self, place: NonNull<Counter>) {
        let mut link = &mut self.first;
        while let Some(next) = *link {
            // SAFETY: in the list, so valid; under the mutex nobody else changes it.
            let counter = unsafe { &mut *next.as_ptr() };
            if next == place {
                *link = counter.next;
                self.counters = self.counters.wrapping_sub(1);
                counter.remove_files();
                // SAFETY: no rule, no list and, the files gone, no reader has it.
                drop(unsafe { Boxed::from_raw(place) });
                return;
            }
            link = &mut counter.next;
        }
    }
}

impl Net {
    fn check(&self, info: &mut Info, owner: Owner) -> Result {
        let rule = Rule::from_info(info).or(Err(Error::EINVAL))?;
        let mut registry = self.registry.lock();
        let counter = registry.acquire(&rule, self, owner)?;
        info.id = number(counter).map_or(ID_ANY, u32::from);
        info.reserved = 0;
        info.counter = counter.handle().to_bits();
        Ok(())
    }
}

/// Frees the namespace if nothing of it is left. `registry` is what was left, looked at under
/// the mutex.
///
/// # Safety
///
/// `net` is from [`pktstat_rs_net_init`], and where it is gone and empty, nobody uses it.
unsafe fn free_if(net: NonNull<Net>, gone_and_empty: bool) {
    if gone_and_empty {
        // SAFETY: by the contract.
        drop(unsafe { Boxed::from_raw(net) });
    }
}

impl Registry {
    fn is_gone_and_empty(&self) -> bool {
        self.dir.is_none() && self.first.is_none()
    }
}

/// A rule is to be added. Process context. `uid` and `gid` are to own the counter's files: what
/// root of the namespace is outside may not be known yet when the namespace comes.
///
/// # Safety
///
/// For x_tables: `net` is what [`pktstat_rs_net_init`] returned for a live namespace, `info` a
/// rule config that nobody else uses.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_check(
    net: *mut c_void,
    info: *mut c_void,
    uid: u32,
    gid: u32,
) -> c_int {
    // SAFETY: by the contract.
    let (net, info) = unsafe { (&*net.cast::<Net>(), &mut *info.cast::<Info>()) };
    from_result(net.check(info, Owner { uid, gid }))
}

/// A rule is gone, and no packet is in it any more. Process context.
///
/// # Safety
///
/// For x_tables: `info` is a rule config that passed the check.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_destroy(info: *const c_void) {
    // SAFETY: by the contract.
    let handle = Handle::from_bits(unsafe { (*info.cast::<Info>()).counter });
    // SAFETY: the rule has kept its counter.
    let shared: &Shared = unsafe { handle.shared() };
    let place = shared.counter();
    // SAFETY: as above.
    let counter = unsafe { place.as_ref() };
    let net = counter.net();
    // SAFETY: a namespace is kept by its counters.
    let mut registry = unsafe { net.as_ref() }.registry.lock();
    if counter.rules().fetch_sub(1, Ordering::Relaxed) == 1 {
        registry.remove(place);
    }
    let gone_and_empty = registry.is_gone_and_empty();
    drop(registry);
    // SAFETY: the namespace's exit is over, so nothing but rules could come, and there are none.
    unsafe { free_if(net, gone_and_empty) };
}

/// A namespace comes. Null where there is no memory.
///
/// # Safety
///
/// `dir` is its directory, which goes in [`pktstat_rs_net_exit`].
#[no_mangle]
unsafe extern "C" fn pktstat_rs_net_init(dir: *mut sys::proc_dir_entry) -> *mut c_void {
    let new = || {
        let dir = NonNull::new(dir).ok_or(Error::EINVAL)?;
        let registry = Registry {
            dir: None,
            first: None,
            counters: 0,
        };
        let registry = Mutex::new(Rank::Registry, registry)?;
        let net = Boxed::new(Net { registry })?;
        // SAFETY: by the contract. Last: where this fails, the caller removes the directory.
        net.registry.lock().dir = Some(unsafe { Dir::from_raw(dir) });
        Ok(net)
    };
    let net: Result<Boxed<Net>> = new();
    net.map_or(core::ptr::null_mut(), |net| net.into_raw().as_ptr().cast())
}

/// The namespace goes; its rules are destroyed later.
///
/// # Safety
///
/// `net` is what [`pktstat_rs_net_init`] returned.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_net_exit(net: *mut c_void) {
    let Some(net) = NonNull::new(net.cast::<Net>()) else {
        return;
    };
    // SAFETY: by the contract.
    let mut registry = unsafe { net.as_ref() }.registry.lock();
    // All files of the namespace at once.
    registry.dir = None;
    let mut next = registry.first;
    while let Some(place) = next {
        // SAFETY: in the list, so valid; under the mutex nobody else changes it.
        let counter = unsafe { &mut *place.as_ptr() };
        counter.forget_files();
        next = counter.next;
    }
    let gone_and_empty = registry.is_gone_and_empty();
    drop(registry);
    // SAFETY: the exit is the last to come from the namespace itself.
    unsafe { free_if(net, gone_and_empty) };
}
