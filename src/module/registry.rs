// SPDX-License-Identifier: GPL-2.0-or-later
//! The counters of a network namespace, and the coming and going of the rules that refer to them.
//!
//! iptables-legacy replaces a whole table at each change: all rules of the new one are checked
//! before those of the old one are destroyed. So a rule that comes back finds its counter, by
//! name or by the number that the check once wrote into it, and a count of rules carries the
//! counter over.

use super::counter::Counter;
use crate::abi::{Info, Info0, ID_ANY, ID_MAX};
use crate::decimal::Writer;
use crate::kernel::error::{from_result, Error, Result};
use crate::kernel::log;
use crate::kernel::memory::{Arc, Boxed, ForeignOwnable};
use crate::kernel::mutex::{Mutex, Rank};
use crate::kernel::proc::{Dir, Files, Owner};
use crate::kernel::sys;
use crate::rule::{above_flag, Label, Rule};
use core::ffi::{c_int, c_void, CStr};

/// A network namespace, which its counters own too: rules are destroyed after the namespace's own
/// exit. And so does whoever destroys one, until the mutex is unlocked.
struct Net {
    registry: Mutex<Registry>,
}

struct Registry {
    /// Where the counters' directories are; `None` once the namespace is gone.
    dir: Option<Dir>,
    /// Numbered counters by number, then those with names.
    first: Link,
    counters: u32,
}

type Link = Option<Boxed<Entry>>;

/// A counter of the namespace. From when it has files on, others have a `&Counter`; what changes
/// with the rules is here.
struct Entry {
    /// `None` once the namespace is gone.
    files: Option<Files<Arc<Counter>>>,
    counter: Arc<Counter>,
    /// How many rules refer to it.
    rules: u32,
    /// Kept until the last rule has gone.
    _net: Arc<Net>,
    next: Link,
}

impl Entry {
    fn number(&self) -> Option<u16> {
        match self.counter.rule().label {
            Label::Id(id) => Some(id),
            _ => None,
        }
    }

    fn set_rules(&mut self, rules: u32) {
        self.rules = rules;
        self.counter.set_rules(rules);
    }

    /// Whether it stands before a new counter of this number, or without one.
    fn is_before(&self, number: Option<u16>) -> bool {
        match (self.number(), number) {
            (Some(its), Some(new)) => its < new,
            (its, _) => its.is_some(),
        }
    }
}

