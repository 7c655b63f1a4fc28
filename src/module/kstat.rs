// SPDX-License-Identifier: GPL-2.0-or-later
//! kstat: the kernel as the machine it counts on, and the calls of the C shim.

use crate::kernel::error::{from_result, to_result, Error, Result};
use crate::kernel::log;
use crate::kernel::memory::{Arc, Array, Boxed, ForeignOwnable};
use crate::kernel::mutex::{Guard, Mutex, Rank};
use crate::kernel::percpu::{possible_cpus, PerCpu};
use crate::kernel::spinlock::{with_interrupts_off, SpinLock};
use crate::kernel::sys;
use crate::kstat::bank::Bank;
use crate::kstat::flow::{Flow, Secret};
use crate::kstat::ledger::Ledger;
use crate::kstat::nout;
use crate::kstat::state::{self, Machine, State};
use crate::kstat::step_size::{StepSize, StepSizeError};
use crate::kstat::steps::{self, Block, Blocks, Buffer, Flip, Placement, Pool};
use crate::kstat::table::{slots, Memory, ROWS_MAX};

use core::cell::UnsafeCell;
use core::ffi::{c_char, c_int, c_void};
use core::mem::size_of_val;

const _: () = assert!(StepSize::TEXT == sys::PKTSTAT_KSTAT_COUNTER_TEXT as usize);

/// The tables' memory is the kernel's.
struct Kernel {
    cpus: Arc<Mutex<Cpus>>,
}

impl Memory for Kernel {
    type Array<T> = Array<T>;
}

/// What packets take their place in.
type Steps = steps::Steps<Boxed<SpinLock<Pool>>, PerCpu<Block>>;

impl Blocks for PerCpu<Block> {
    fn get(&self, cpu: usize) -> Option<&Block> {
        self.get(cpu)
    }
}

/// One CPU's part.
///
/// # Invariants
///
/// The bank of a buffer belongs to the CPU's packets while the buffer is the one that counts and
/// until the grace period after it was left, then to whoever holds both of kstat's mutexes. While the
/// CPU is down both banks belong to whoever holds that of [`Cpus`].
#[repr(C)] // With the banks in front an address less is to be computed.
struct CpuBanks {
    banks: [UnsafeCell<Bank<Kernel>>; 2],
    steps: Arc<Steps>,
    /// Which of the possible CPUs it is, from 0.
    number: usize,
}

// SAFETY: by the invariant a bank has one user at a time: the CPU that it belongs to, with
// interrupts off, or the holder of the mutexes.
unsafe impl Sync for CpuBanks {}

/// Which CPUs there are. Changes as they come and go, from when the module is loaded.
struct Cpus {
    /// Of each possible CPU, in their order: whether it is online, or is about to be.
    are_up: Array<bool>,
    /// While packets are counted.
    banks: Option<Arc<PerCpu<CpuBanks>>>,
}

/// What there is while packets are counted.
struct Running {
    banks: Arc<PerCpu<CpuBanks>>,
    steps: Arc<Steps>,
    cpus: Arc<Mutex<Cpus>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.cpus.lock().banks = None;
    }
}

impl Cpus {
    /// No CPU is known to be up.
    fn new() -> Result<Self> {
        Ok(Self {
            are_up: Array::new(possible_cpus().count(), -1)?,
            banks: None,
        })
    }

    /// A CPU is about to come, or has gone: it runs nothing. What it counted stays.
    fn set(&mut self, cpu: i32, is_up: bool) {
        for (number, (possible, is_it_up)) in possible_cpus().zip(&mut *self.are_up).enumerate() {
            if possible != cpu {
                continue;
            }
            *is_it_up = is_up;
            let banks = self.banks.as_ref();
            if let Some(part) = banks.and_then(|banks| banks.get(number)).filter(|_| is_up) {
                for bank in &part.banks {
                    // SAFETY: the CPU is down, and this is what the mutex of `Cpus` is around: by the
                    // invariant the bank is ours.
                    let bank = unsafe { &mut *bank.get() };
                    fit(bank, is_up, cpu);
                }
            }
        }
    }
}

/// How many flows the bank of a CPU tells apart.
fn capacity(is_up: bool) -> usize {
    if is_up {
        entries().unwrap_or_default()
    } else {
        0
    }
}

/// Gives a bank the memory that its CPU needs. Where there is none, or flows are in it, it stays as it
/// is: what does not fit counts as other.
fn fit(bank: &mut Bank<Kernel>, is_up: bool, cpu: i32) {
    let capacity = capacity(is_up);
    if bank.capacity() == capacity {
        return;
    }
    match arrays(capacity, cpu) {
        Ok((index, rows)) => {
            bank.move_to(index, rows);
        }
        Err(_) => log::warn(|line| {
            line.bytes(b"no memory for kstat on CPU ");
            line.number(cpu.unsigned_abs().into());
        }),
    }
}

