// SPDX-License-Identifier: GPL-2.0-or-later
//! kstat: its banks on each CPU, its state, and the calls of the C shim.

use super::error::{from_alloc, from_result, to_result, Error, Result};
use super::log;
use super::memory::{Array, Boxed};
use super::mutex::{Mutex, Rank};
use super::percpu::possible_cpus;
use super::sys;
use crate::kstat::bank::Bank;
use crate::kstat::counter::{Counter, CounterError};
use crate::kstat::flow::{Flow, Secret};
use crate::kstat::ledger::Ledger;
use crate::kstat::nout;
use crate::kstat::steps::{Cut, Side, Steps};
use crate::kstat::table::{slots, Memory, ROWS_MAX};

use core::cell::UnsafeCell;
use core::ffi::{c_char, c_int, c_void};
use core::mem::{align_of, offset_of, size_of};
use core::ptr::NonNull;

const _: () = {
    assert!(size_of::<Flow>() == size_of::<sys::pktstat_flow>());
    assert!(align_of::<Flow>() == align_of::<sys::pktstat_flow>());
    assert!(offset_of!(sys::pktstat_flow, protocol) == 1);
    assert!(offset_of!(sys::pktstat_flow, source) == 8);
    assert!(offset_of!(sys::pktstat_flow, destination) == 24);
    assert!(offset_of!(sys::pktstat_flow, device) == 40);
    assert!(Flow::V4 as u32 == sys::PKTSTAT_FLOW_V4 && Flow::V6 as u32 == sys::PKTSTAT_FLOW_V6);
    assert!(Counter::TEXT == sys::PKTSTAT_KSTAT_COUNTER_TEXT as usize);
};

/// The tables' memory is the kernel's.
struct Kernel;

impl Memory for Kernel {
    type Array<T> = Array<T>;
}

/// One CPU's part, in per-CPU memory.
///
/// # Invariants
///
/// The bank of a side belongs to the CPU's packets while the side is the one that counts and
/// until the grace period after it was left, then to who holds the state's mutex.
struct Cpu {
    /// Valid as long as the part.
    steps: *const Steps,
    banks: [UnsafeCell<Bank<Kernel>>; 2],
}

fn part_on(handle: NonNull<c_void>, cpu: i32) -> *mut Cpu {
    // SAFETY: a per-CPU allocation; only computes an address.
    unsafe { sys::pktstat_shim_percpu_on(handle.as_ptr(), cpu) }.cast()
}

/// Where the banks of all CPUs are, made or not.
fn places(handle: NonNull<c_void>) -> impl Iterator<Item = (i32, *mut UnsafeCell<Bank<Kernel>>)> {
    possible_cpus().flat_map(move |cpu| {
        let part = part_on(handle, cpu);
        // SAFETY: the part is in the allocation; only computes addresses.
        let places = unsafe { [&raw mut (*part).banks[0], &raw mut (*part).banks[1]] };
        places.map(|place| (cpu, place))
    })
}

/// The parts of all CPUs.
struct Cpus {
    handle: NonNull<c_void>,
    /// How many banks have been made, of the [`places`].
    made: usize,
}

impl Cpus {
    /// Empty banks for `entries` flows on each possible CPU.
    fn new(secret: &Secret, entries: usize, steps: *const Steps) -> Result<Self> {
        // SAFETY: a small size and a power of two.
        let handle = unsafe { sys::pktstat_shim_percpu_alloc(size_of::<Cpu>(), align_of::<Cpu>()) };
        let mut cpus = Self {
            handle: from_alloc(handle)?,
            made: 0,
        };
        for cpu in possible_cpus() {
            // SAFETY: the part is in the allocation, and nobody else has it yet.
            unsafe { (&raw mut (*part_on(cpus.handle, cpu)).steps).write(steps) };
        }
        // Each bank goes to its place at once: a part is more than a stack frame should hold.
        for (cpu, place) in places(cpus.handle) {
            let index = Array::new(slots(entries), cpu)?;
            let rows = Array::new(entries, cpu)?;
            let new = Bank::new(*secret, index, rows).ok_or(Error::EINVAL)?;
            // SAFETY: as above.
            unsafe { place.write(UnsafeCell::new(new)) };
            cpus.made = cpus.made.wrapping_add(1);
        }
        Ok(cpus)
    }

    /// The banks of a side, to be folded.
    ///
    /// # Safety
    ///
    /// The side was left, and a grace period has passed since.
    unsafe fn side(&mut self, side: Side) -> impl Iterator<Item = &mut Bank<Kernel>> {
        possible_cpus().map(move |cpu| {
            // SAFETY: a table may be large.
            unsafe { sys::pktstat_shim_cond_resched() };
            // SAFETY: made in `new`; packets of the other side have no more than a `&` either.
            let part = unsafe { &*part_on(self.handle, cpu) };
            // SAFETY: by the contract no packet is in it, and `self` is borrowed mutably.
            unsafe { &mut *side.of_pair(&part.banks).get() }
        })
    }
}