/// Whether `rule` may share `counter`; if not, the log says what differs.
#[inline(never)]
fn agree(counter: &Counter, rule: &Rule) -> Result {
    let its = counter.rule();
    let above = |rule: &Rule| rule.above.map_or(0, |rate| rate.per_second);
    let unit = |rule: &Rule| rule.above.map_or(0, above_flag).into();
    let values = [
        ("period_ns ", its.period_ns.get(), rule.period_ns.get()),
        (
            "samples ",
            its.samples.get().into(),
            rule.samples.get().into(),
        ),
        ("wire ", its.wire.into(), rule.wire.into()),
        ("above ", above(its), above(rule)),
        ("above's unit ", unit(its), unit(rule)),
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

/// Whether a counter of this rule may be added to so many.
#[inline(never)]
fn within_limits(rule: &Rule, counters: u32) -> Result {
    // SAFETY: a parameter of the module; root may change it at any time, whole.
    let most = unsafe { (&raw const sys::pktstat_shim_max_counters).read_volatile() };
    if counters >= most {
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
    Ok(())
}

/// Makes the counter's directory and files in `parent`.
#[inline(never)]
fn publish(counter: &Arc<Counter>, parent: &Dir, owner: Owner) -> Result<Files<Arc<Counter>>> {
    let mut name = [0; 32];
    counter.write_label(&mut Writer::new(&mut name));
    let name = CStr::from_bytes_until_nul(&name).unwrap_or_default();
    // SAFETY: the callbacks are those of `data`, which expect an `Arc<Counter>`.
    unsafe { Files::new(parent.dir(name, owner)?, counter.clone(), owner) }
}

impl Registry {
    fn entries(&self) -> impl Iterator<Item = &Entry> {
        core::iter::successors(self.first.as_deref(), |entry| entry.next.as_deref())
    }

    /// The link whose entry fits, or the last one.
    fn link(&mut self, fits: impl Fn(&Entry) -> bool) -> &mut Link {
        let mut link = &mut self.first;
        while link.as_deref().is_some_and(|entry| !fits(entry)) {
            match link {
                Some(entry) => link = &mut entry.next,
                None => break,
            }
        }
        link
    }

    fn lowest_free_number(&self) -> Option<u16> {
        let mut free = 0_u32;
        for taken in self.entries().map_while(Entry::number) {
            if u32::from(taken) != free {
                break;
            }
            free = free.wrapping_add(1);
        }
        u16::try_from(free).ok().filter(|_| free <= ID_MAX)
    }

    /// The counter that `rule` refers to, made if there is none; with one more rule.
    fn acquire(&mut self, rule: &Rule, net: &Arc<Net>, owner: Owner) -> Result<Arc<Counter>> {
        let its = |entry: &Entry| entry.counter.rule().label == rule.label;
        if let Some(entry) = self.link(its) {
            if entry.rules == 0 {
                return Err(refuse(Error::EBUSY, |line| {
                    line.bytes(b"counter ");
                    entry.counter.write_label(line);
                    line.bytes(b" has gone, and a read of it has not ended");
                }));
            }
            agree(&entry.counter, rule)?;
            let rules = entry.rules.wrapping_add(1);
            entry.set_rules(rules);
            return Ok(entry.counter.clone());
        }
        let mut rule = *rule;
        if rule.label == Label::Any {
            rule.label = Label::Id(self.lowest_free_number().ok_or(Error::ENOSPC)?);
        }
        self.create(&rule, net, owner)
    }

    #[inline(never)]
    fn create(&mut self, rule: &Rule, net: &Arc<Net>, owner: Owner) -> Result<Arc<Counter>> {
        let dir = self.dir.as_ref().ok_or(Error::ENOMEM)?;
        within_limits(rule, self.counters)?;
        let counter = Counter::new(rule)?;
        let mut entry = Boxed::new(Entry {
            files: None,
            counter: counter.clone(),
            rules: 0,
            _net: net.clone(),
            next: None,
        })?;
        // Last of what can fail: from here on others see it.
        entry.files = Some(publish(&counter, dir, owner)?);
        entry.set_rules(1);
        let number = entry.number();
        let link = self.link(|next| !next.is_before(number));
        entry.next = link.take();
        *link = Some(entry);
        self.counters = self.counters.wrapping_add(1);
        Ok(counter)
    }

    /// One rule less for the counter of this handle.
    fn release(&mut self, handle: u64) {
        if let Some(entry) = self.link(|entry| entry.counter.handle() == handle) {
            let rules = entry.rules.wrapping_sub(1);
            entry.set_rules(rules);
            if rules == 0 {
                entry.counter.readers().close();
                // Also where its files stay for a while.
                entry.counter.timer().wake();
            }
        }
    }

    /// Takes the counters without a rule out of the list, to be dropped when the mutex is not held;
    /// but not those that are read: their files would wait for the reader, and everybody for them.
    fn reap(&mut self) -> Link {
        let mut reaped = None;
        let is_done = |entry: &Entry| entry.rules == 0 && entry.counter.readers().close();
        loop {
            let link = self.link(is_done);
            let Some(mut entry) = link.take() else {
                return reaped;
            };
            *link = entry.next.take();
            // Its name is free when the directory is gone, and not before.
            entry.files = None;
            entry.counter.timer().hang_up();
            self.counters = self.counters.wrapping_sub(1);
            entry.next = reaped;
            reaped = Some(entry);
        }
    }

    /// The namespace goes, and with it all files at once.
    fn remove_files(&mut self) {
        self.dir = None;
        let mut link = &mut self.first;
        while let Some(entry) = link {
            if let Some(files) = entry.files.take() {
                files.gone();
            }
            entry.counter.timer().hang_up();
            link = &mut entry.next;
        }
    }
}

/// Drops entries one after the other: each would drop the next one from within, and they may be many.
fn drop_all(mut entries: Link) {
    while let Some(mut entry) = entries {
        entries = entry.next.take();
    }
}

fn check(net: &Arc<Net>, info: &mut Info, owner: Owner) -> Result {
    let rule = Rule::from_info(info).or(Err(Error::EINVAL))?;
    let mut registry = net.registry.lock();
    let reaped = registry.reap();
    let counter = registry.acquire(&rule, net, owner);
    drop(registry);
    drop_all(reaped);
    let counter = counter?;
    info.id = match counter.rule().label {
        Label::Id(id) => id.into(),
        _ => ID_ANY,
    };
    info.reserved = 0;
    info.counter = counter.handle();
    Ok(())
}

/// A rule is to be added. Process context. `uid` and `gid` are to own the counter's files: what
/// root of the namespace is outside may not be known yet when the namespace comes.
///
/// # Safety
///
/// Called by x_tables: `net` is what [`pktstat_rs_net_init`] returned for a live namespace, `itself`
/// the kernel's own, `info` a rule config that nobody else uses, an [`Info0`] where `is_revision0` says
/// so.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_check(
    net: *mut c_void,
    info: *mut c_void,
    is_revision0: bool,
    itself: *mut c_void,
    uid: u32,
    gid: u32,
) -> c_int {
    // SAFETY: the namespace's own owner, taken back in its exit, which no rule is added after.
    let Some(net) = (unsafe { Arc::<Net>::clone_foreign(net) }) else {
        return from_result(Err(Error::EINVAL));
    };
    let owner = Owner {
        net: itself,
        uid,
        gid,
    };
    if is_revision0 {
        // SAFETY: the rule's config, which is x_tables' and lent for the call.
        let old = unsafe { &mut *info.cast::<Info0>() };
        let mut info = (*old).into();
        let checked = check(&net, &mut info, owner);
        if checked.is_ok() {
            *old = info.into();
        }
        return from_result(checked);
    }
    // SAFETY: as above.
    let info = unsafe { &mut *info.cast::<Info>() };
    from_result(check(&net, info, owner))
}

/// A rule is gone, and no packet is in it any more. Process context.
///
/// # Safety
///
/// Called by x_tables: `handle` is what a rule config had from the check in the namespace of `net`.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_destroy(net: *mut c_void, handle: u64) {
    // SAFETY: the counter of the rule owns the namespace, whether its exit is over or not.
    let Some(net) = (unsafe { Arc::<Net>::clone_foreign(net) }) else {
        return;
    };
    let mut registry = net.registry.lock();
    registry.release(handle);
    let reaped = registry.reap();
    // The mutex first: an entry owns it too.
    drop(registry);
    drop_all(reaped);
}

/// A namespace comes. Null where there is no memory.
///
/// # Safety
///
/// `dir` is its directory, which goes in [`pktstat_rs_net_exit`].
#[no_mangle]
unsafe extern "C" fn pktstat_rs_net_init(dir: *mut sys::proc_dir_entry) -> *mut c_void {
    let new = || {
        let registry = Registry {
            dir: None,
            first: None,
            counters: 0,
        };
        let registry = Mutex::new(Rank::Registry, registry)?;
        let net = Arc::new(Net { registry })?;
        // SAFETY: nobody else removes it. Last: where this fails, the caller does.
        net.registry.lock().dir = Some(unsafe { Dir::from_raw(dir) }?);
        Ok(net)
    };
    let net: Result<Arc<Net>> = new();
    net.map_or(core::ptr::null_mut(), Arc::into_foreign)
}

/// The namespace goes; its rules are destroyed later.
///
/// # Safety
///
/// `net` is what [`pktstat_rs_net_init`] returned, once.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_net_exit(net: *mut c_void) {
    // SAFETY: the exit is the last to come from the namespace itself.
    if let Some(net) = unsafe { Arc::<Net>::from_foreign(net) } {
        let mut registry = net.registry.lock();
        registry.remove_files();
        let reaped = registry.reap();
        drop(registry);
        drop_all(reaped);
    }
}