/// An empty bank, or ledger, on the CPU.
fn arrays<T: Default>(entries: usize, cpu: i32) -> Result<(Array<u32>, Array<T>)> {
    Ok((Array::new(slots(entries), cpu)?, Array::new(entries, cpu)?))
}

fn secret() -> Secret {
    let mut words = [0_u64; 9];
    // SAFETY: the array is this function's own, and that large.
    unsafe { sys::pktstat_shim_random((&raw mut words).cast(), size_of_val(&words)) };
    Secret::new(words)
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

impl Running {
    /// Writes a CPU's part, which is more than a stack frame should hold, where it will be.
    fn cpu(
        secret: &Secret,
        entries: usize,
        (cpu, number): (i32, usize),
        steps: &Arc<Steps>,
        place: *mut CpuBanks,
    ) -> Result {
        let (even, odd) = (arrays(entries, cpu)?, arrays(entries, cpu)?);
        for (buffer, (index, rows)) in [even, odd].into_iter().enumerate() {
            let bank = Bank::new(*secret, index, rows).ok_or(Error::EINVAL)?;
            // SAFETY: nobody else has the place yet, and there are two banks in it.
            unsafe {
                let banks = (&raw mut (*place).banks).cast::<UnsafeCell<Bank<Kernel>>>();
                banks.add(buffer).write(UnsafeCell::new(bank));
            }
        }
        // SAFETY: as above.
        unsafe {
            (&raw mut (*place).steps).write(steps.clone());
            (&raw mut (*place).number).write(number);
        }
        Ok(())
    }
}

impl Machine for Kernel {
    type Memory = Self;
    type Running = Running;
    type Error = Error;

    fn ledger(&mut self) -> Result<Ledger<Self>> {
        let (index, rows) = arrays(entries()?, -1)?;
        Ledger::new(secret(), index, rows).ok_or(Error::EINVAL)
    }

    fn prepare(&mut self, counter: StepSize) -> Result<Running> {
        let secret = secret();
        // It is too large, and says so.
        entries()?;
        let pool = Boxed::new(SpinLock::new(Pool::new(counter))?)?;
        let blocks = PerCpu::new(|_| Ok(Block::default()))?;
        let steps = Arc::new(Steps::new(counter, pool, blocks))?;
        let mut cpus = self.cpus.lock();
        let mut are_up = cpus.are_up.iter().enumerate();
        // SAFETY: `cpu` writes the whole part, or fails before it has written any of it: that
        // of the second bank is what that of the first is.
        let banks = unsafe {
            PerCpu::in_place(|cpu, place| {
                let (number, is_up) = are_up.next().ok_or(Error::EINVAL)?;
                Running::cpu(&secret, capacity(*is_up), (cpu, number), &steps, place)
            })
        }?;
        let banks = Arc::new(banks)?;
        cpus.banks = Some(banks.clone());
        drop(cpus);
        let cpus = self.cpus.clone();
        Ok(Running { banks, steps, cpus })
    }

    fn hook(&mut self, running: &Running) -> Result {
        // SAFETY: the parts are complete, and live until they are unhooked and waited for.
        to_result(unsafe { sys::pktstat_shim_kstat_hook(running.banks.handle()) })
    }

    fn unhook(&mut self) {
        // SAFETY: hooked, by the state's invariant.
        unsafe { sys::pktstat_shim_kstat_unhook() };
    }

    fn wait_for_packets(&mut self) {
        // SAFETY: process context. Hooks have interrupts off, and run under RCU.
        unsafe { sys::pktstat_shim_synchronize_rcu() };
    }

    fn text(&mut self, len: usize) -> Result<Array<u8>> {
        Array::new(len, -1)
    }
}

impl state::Running<Kernel> for Running {
    fn flip(&self, next: Option<StepSize>) -> Flip {
        with_interrupts_off(|| self.steps.flip(next))
    }

    fn buffer<'a>(&'a mut self, buffer: Buffer) -> impl Iterator<Item = &'a mut Bank<Kernel>>
    where
        Kernel: 'a,
    {
        let cpus = self.cpus.lock();
        self.banks.iter().map(move |part| {
            let _held = &cpus;
            // SAFETY: process context; a table may be large.
            unsafe { sys::pktstat_shim_cond_resched() };
            // SAFETY: packets have left the buffer and were waited for, and the state, which asks, is
            // behind the one mutex, while the other is held; `self` is borrowed mutably, so each bank
            // is handed out once.
            unsafe { &mut *buffer.of_pair(&part.banks).get() }
        })
    }

    fn refit(&mut self, buffer: Buffer) {
        let cpus = self.cpus.lock();
        let parts = self.banks.iter().zip(&*cpus.are_up);
        for ((part, is_up), cpu) in parts.zip(possible_cpus()) {
            // SAFETY: as in `buffer`, which this comes after.
            let bank = unsafe { &mut *buffer.of_pair(&part.banks).get() };
            fit(bank, *is_up, cpu);
        }
    }
}