impl Drop for Cpus {
    fn drop(&mut self) {
        for (_, place) in places(self.handle).take(self.made) {
            // SAFETY: made in `new`; who drops the banks has made sure that no packet comes.
            unsafe { place.drop_in_place() };
        }
        // SAFETY: ours.
        unsafe { sys::pktstat_shim_percpu_free(self.handle.as_ptr()) };
    }
}

/// What there is while kstat is started.
struct Running {
    /// Before the steps, to which its parts point: load-bearing for drops.
    cpus: Cpus,
    steps: Boxed<Steps>,
}

/// What there is.
struct State {
    counter: Counter,
    /// From the first start on.
    ledger: Option<Ledger<Kernel>>,
    running: Option<Running>,
}

type Kstat = Mutex<State>;

/// Waits until each packet that is in a hook now has left it. Process context.
fn wait_for_packets() {
    // SAFETY: process context. Hooks have interrupts off, and run under RCU.
    unsafe { sys::pktstat_shim_synchronize_rcu() };
}

fn secret() -> Secret {
    let mut secret = Secret([0; 9]);
    // SAFETY: the array is that large.
    unsafe { sys::pktstat_shim_random((&raw mut secret).cast(), size_of::<Secret>()) };
    secret
}

fn entries() -> Result<usize> {
    // SAFETY: a parameter of the module that nobody changes once it is loaded.
    let entries = unsafe { sys::pktstat_shim_kstat_entries } as usize;
    if entries > ROWS_MAX {
        log::warn(|line| {
            line.bytes(b"kstat_entries can be at most ");
            line.number(ROWS_MAX as u64);
        });
        return Err(Error::EINVAL);
    }
    Ok(entries)
}

impl State {
    fn start(&mut self) -> Result {
        if self.running.is_some() {
            return Ok(());
        }
        let entries = entries()?;
        let secret = secret();
        if self.ledger.is_none() {
            let index = Array::new(slots(entries), -1)?;
            self.ledger = Ledger::new(secret, index, Array::new(entries, -1)?);
        }
        let steps = Boxed::new(Steps::new(self.counter))?;
        let cpus = Cpus::new(&secret, entries, &*steps)?;
        // SAFETY: the parts are complete, and live until `stop` has unhooked them and waited.
        let hooked = to_result(unsafe { sys::pktstat_shim_kstat_hook(cpus.handle.as_ptr()) });
        if hooked.is_err() {
            // One of the hooks may have been there for a moment.
            wait_for_packets();
        }
        hooked?;
        self.running = Some(Running { cpus, steps });
        Ok(())
    }

    fn stop(&mut self) {
        let Some(running) = &self.running else { return };
        // SAFETY: hooked in `start`.
        unsafe { sys::pktstat_shim_kstat_unhook() };
        wait_for_packets();
        // No packet comes any more, so all are on the side that this leaves.
        let cut = running.steps.cut(Some(self.counter));
        // SAFETY: waited for above.
        unsafe { self.take(&cut) };
        self.running = None;
    }

    /// Publishes what is due, or with `next` everything, to go on in steps of that size.
    fn publish(&mut self, next: Option<Counter>) {
        let Some(running) = &self.running else { return };
        let cut = running.steps.cut(next);
        wait_for_packets();
        // SAFETY: waited for above.
        unsafe { self.take(&cut) };
    }

    /// # Safety
    ///
    /// A grace period has passed since the cut, or no packet comes any more.
    unsafe fn take(&mut self, cut: &Cut) {
        if let (Some(running), Some(ledger)) = (&mut self.running, &mut self.ledger) {
            // SAFETY: by the contract.
            ledger.take(cut, unsafe { running.cpus.side(cut.side) });
        }
    }

    fn set_counter(&mut self, counter: Counter) {
        self.publish(Some(counter));
        self.counter = counter;
    }

    fn clear(&mut self) {
        self.publish(Some(self.counter));
        if let Some(ledger) = &mut self.ledger {
            ledger.clear();
        }
    }

    /// The text of `nout` as of now.
    fn text(&mut self) -> Result<Array<u8>> {
        self.publish(None);
        let published = || self.ledger.iter().flat_map(Ledger::published);
        let mut len = 0_usize;
        nout::lines(published(), |line| len = len.saturating_add(line.len()));
        let mut text = Array::new(len, -1)?;
        let mut writer = crate::decimal::Writer::new(&mut text);
        nout::lines(published(), |line| writer.bytes(line));
        Ok(text)
    }
}

/// Counts a packet.
///
/// # Safety
///
/// For the hooks: `cpu` is this CPU's part of the block that was hooked, interrupts are off,
/// and `flow` is a flow whose unused bytes are zero.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_kstat_packet(
    cpu: *const c_void,
    flow: *const sys::pktstat_flow,
    bytes: u32,
) {
    // SAFETY: by the contract. CAST: the layouts are the same, see above.
    let (cpu, flow) = unsafe { (&*cpu.cast::<Cpu>(), &*flow.cast::<Flow>()) };
    // SAFETY: valid as long as the part.
    let slip = unsafe { &*cpu.steps }.take();
    let bank = slip.side.of_pair(&cpu.banks);
    // SAFETY: the side counts, or was left so lately that the reader still waits for this CPU;
    // and with interrupts off nothing else of this CPU is in here.
    unsafe { &mut *bank.get() }.packet(flow, slip.ticket, bytes);
}