/// What the shim has.
struct Kstat {
    state: Mutex<State<Kernel>>,
    cpus: Arc<Mutex<Cpus>>,
}

impl Kstat {
    fn new() -> Result<Boxed<Self>> {
        let cpus = Arc::new(Mutex::new(Rank::KstatCpus, Cpus::new()?)?)?;
        let kernel = Kernel { cpus: cpus.clone() };
        let state = Mutex::new(Rank::Kstat, State::new(kernel))?;
        Boxed::new(Self { state, cpus })
    }

    fn lock(&self) -> Guard<'_, State<Kernel>> {
        self.state.lock()
    }
}

/// Counts a packet where `place` places it, unless it does not. Returns whether it does.
///
/// # Safety
///
/// `cpu` is this CPU's part of the block that was hooked, interrupts are off, and what `place` returns
/// was taken there.
#[inline(always)]
unsafe fn count(
    cpu: *const c_void,
    place: impl FnOnce(&CpuBanks) -> Option<Placement>,
    flow: Flow,
    bytes: u32,
) -> bool {
    // SAFETY: a part of the block that was hooked, which lives until hooks are over.
    let cpu = unsafe { PerCpu::<CpuBanks>::value_at(cpu) };
    let Some(placement) = place(cpu) else {
        return false;
    };
    let bank = placement.buffer.of_pair(&cpu.banks);
    // SAFETY: the buffer counts, or was left so lately that the reader still waits for this CPU;
    // and with interrupts off nothing else of this CPU is in here.
    unsafe { &mut *bank.get() }.packet(&flow, placement.ticket, bytes);
    true
}

/// Places a packet that needs no ticket.
#[inline(always)]
fn at_once(cpu: &CpuBanks) -> Option<Placement> {
    cpu.steps.take_without_ticket()
}

/// Places any packet.
#[inline(always)]
fn with_ticket(cpu: &CpuBanks) -> Option<Placement> {
    Some(cpu.steps.take(cpu.number))
}

/// Counts an IPv4 packet.
///
/// # Safety
///
/// For the hook: as [`count`].
#[no_mangle]
unsafe extern "C" fn pktstat_rs_kstat_v4(
    cpu: *const c_void,
    protocol: u8,
    addresses: u64,
    name0: u64,
    name1: u64,
    bytes: u32,
) {
    let flow = Flow::v4(protocol, addresses, [name0, name1]);
    // SAFETY: as the hook promises.
    if unsafe { !count(cpu, at_once, flow, bytes) } {
        // SAFETY: as above.
        unsafe { v4_with_ticket(cpu, protocol, addresses, name0, name1, bytes) };
    }
}

/// Counts an IPv4 packet that needs a ticket. Not inlined: others would pay for its registers. Its
/// arguments are where those of the hook are.
///
/// # Safety
///
/// As [`pktstat_rs_kstat_v4`].
#[inline(never)]
unsafe extern "C" fn v4_with_ticket(
    cpu: *const c_void,
    protocol: u8,
    addresses: u64,
    name0: u64,
    name1: u64,
    bytes: u32,
) {
    let flow = Flow::v4(protocol, addresses, [name0, name1]);
    // SAFETY: as promised.
    unsafe { count(cpu, with_ticket, flow, bytes) };
}

/// Counts an IPv6 packet.
///
/// # Safety
///
/// For the hook: as [`count`].
#[no_mangle]
unsafe extern "C" fn pktstat_rs_kstat_v6(
    cpu: *const c_void,
    protocol: u8,
    source0: u64,
    source1: u64,
    destination0: u64,
    destination1: u64,
    name0: u64,
    name1: u64,
    bytes: u32,
) {
    let addresses = [source0, source1, destination0, destination1];
    let flow = Flow::v6(protocol, addresses, [name0, name1]);
    // SAFETY: as the hook promises.
    if unsafe { !count(cpu, at_once, flow, bytes) } {
        let [a0, a1, a2, a3] = addresses;
        // SAFETY: as above.
        unsafe { v6_with_ticket(cpu, protocol, a0, a1, a2, a3, name0, name1, bytes) };
    }
}

/// Counts an IPv6 packet that needs a ticket, as [`v4_with_ticket`] does.
///
/// # Safety
///
/// As [`pktstat_rs_kstat_v6`].
#[inline(never)]
unsafe extern "C" fn v6_with_ticket(
    cpu: *const c_void,
    protocol: u8,
    source0: u64,
    source1: u64,
    destination0: u64,
    destination1: u64,
    name0: u64,
    name1: u64,
    bytes: u32,
) {
    let addresses = [source0, source1, destination0, destination1];
    let flow = Flow::v6(protocol, addresses, [name0, name1]);
    // SAFETY: as promised.
    unsafe { count(cpu, with_ticket, flow, bytes) };
}

/// kstat, stopped. Null where there is no memory.
#[no_mangle]
extern "C" fn pktstat_rs_kstat_new() -> *mut c_void {
    Kstat::new().map_or(core::ptr::null_mut(), Boxed::into_foreign)
}

/// # Safety
///
/// `kstat` is from [`pktstat_rs_kstat_new`] and not freed; so for all that follow. The shim has it
/// in one place, which its files use, and frees it when they are gone.
unsafe fn kstat<'a>(kstat: *mut c_void) -> &'a Kstat {
    // SAFETY: the shim's one kstat: the caller is a callback of its files, which are removed before
    // it is freed; it is `Sync`, so other callbacks may have it too.
    unsafe { Boxed::<Kstat>::borrow(kstat) }
}

/// # Safety
///
/// As [`kstat`], and nobody uses it any more.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_kstat_free(raw: *mut c_void) {
    // SAFETY: the files are gone, and with them all who used it.
    if let Some(kstat) = unsafe { Boxed::<Kstat>::from_foreign(raw) } {
        kstat.lock().stop();
    }
}

/// # Safety
///
/// As [`kstat`].
#[no_mangle]
unsafe extern "C" fn pktstat_rs_kstat_enabled(raw: *mut c_void) -> bool {
    // SAFETY: a file's callback: not freed.
    unsafe { kstat(raw) }.lock().is_running()
}

/// # Safety
///
/// As [`kstat`].
#[no_mangle]
unsafe extern "C" fn pktstat_rs_kstat_enable(raw: *mut c_void, enable: bool) -> c_int {
    // SAFETY: a file's callback: not freed.
    let mut state = unsafe { kstat(raw) }.lock();
    if enable {
        return from_result(state.start());
    }
    state.stop();
    0
}

/// A CPU is about to come, or has gone.
///
/// # Safety
///
/// As [`kstat`], by CPU hotplug: nothing runs on `cpu`, or packets are not counted.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_kstat_cpu(raw: *mut c_void, cpu: c_int, is_up: bool) {
    // SAFETY: a callback of CPU hotplug, which is taken off before it is freed.
    unsafe { kstat(raw) }.cpus.lock().set(cpu, is_up);
}

/// # Safety
///
/// As [`kstat`], and `text` is [`StepSize::TEXT`] bytes long.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_kstat_counter(raw: *mut c_void, text: *mut c_char) -> usize {
    // SAFETY: a file's callback: not freed.
    let counter = unsafe { kstat(raw) }.lock().counter();
    // SAFETY: the callback's own buffer, which is that large.
    counter.write(unsafe { &mut *text.cast::<[u8; StepSize::TEXT]>() })
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
    // SAFETY: the callback's own buffer, into which it has copied so many bytes.
    let text = unsafe { core::slice::from_raw_parts(text.cast::<u8>(), len) };
    let counter = StepSize::parse(text).map_err(|error| match error {
        StepSizeError::Invalid => Error::EINVAL,
        StepSizeError::TooLarge => Error::ERANGE,
    });
    // SAFETY: a file's callback: not freed.
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
    // SAFETY: a file's callback: not freed.
    let text = unsafe { kstat(raw) }.lock().text();
    from_result(text.and_then(Boxed::new).map(|text| {
        // SAFETY: the file's own pointer, which nobody else knows before it is open.
        unsafe { *open = text.into_foreign() };
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
    // SAFETY: not released as long as a callback of the file runs.
    let text = unsafe { Boxed::<Array<u8>>::borrow(open) };
    // SAFETY: the callback's own variable.
    unsafe { *len = text.len() };
    text.as_ptr().cast()
}

/// # Safety
///
/// `open` is from [`pktstat_rs_kstat_nout_open`], and nobody uses it any more.
#[no_mangle]
unsafe extern "C" fn pktstat_rs_kstat_nout_release(open: *mut c_void) {
    // SAFETY: the file's last callback.
    drop(unsafe { Boxed::<Array<u8>>::from_foreign(open) });
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
    // SAFETY: the callback's own buffer, into which it has copied so many bytes.
    let text = unsafe { core::slice::from_raw_parts(text.cast::<u8>(), len) };
    if !nout::is_clear(text) {
        return from_result(Err(Error::EINVAL));
    }
    // SAFETY: a file's callback: not freed.
    unsafe { kstat(raw) }.lock().clear();
    0
}