/// kstat, stopped. Null where there is no memory.
#[no_mangle]
extern "C" fn pktstat_rs_kstat_new() -> *mut c_void {
    let state = State {
        counter: Counter::ONE,
        ledger: None,
        running: None,
    };
    let kstat: Result<Boxed<Kstat>> = Mutex::new(Rank::Kstat, state).and_then(Boxed::new);
    kstat.map_or(core::ptr::null_mut(), |kstat| {
        kstat.into_raw().as_ptr().cast()
    })
}

/// # Safety
///
/// `kstat` is from [`pktstat_rs_kstat_new`] and not freed; so for all that follow.
unsafe fn kstat<'a>(kstat: *mut c_void) -> &'a Kstat {
    // SAFETY: by the contract.
    unsafe { &*kstat.cast::<Kstat>() }
}

/// # Safety
///
/// As [`kstat`], and nobody uses it any more.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_kstat_free(raw: *mut c_void) {
    // SAFETY: by the contract.
    unsafe { kstat(raw) }.lock().stop();
    if let Some(place) = NonNull::new(raw.cast::<Kstat>()) {
        // SAFETY: by the contract.
        drop(unsafe { Boxed::from_raw(place) });
    }
}

/// # Safety
///
/// As [`kstat`].
#[no_mangle]
unsafe extern "C" fn pktstat_rs_kstat_enabled(raw: *mut c_void) -> bool {
    // SAFETY: by the contract.
    unsafe { kstat(raw) }.lock().running.is_some()
}

/// # Safety
///
/// As [`kstat`].
#[no_mangle]
unsafe extern "C" fn pktstat_rs_kstat_enable(raw: *mut c_void, enable: bool) -> c_int {
    // SAFETY: by the contract.
    let mut state = unsafe { kstat(raw) }.lock();
    if enable {
        return from_result(state.start());
    }
    state.stop();
    0
}

/// # Safety
///
/// As [`kstat`], and there is room for [`Counter::TEXT`] bytes in `text`.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_kstat_counter(raw: *mut c_void, text: *mut c_char) -> usize {
    // SAFETY: by the contract.
    let counter = unsafe { kstat(raw) }.lock().counter;
    // SAFETY: by the contract.
    counter.write(unsafe { &mut *text.cast::<[u8; Counter::TEXT]>() })
}

/// # Safety
///
/// As [`kstat`], and `text` is `len` bytes long.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_kstat_set_counter(
    raw: *mut c_void,
    text: *const c_char,
    len: usize,
) -> c_int {
    // SAFETY: by the contract.
    let text = unsafe { core::slice::from_raw_parts(text.cast::<u8>(), len) };
    let counter = Counter::parse(text).map_err(|error| match error {
        CounterError::Invalid => Error::EINVAL,
        CounterError::TooLarge => Error::ERANGE,
    });
    // SAFETY: by the contract.
    let set = |counter| unsafe { kstat(raw) }.lock().set_counter(counter);
    from_result(counter.map(set))
}

/// Makes the text of an open `nout`.
///
/// # Safety
///
/// As [`kstat`], and `open` is where to leave it.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_kstat_nout_open(raw: *mut c_void, open: *mut *mut c_void) -> c_int {
    // SAFETY: by the contract.
    let text = unsafe { kstat(raw) }.lock().text();
    from_result(text.and_then(Boxed::new).map(|text| {
        // SAFETY: by the contract.
        unsafe { *open = text.into_raw().as_ptr().cast() };
    }))
}

/// # Safety
///
/// `open` is from [`pktstat_rs_kstat_nout_open`], and `len` is where to leave the length.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_kstat_nout_text(
    open: *const c_void,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: by the contract.
    let text = unsafe { &*open.cast::<Array<u8>>() };
    // SAFETY: by the contract.
    unsafe { *len = text.len() };
    text.as_ptr().cast()
}

/// # Safety
///
/// `open` is from [`pktstat_rs_kstat_nout_open`], and nobody uses it any more.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_kstat_nout_release(open: *mut c_void) {
    if let Some(place) = NonNull::new(open.cast::<Array<u8>>()) {
        // SAFETY: by the contract.
        drop(unsafe { Boxed::from_raw(place) });
    }
}

/// # Safety
///
/// As [`kstat`], and `text` is `len` bytes long.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_kstat_nout_write(
    raw: *mut c_void,
    text: *const c_char,
    len: usize,
) -> c_int {
    // SAFETY: by the contract.
    let text = unsafe { core::slice::from_raw_parts(text.cast::<u8>(), len) };
    if !nout::is_clear(text) {
        return from_result(Err(Error::EINVAL));
    }
    // SAFETY: by the contract.
    unsafe { kstat(raw) }.lock().clear();
    0
}
