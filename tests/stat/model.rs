// SPDX-License-Identifier: GPL-2.0-or-later
//! A machine to count on: CPUs, two clocks, readers of both files, and beside them the naive model,
//! which is a sum for each window, a queue for each CPU and a list of all rows.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::num::NonZeroU64;
use std::rc::Rc;
use xt_pktstat::row::{Line, HEADER};
use xt_pktstat::stat::clock::{self, Clock, RealTime};
use xt_pktstat::stat::collector::{unread_windows, Collector, LOOK_AGAIN_NS};
use xt_pktstat::stat::cpu::{CpuCounter, Shared, Timer, SHIFTED_TICKS};
use xt_pktstat::stat::delivery::{self, Delivery};
use xt_pktstat::stat::drain::Cursor;
use xt_pktstat::stat::fifo::Slot;
use xt_pktstat::stat::host::Host;
use xt_pktstat::stat::ring::{Closed, Position, Taken};
use xt_pktstat::stat::tally::{recent_packet, RECENT_FRAMES_MAX};
use xt_pktstat::stat::window::{ClockEpoch, Time, Window};
use xt_pktstat::sync::Ordering;

const START_NS: i64 = 1_700_000_000_000_000_000;
const START_MONO_NS: i64 = 12_345_678_901;
const YEAR_NS: i64 = 365 * 86_400_000_000_000;

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Count {
    pub frames: u128,
    pub bytes: u128,
}

impl Count {
    fn add(&mut self, frames: u64, bytes: u64) {
        self.frames += u128::from(frames);
        self.bytes += u128::from(bytes);
    }

    fn add_all(&mut self, other: Self) {
        self.frames += other.frames;
        self.bytes += other.bytes;
    }

    fn is_within(self, other: Self) -> bool {
        self.frames <= other.frames && self.bytes <= other.bytes
    }

    /// As the kernel counts.
    fn wrapped(self) -> (u64, u64) {
        (self.frames as u64, self.bytes as u64)
    }
}

/// A window: how often the clock was set back before it, and its number.
type Key = (u64, u64);

/// A window, and what was counted in it and in those that were merged into it.
#[derive(Clone, Copy, Default, Debug)]
struct NaiveRow {
    window: Key,
    count: Count,
    merged: u64,
}

impl NaiveRow {
    /// The later window takes the earlier one in.
    fn take_in(&mut self, earlier: &Self) {
        self.count.add_all(earlier.count);
        self.merged += earlier.merged + 1;
    }

    fn is(&self, taken: &Taken) -> bool {
        let wrapped = (taken.frames, taken.bytes);
        (self.window, self.count.wrapped(), self.merged)
            == (key(taken.window), wrapped, taken.merged)
    }
}

/// What a CPU would have that is not collected, if windows were just put into a queue.
#[derive(Default)]
struct Naive {
    open: Option<NaiveRow>,
    queue: VecDeque<NaiveRow>,
    /// Half of the queue has been full since the collector came.
    was_half_full: bool,
}

#[derive(Default)]
struct Model {
    counted: Count,
    delivered: Count,
    /// The windows that frames may be in at the earliest and at the latest: but for steps of the clock
    /// and packets that are stopped, one and the same.
    earliest: BTreeMap<Key, Count>,
    latest: BTreeMap<Key, Count>,
    rows: BTreeMap<Key, Count>,
    naive: Vec<Naive>,
    /// What `data` still has.
    unread: VecDeque<NaiveRow>,
    /// All rows that there ever were.
    history: Vec<NaiveRow>,
    merged: u64,
    /// How many merged windows `data` has reported.
    reported: u64,
    /// The clock was set with the fast path on, or a packet was stopped on its way: rows may differ
    /// from the naive ones, though not from `earliest` and `latest`.
    disturbed: bool,
    /// A row was given back: it may come under another window.
    returned: bool,
    /// A packet was moved on its way or counted anew, and what came along may be another's.
    moved: bool,
    epoch: u64,
}

impl Model {
    /// Whether all rows up to each window have no more than may be there, and no less than must.
    fn check_windows(&self, may_come_late: bool) {
        let mut sums = [Count::default(); 3];
        let maps = [&self.earliest, &self.rows, &self.latest];
        let windows: BTreeSet<&Key> = maps.iter().flat_map(|map| map.keys()).collect();
        for window in windows {
            for (sum, map) in sums.iter_mut().zip(maps) {
                sum.add_all(map.get(window).copied().unwrap_or_default());
            }
            let [most, rows, least] = sums;
            assert!(
                rows.is_within(most),
                "{rows:?} up to {window:?}: before their frames, {most:?}"
            );
            assert!(
                may_come_late || least.is_within(rows),
                "{rows:?} up to {window:?}: after their frames, {least:?}"
            );
        }
    }
}

/// A packet on its way through the fast path, which may be stopped anywhere.
#[derive(Clone, Copy)]
enum Stage {
    Based { base: u64, ticks: u64 },
    Compared { base: u64 },
    Added { base: u64 },
    Late,
    Moved,
}

/// One that is on its way.
#[derive(Clone, Copy)]
struct Task {
    stage: Stage,
    bytes: u64,
    /// The CPU where it set out, and the window that its frame may be in at the earliest as long as it
    /// stays there.
    cpu: usize,
    earliest: Key,
    /// How many grace periods had begun before it.
    began: u64,
}

struct Reader {
    delivery: Delivery<Vec<u8>, Vec<Taken>>,
    /// Where it stands in `history`, and how many rows were before: else it reads `data`.
    position: Option<(Position, usize)>,
    /// How long the text before the first row is.
    head: usize,
    /// In `history`: what was before the rows, and the rows.
    sum: Count,
    /// What the line before the next row said.
    merged: Option<u64>,
    text: Vec<u8>,
    /// How much of it has been looked at.
    parsed: usize,
    /// The windows of the rows that it took and has not got.
    expected: VecDeque<Key>,
    last: Option<Key>,
    /// The last line said that the clock was set back.
    set_back: bool,
    asleep: bool,
}

impl Reader {
    fn new(position: Option<(Position, usize)>) -> Self {
        let before = position.map(|(position, _)| position);
        let line = before.map_or(String::new(), |before| {
            format!("# before {} {}\n", before.frames, before.bytes)
        });
        Self {
            delivery: Delivery::new(
                vec![0; delivery::TEXT],
                vec![Taken::default(); delivery::ROWS],
                before,
            ),
            position,
            head: HEADER.len() + line.len(),
            sum: Count::default(),
            merged: None,
            text: Vec::new(),
            parsed: 0,
            expected: VecDeque::new(),
            last: None,
            set_back: false,
            asleep: false,
        }
    }
}

/// How a machine is made.
#[derive(Clone, Debug)]
pub struct Make {
    pub cpus: usize,
    pub samples: usize,
    /// Windows that a CPU's FIFO holds.
    pub fifo: usize,
    pub period_ns: u64,
    pub khz: u32,
    pub wire: bool,
    /// What a CPU has counted before.
    pub before: Vec<(u64, u64)>,
}

/// How often what should be explored was.
#[derive(Clone, Copy, Default, Debug)]
pub struct Seen {
    pub packets: u64,
    pub fast: u64,
    pub moved: u64,
    pub rows: u64,
    pub history_rows: u64,
    /// Lives after which each frame was in its window, and such with steps of the clock.
    pub exact: u64,
    pub exact_stepped: u64,
    pub merged: u64,
    /// Rows of CPUs that had merged windows, and of readers of `history` that had missed some.
    pub merged_early: u64,
    pub missed: u64,
    pub kicked: u64,
    pub returned: u64,
    pub faults: u64,
    pub steps: u64,
    pub back: u64,
    pub set_back: u64,
    pub woken: u64,
    pub idle: u64,
}

impl Seen {
    pub fn add(&mut self, other: &Self) {
        self.packets += other.packets;
        self.fast += other.fast;
        self.moved += other.moved;
        self.rows += other.rows;
        self.history_rows += other.history_rows;
        self.exact += other.exact;
        self.exact_stepped += other.exact_stepped;
        self.merged += other.merged;
        self.merged_early += other.merged_early;
        self.missed += other.missed;
        self.kicked += other.kicked;
        self.returned += other.returned;
        self.faults += other.faults;
        self.steps += other.steps;
        self.back += other.back;
        self.set_back += other.set_back;
        self.woken += other.woken;
        self.idle += other.idle;
    }
}

/// What happens while a reader's bytes are copied.
pub type During<'a> = &'a [(usize, u32, u64)];

/// Wakes the readers; when, if it runs.
struct Alarm {
    mono_ns: Rc<Cell<u64>>,
    at: Cell<Option<u64>>,
    longest_ns: u64,
    /// The collector is wanted.
    wanted: Cell<bool>,
}

impl Alarm {
    fn wake(&self) {
        self.at.set(Some(self.mono_ns.get()));
    }
}

impl Timer for Alarm {
    type Lock = std::convert::Infallible;
    fn start(&self, in_ns: u64) {
        assert!(in_ns <= self.longest_ns);
        let at = self.mono_ns.get() + in_ns;
        self.at.set(Some(self.at.get().unwrap_or(at).min(at)));
    }

    fn collect(&self) {
        self.wanted.set(true);
    }
}

type Cpu = CpuCounter<Vec<Slot>, Rc<Shared<Alarm>>>;

impl Host for Machine {
    fn now(&self) -> Time {
        self.clock.now()
    }

    fn pause(&self) {}

    fn ticks(&self) -> u64 {
        self.ticks()
    }

    fn packets_now(&self) -> u64 {
        self.grace_periods.set(self.grace_periods.get() + 1);
        self.grace_periods.get()
    }

    fn have_left(&self, packets: u64) -> bool {
        let tasks = self.tasks.borrow();
        let have_left = tasks.iter().flatten().all(|task| task.began >= packets);
        self.saw(|seen| seen.idle += u64::from(have_left));
        have_left
    }
}

/// The kernel's clocks.
struct Wall {
    mono_ns: Rc<Cell<u64>>,
    offset_ns: Rc<Cell<i64>>,
}

impl RealTime for Wall {
    fn now_ns(&self) -> u64 {
        u64::try_from(self.offset_ns.get() + self.mono_ns.get() as i64).unwrap()
    }
}

fn key(window: Window) -> Key {
    (
        window.epoch().word() / ClockEpoch::default().next().word(),
        window.index(),
    )
}

/// A clock that was set.
struct Before {
    epoch: u64,
    offset_ns: i64,
    until_mono_ns: u64,
}

/// For how long after a step the fast path may go by the clock before it.
const FAST_MAX_NS: u64 = 4_000_000;

struct Machine {
    mono_ns: Rc<Cell<u64>>,
    offset_ns: Rc<Cell<i64>>,
    clock: Clock<Wall>,
    /// When no packet is counted by the clock before the last step any more.
    settled_ns: Cell<Option<u64>>,
    /// The clocks before the last steps.
    before: RefCell<VecDeque<Before>>,
    shared: Rc<Shared<Alarm>>,
    cpus: Vec<Cpu>,
    period_ns: NonZeroU64,
    khz: u32,
    wire: bool,
    samples: usize,
    fifo: usize,
    collector: RefCell<Collector<Vec<Cursor>, Vec<Closed>>>,
    model: RefCell<Model>,
    tasks: RefCell<Vec<Option<Task>>>,
    grace_periods: Cell<u64>,
    readers: RefCell<Vec<Option<Reader>>>,
    seen: Cell<Seen>,
}

impl Machine {
    fn new(make: &Make, tasks: usize, readers: usize) -> Self {
        let period_ns = NonZeroU64::new(make.period_ns).unwrap();
        let model = Model {
            naive: (0..make.cpus).map(|_| Naive::default()).collect(),
            ..Model::default()
        };
        let mono_ns = Rc::new(Cell::new(START_MONO_NS as u64));
        let offset_ns = Rc::new(Cell::new(START_NS));
        let clock = Clock::new(Wall {
            mono_ns: mono_ns.clone(),
            offset_ns: offset_ns.clone(),
        });
        let window = Window::at(clock.now(), period_ns);
        let alarm = Alarm {
            mono_ns: mono_ns.clone(),
            at: Cell::new(None),
            longest_ns: make.period_ns.max(LOOK_AGAIN_NS),
            wanted: Cell::new(false),
        };
        let shared = Rc::new(Shared::new(period_ns, make.wire, alarm));
        let cpu = |_| {
            let slots = (0..=make.fifo).map(|_| Slot::default()).collect();
            CpuCounter::new(window, slots, shared.clone())
        };
        let machine = Self {
            mono_ns,
            offset_ns,
            clock,
            settled_ns: Cell::new(None),
            before: RefCell::default(),
            cpus: (0..make.cpus).map(cpu).collect(),
            shared,
            period_ns,
            khz: make.khz,
            wire: make.wire,
            samples: make.samples,
            fifo: make.fifo,
            collector: RefCell::new(Collector::new(
                vec![Cursor::default(); make.cpus],
                vec![Closed::default(); unread_windows(make.samples as u32)],
                vec![Closed::default(); make.samples],
            )),
            model: RefCell::new(model),
            tasks: RefCell::new(vec![None; tasks]),
            grace_periods: Cell::default(),
            readers: RefCell::new((0..readers).map(|_| None).collect()),
            seen: Cell::default(),
        };
        machine.set_clock();
        for (cpu, &(frames, bytes)) in make.before.iter().take(make.cpus).enumerate() {
            // In steps: between two looks no total moves by half its range.
            for step in 0..4 {
                let part = |whole: u64| whole / 4 + u64::from(step == 0) * (whole % 4);
                if frames != 0 {
                    machine.late(cpu, part(frames), part(bytes));
                    machine.drain();
                }
            }
        }
        machine
    }

    fn saw(&self, what: impl FnOnce(&mut Seen)) {
        let mut seen = self.seen.get();
        what(&mut seen);
        self.seen.set(seen);
    }

    fn wall_ns(&self) -> u64 {
        self.clock.now().ns
    }

    /// The window that is open now, as the model sees it.
    fn now(&self) -> Key {
        (self.model.borrow().epoch, self.wall_ns() / self.period_ns)
    }

    /// The window that a packet may be counted in on the fast path at the earliest: that of the clock
    /// which the CPU may still go by.
    fn earliest(&self) -> Key {
        let mono_ns = self.mono_ns.get();
        let mut before = self.before.borrow_mut();
        while before
            .front()
            .is_some_and(|before| mono_ns - before.until_mono_ns >= FAST_MAX_NS)
        {
            before.pop_front();
        }
        let of = |before: &Before| {
            let ns = u64::try_from(before.offset_ns + mono_ns as i64).unwrap();
            (before.epoch, ns / self.period_ns)
        };
        before.iter().map(of).fold(self.now(), Key::min)
    }

    /// What the kernel tells whenever it has set its clock.
    fn set_clock(&self) -> bool {
        self.clock.set(clock::Line {
            mult: 1 << 20,
            nominal_mult: 1 << 20,
            shift: 20,
            khz: self.khz,
            offset_ns: self.offset_ns.get(),
            ..clock::Line::default()
        })
    }

    fn ticks(&self) -> u64 {
        (u128::from(self.mono_ns.get()) * u128::from(self.khz) / 1_000_000) as u64
    }

    // --- Time -----------------------------------------------------------------------------------

    fn pass(&self, ns: u64) {
        // A hundred years are enough for anybody.
        let most = (100 * YEAR_NS) as u64 - self.mono_ns.get();
        self.mono_ns.set(self.mono_ns.get() + ns.min(most));
        let at = &self.shared.timer().at;
        if at.get().is_some_and(|at| at <= self.mono_ns.get()) {
            at.set(None);
            self.wake();
        }
        let is_settled = |at| at <= self.mono_ns.get();
        if self.settled_ns.get().is_some_and(is_settled) {
            self.settled_ns.set(None);
            self.wake();
        }
    }

    /// To the next boundary of a window, and `ns` beyond.
    fn pass_to_boundary(&self, ns: i64) {
        let period_ns = self.period_ns.get();
        let rest_ns = period_ns - self.wall_ns() % period_ns;
        self.pass((rest_ns as i64 + ns.clamp(1 - rest_ns as i64, 1 << 50)) as u64);
    }

    fn step(&self, ns: i64) {
        let offset_ns = (self.offset_ns.get() + ns).clamp(YEAR_NS, 140 * YEAR_NS);
        let is_back = offset_ns < self.offset_ns.get();
        let is_step = offset_ns != self.offset_ns.get();
        let mut model = self.model.borrow_mut();
        self.before.borrow_mut().push_back(Before {
            epoch: model.epoch,
            offset_ns: self.offset_ns.get(),
            until_mono_ns: self.mono_ns.get(),
        });
        model.epoch += u64::from(is_back);
        // The fast path goes by the clock before it for some milliseconds.
        model.disturbed |= self.khz != 0;
        drop(model);
        self.offset_ns.set(offset_ns);
        assert_eq!(self.set_clock(), is_step);
        self.saw(|seen| seen.steps += 1);
        self.saw(|seen| seen.back += u64::from(is_back));
        if is_step {
            // c_shim/clock.c
            self.wake();
            self.settled_ns.set(Some(self.mono_ns.get() + 10_000_000));
        }
    }

    // --- The packet's way -----------------------------------------------------------------------

    fn count(&self, cpu: usize, frames: u64, bytes: u64) {
        let moment = self.clock.moment(self.ticks());
        if frames == 1 && !self.wire {
            self.cpus[cpu].count_packet(&self.clock, moment, bytes);
        } else {
            self.cpus[cpu].count(&self.clock, moment, frames, bytes);
        }
    }

    /// The model's half of counting. The frames may be in `earliest`, or a later window up to now.
    fn note(&self, cpu: usize, earliest: Key, frames: u64, bytes: u64) {
        let now = self.now();
        let mut model = self.model.borrow_mut();
        let model = &mut *model;
        model.counted.add(frames, bytes);
        model
            .earliest
            .entry(earliest)
            .or_default()
            .add(frames, bytes);
        model.latest.entry(now).or_default().add(frames, bytes);
        let Naive {
            open,
            queue,
            was_half_full,
        } = &mut model.naive[cpu];
        let mut row = NaiveRow {
            window: now,
            ..NaiveRow::default()
        };
        match open.take() {
            Some(same) if same.window == now => row = same,
            Some(closed) if queue.len() < self.fifo => queue.push_back(closed),
            Some(closed) => {
                row.take_in(&closed);
                self.saw(|seen| seen.merged_early += 1);
            }
            None => {}
        }
        *was_half_full |= queue.len() >= self.fifo.div_ceil(2);
        row.count.add(frames, bytes);
        *open = Some(row);
        self.saw(|seen| seen.packets += 1);
    }

    fn late(&self, cpu: usize, frames: u64, bytes: u64) {
        self.note(cpu, self.now(), frames, bytes);
        self.count(cpu, frames, bytes);
    }

    /// A packet that nothing stops.
    fn packet(&self, cpu: usize, frames: u32, bytes: u64) {
        let cpu = cpu % self.cpus.len();
        let frames = if self.wire { frames.into() } else { 1 };
        let is_in_time = self.cpus[cpu].tally().is_in_time(self.tally_ticks());
        if is_in_time && frames <= RECENT_FRAMES_MAX {
            self.note(cpu, self.earliest(), frames, bytes);
            self.add_recent(cpu, frames, bytes);
        } else {
            self.late(cpu, frames, bytes);
        }
    }

    /// What the fast path compares with the deadline.
    fn tally_ticks(&self) -> u64 {
        self.ticks() ^ if self.wire { SHIFTED_TICKS } else { 0 }
    }

    fn add_recent(&self, cpu: usize, frames: u64, bytes: u64) {
        let recent = &self.cpus[cpu].tally().recent;
        recent.fetch_add(recent_packet(frames, bytes), Ordering::Relaxed);
        self.saw(|seen| seen.fast += 1);
    }

    /// The next instruction of a task's packet, on whatever CPU the task is now: what the asm of
    /// src/module/fast_path.rs does.
    fn advance(&self, task: usize, cpu: usize, bytes: u64) {
        let cpu = cpu % self.cpus.len();
        let tally = self.cpus[cpu].tally();
        let base_now = tally.base_ticks.load(Ordering::Relaxed);
        let mut tasks = self.tasks.borrow_mut();
        self.model.borrow_mut().disturbed = true;
        if let Some(task) = &mut tasks[task] {
            if task.cpu != cpu {
                // Moved on before it can be counted anew, it stays in what is open there, however old.
                task.earliest = Key::default();
                self.model.borrow_mut().moved = true;
            }
        }
        let Some(Task {
            stage,
            bytes,
            earliest,
            ..
        }) = tasks[task]
        else {
            let (base, ticks) = (base_now, self.tally_ticks());
            tasks[task] = Some(Task {
                stage: Stage::Based { base, ticks },
                bytes,
                cpu,
                earliest: self.earliest(),
                began: self.grace_periods.get(),
            });
            return;
        };
        let next = match stage {
            Stage::Based { base, ticks } => {
                let span = tally.span_ticks.load(Ordering::Relaxed);
                if ticks.wrapping_sub(base) < span {
                    Some(Stage::Compared { base })
                } else {
                    Some(Stage::Late)
                }
            }
            Stage::Compared { base } => {
                self.note(cpu, earliest, 1, bytes);
                self.add_recent(cpu, 1, bytes);
                Some(Stage::Added { base })
            }
            Stage::Added { base } if base != base_now => Some(Stage::Moved),
            Stage::Added { .. } => None,
            Stage::Late => {
                self.late(cpu, 1, bytes);
                None
            }
            Stage::Moved => {
                let moment = self.clock.moment(self.ticks());
                let is_moved = self.cpus[cpu].recount(&self.clock, moment, 1, bytes);
                self.model.borrow_mut().moved |= is_moved;
                self.saw(|seen| seen.moved += 1);
                None
            }
        };
        match (next, &mut tasks[task]) {
            (Some(stage), Some(task)) => task.stage = stage,
            (_, task) => *task = None,
        }
    }

    // --- Readers --------------------------------------------------------------------------------

    /// The model's half of collecting.
    fn collected(&self) {
        let now = self.now();
        let mut model = self.model.borrow_mut();
        let model = &mut *model;
        let mut rows: BTreeMap<Key, NaiveRow> = BTreeMap::new();
        for naive in &mut model.naive {
            let ended = naive.open.take_if(|open| open.window < now);
            for closed in naive.queue.drain(..).chain(ended) {
                let row = rows.entry(closed.window).or_default();
                row.window = closed.window;
                row.count.add_all(closed.count);
                row.merged = row.merged.max(closed.merged);
            }
        }
        for mut row in rows.into_values() {
            model.history.push(row);
            model.merged += row.merged;
            if model.unread.len() > self.samples {
                row.take_in(&model.unread.pop_back().unwrap());
                model.merged += 1;
            }
            model.unread.push_back(row);
        }
    }

    /// Whether a window has ended that is not collected.
    fn is_to_come(&self) -> bool {
        let now = self.now();
        let model = self.model.borrow();
        let is_to_come = |naive: &Naive| {
            !naive.queue.is_empty() || naive.open.is_some_and(|open| open.window < now)
        };
        model.naive.iter().any(is_to_come)
    }

    /// The collector has been everywhere.
    fn has_come(&self) {
        self.shared.timer().wanted.set(false);
        for naive in &mut self.model.borrow_mut().naive {
            naive.was_half_full = false;
        }
    }

    fn collect(&self) {
        self.has_come();
        let cpus = &self.cpus[..];
        self.collector
            .borrow_mut()
            .collect(&self.shared, &cpus, self);
        self.collected();
    }

    fn collect_ended(&self) {
        if self.is_to_come() {
            self.has_come();
        }
        let cpus = &self.cpus[..];
        self.collector
            .borrow_mut()
            .collect_ended(&self.shared, &cpus, self);
        self.collected();
    }

    fn take_rows(&self, collect: bool, last: Option<Window>, rows: &mut [Taken]) -> usize {
        if collect {
            self.collect_ended();
        }
        let count = self.collector.borrow_mut().take_rows(last, rows);
        let mut model = self.model.borrow_mut();
        for taken in &rows[..count] {
            let naive = model.unread.pop_front();
            if !model.disturbed && !model.returned {
                assert!(naive.unwrap().is(taken), "{naive:?} {taken:?}");
            }
        }
        if count < rows.len() && !model.disturbed && !model.returned {
            assert!(model.unread.is_empty(), "a row that does not come");
        }
        count
    }

    fn read_rows(
        &self,
        collect: bool,
        position: &mut (Position, usize),
        rows: &mut [Taken],
    ) -> usize {
        if collect {
            self.collect_ended();
        }
        let (position, next) = position;
        let count = self.collector.borrow().read_rows(position, rows);
        let model = self.model.borrow();
        for taken in &rows[..count] {
            if model.disturbed {
                break;
            }
            let first = (*next).max(model.history.len().saturating_sub(self.samples));
            self.saw(|seen| seen.missed += (first - *next) as u64);
            let mut naive = model.history[*next];
            for row in &model.history[*next + 1..=first] {
                let missed = std::mem::replace(&mut naive, *row);
                naive.take_in(&missed);
            }
            assert!(naive.is(taken), "{naive:?} {taken:?}");
            *next = first + 1;
        }
        if count < rows.len() && !model.disturbed {
            assert_eq!(*next, model.history.len(), "a row that does not come");
        }
        count
    }

    fn poll_row(&self, reader: &Reader) -> bool {
        self.has_come();
        let (mut collector, cpus) = (self.collector.borrow_mut(), &self.cpus[..]);
        let is_ready = match &reader.position {
            Some((position, _)) => collector.poll_history(&self.shared, &cpus, self, position),
            None => collector.poll_data(&self.shared, &cpus, self, reader.delivery.last()),
        };
        drop(collector);
        self.collected();
        is_ready
    }

    fn open(&self, reader: usize, history: bool) {
        let reader = &mut self.readers.borrow_mut()[reader];
        if reader.is_none() {
            let position = history.then(|| {
                self.collect();
                let model = self.model.borrow();
                let next = model.history.len().saturating_sub(self.samples);
                (self.collector.borrow().oldest(), next)
            });
            *reader = Some(Reader::new(position));
        }
    }

    /// A read of `size` bytes of which only `good` can be written to.
    fn read(&self, reader: usize, size: usize, good: usize, during: During<'_>) {
        if let Some(reader) = &mut self.readers.borrow_mut()[reader] {
            self.read_as(reader, size, good, during);
        }
    }

    fn read_as(&self, reader: &mut Reader, size: usize, good: usize, during: During<'_>) -> usize {
        reader.asleep = false;
        let Reader {
            delivery,
            text,
            expected,
            position,
            ..
        } = reader;
        let before = text.len();
        let pending = !delivery.pending().is_empty();
        let mut during = during.iter();
        let take = |last, again: bool, rows: &mut [Taken]| {
            let count = match position {
                Some(position) => self.read_rows(!again, position, rows),
                None => self.take_rows(!again, last, rows),
            };
            expected.extend(rows[..count].iter().map(|taken| key(taken.window)));
            count
        };
        let copy = |at: usize, bytes: &[u8]| {
            assert!(!bytes.is_empty() && at + bytes.len() <= size);
            assert_eq!(at, text.len() - before);
            if let Some(&(cpu, frames, bytes)) = during.next() {
                self.packet(cpu, frames, bytes);
                self.pass(bytes);
            }
            let copied = bytes.len().min(good.saturating_sub(at));
            text.extend_from_slice(&bytes[..copied]);
            copied
        };
        let done = delivery.read(self.period_ns, size, take, copy);
        assert_eq!(done.unwrap_or(0), text.len() - before);
        if done.is_none() {
            assert!(size != 0 && good == 0);
            self.saw(|seen| seen.faults += 1);
        }
        if pending && good != 0 && size != 0 {
            assert_ne!(text.len(), before);
        }
        self.parse(reader);
        reader.text.len() - before
    }

    fn parse(&self, reader: &mut Reader) {
        let mut model = self.model.borrow_mut();
        while let Some(len) = reader.text[reader.parsed..]
            .iter()
            .position(|&b| b == b'\n')
        {
            let line = &reader.text[reader.parsed..][..=len];
            if reader.parsed == 0 {
                assert_eq!(line, HEADER.as_bytes());
                reader.parsed += line.len();
                continue;
            }
            let parsed = Line::parse(line).unwrap();
            reader.parsed += line.len();
            let row = match parsed {
                Line::Row(row) => row,
                Line::ClockSetBack => {
                    assert!(!reader.set_back && reader.merged.is_none());
                    reader.set_back = true;
                    self.saw(|seen| seen.set_back += 1);
                    continue;
                }
                Line::Merged(merged) => {
                    assert_ne!(merged, 0);
                    assert_eq!(reader.merged.replace(merged), None);
                    continue;
                }
                Line::Before { frames, bytes } => {
                    assert!(reader.position.is_some() && reader.parsed == reader.head);
                    reader.sum.add(frames, bytes);
                    continue;
                }
            };
            assert!(reader.parsed > reader.head);
            let merged = reader.merged.take().unwrap_or(0);
            // All that a slow reader of `history` has missed can be 2^64 frames, which are none.
            let may_wrap = reader.position.is_some() && merged != 0;
            assert!(
                row.frames != 0 || may_wrap,
                "a row of a window without a frame"
            );
            assert_eq!(row.timestamp_ns % self.period_ns, 0);
            let window = reader.expected.pop_front().unwrap();
            assert_eq!(row.timestamp_ns / self.period_ns, window.1);
            let last = reader.last.replace(window);
            assert!(last < Some(window), "rows out of order");
            let is_other_clock = last.is_some_and(|last| last.0 != window.0);
            assert_eq!(reader.set_back, is_other_clock, "set back, or not");
            reader.set_back = false;
            if reader.position.is_some() {
                reader.sum.add(row.frames, row.bytes);
                self.saw(|seen| seen.history_rows += 1);
                continue;
            }
            model.reported += merged;
            model.delivered.add(row.frames, row.bytes);
            model
                .rows
                .entry(window)
                .or_default()
                .add(row.frames, row.bytes);
            let (delivered, counted) = (model.delivered, model.counted);
            assert!(delivered.frames <= counted.frames && delivered.bytes <= counted.bytes);
            self.saw(|seen| seen.rows += 1);
        }
        let rest = reader.parsed != reader.text.len();
        assert!(!rest || reader.parsed < reader.head || !reader.delivery.pending().is_empty());
    }

    fn close(&self, reader: usize) {
        let closed = self.readers.borrow_mut()[reader].take();
        let pending = closed
            .as_ref()
            .filter(|closed| closed.position.is_none())
            .map_or(&[][..], |closed| closed.delivery.pending());
        if !pending.is_empty() {
            self.model.borrow_mut().returned = true;
            self.saw(|seen| seen.returned += pending.len() as u64);
            self.collector.borrow_mut().give_back(pending);
            self.wake();
        }
    }

    /// Goes to sleep unless a row can be read; and if one can, it is.
    fn poll(&self, reader: usize) {
        if let Some(reader) = &mut self.readers.borrow_mut()[reader] {
            self.poll_as(reader);
        }
    }

    fn poll_as(&self, reader: &mut Reader) {
        let pending = !reader.delivery.pending().is_empty();
        reader.asleep = !pending && !self.poll_row(reader);
        if !reader.asleep {
            let header = reader.head.saturating_sub(reader.text.len());
            assert!(self.read_as(reader, header + 1, usize::MAX, &[]) > header);
        }
    }

    fn wake(&self) {
        let Ok(mut readers) = self.readers.try_borrow_mut() else {
            // In the middle of a read, whose reader is awake; the others look when it is over.
            self.shared.timer().wake();
            return;
        };
        for reader in readers.iter_mut().flatten().filter(|reader| reader.asleep) {
            self.poll_as(reader);
            self.saw(|seen| seen.woken += u64::from(!reader.asleep));
        }
    }

    // --- Judgement ------------------------------------------------------------------------------

    /// What must be true at every moment.
    fn check(&self) {
        self.pass(0);
        let totals = self.cpus.iter().fold((0_u64, 0_u64), |sum, cpu| {
            let mark = cpu.tally().snapshot().mark;
            (
                sum.0.wrapping_add(mark.frames),
                sum.1.wrapping_add(mark.bytes),
            )
        });
        let is_to_come = self.is_to_come();
        let model = self.model.borrow();
        assert_eq!(totals, model.counted.wrapped());
        if model.disturbed {
            return;
        }
        let is_wanted = self.shared.timer().wanted.get();
        let any = |is: fn(&Naive, usize) -> bool| model.naive.iter().any(|cpu| is(cpu, self.fifo));
        let is_full = any(|cpu, fifo| cpu.queue.len() == fifo);
        assert!(is_wanted || !is_full, "the collector does not come");
        let was_half_full = any(|cpu, _| cpu.was_half_full);
        assert!(!is_wanted || was_half_full, "the collector comes too early");
        for reader in self.readers.borrow().iter().flatten() {
            let is_more = match reader.position {
                Some((_, next)) => next < model.history.len(),
                None => !model.unread.is_empty(),
            };
            let is_exact = reader.position.is_some() || !model.returned;
            let is_ready = is_exact && (is_more || is_to_come);
            assert!(!reader.asleep || !is_ready, "a poller sleeps on");
        }
    }

    /// What `status` says.
    fn ask(&self) {
        self.collect();
        let standing = self.collector.borrow().standing();
        let model = self.model.borrow();
        let totals = (standing.totals.frames, standing.totals.bytes);
        assert_eq!(totals, model.counted.wrapped());
        if !model.disturbed && !model.returned {
            assert_eq!(standing.merged, model.merged, "merged");
            assert_eq!(standing.queued, model.unread.len() as u64, "queued");
        }
    }

    fn is_all_delivered(&self) -> bool {
        let model = self.model.borrow();
        model.delivered == model.counted
    }

    /// Lets time pass, in which no packet comes: whoever sleeps has nothing to read.
    fn wait(&self) {
        // After a step back a window can be open a second time, and its CPU's next one.
        for _ in 0..4 + self.samples + self.cpus.len() {
            self.pass(self.period_ns.get().max(LOOK_AGAIN_NS));
        }
        for reader in self.readers.borrow_mut().iter_mut().flatten() {
            assert!(
                !reader.asleep || !self.poll_row(reader),
                "a poller sleeps on"
            );
        }
    }

    /// Lets all tasks come to their end, all readers close and a window pass: then everything can
    /// be read.
    fn drain(&self) {
        let tasks = self.tasks.borrow().len();
        for task in 0..tasks {
            while self.tasks.borrow()[task].is_some() {
                self.advance(task, task, 0);
            }
        }
        self.wait();
        let readers = self.readers.borrow().len();
        let is_data = |reader: &Option<Reader>| {
            reader
                .as_ref()
                .is_some_and(|reader| reader.position.is_none())
        };
        for reader in 0..readers {
            if is_data(&self.readers.borrow()[reader]) {
                self.close(reader);
            }
        }
        let mut reader = Reader::new(None);
        let mut windows = 0;
        while windows == 0 || !self.is_all_delivered() {
            // After a step back a window can be open a second time, and its CPU's next one.
            let most = if self.model.borrow().disturbed {
                2 + self.samples + self.cpus.len()
            } else {
                1
            };
            assert!(windows < most, "something never comes");
            windows += 1;
            self.pass(self.period_ns.get());
            while self.read_as(&mut reader, 4096, usize::MAX, &[]) != 0 {}
        }
        self.ask();
        let standing = self.collector.borrow().standing();
        assert_eq!(standing.queued, 0);
        // Each reader of `history` has got, or gets, the same.
        for reader in self.readers.borrow_mut().iter_mut().flatten() {
            while self.read_as(reader, 4096, usize::MAX, &[]) != 0 {}
            let counted = self.model.borrow().counted;
            assert_eq!(reader.sum.wrapped(), counted.wrapped(), "conservation");
        }
        let model = self.model.borrow();
        assert_eq!(model.delivered, model.counted, "conservation");
        if !model.disturbed && !model.returned {
            assert_eq!(model.reported, model.merged);
        }
        let may_come_late = standing.merged != 0 || model.returned || model.moved;
        model.check_windows(may_come_late);
        self.saw(|seen| {
            seen.exact += u64::from(!may_come_late);
            seen.exact_stepped += u64::from(!may_come_late && seen.steps != 0);
        });
        self.saw(|seen| seen.merged += model.merged);
    }
}

// --- Schedules ----------------------------------------------------------------------------------

/// Packets that may be on their way at once.
pub const TASKS: usize = 3;
pub const READERS: usize = 5;

/// What happens to a machine.
#[derive(Clone, Debug)]
pub enum Event {
    Pass(u64),
    PassPart(u8),
    PassToBoundary(i64),
    Packet {
        cpu: usize,
        frames: u32,
        bytes: u64,
    },
    Advance {
        task: usize,
        cpu: usize,
        bytes: u64,
    },
    Step(i64),
    Open(usize),
    OpenHistory(usize),
    /// The collector comes, if it is wanted.
    Work,
    /// Nothing comes, and somebody asks five times, so many ns after each other.
    Rest(u64),
    Ask,
    Read {
        reader: usize,
        size: usize,
        good: usize,
        during: Vec<(usize, u32, u64)>,
    },
    Close(usize),
    Poll(usize),
    Drain,
}

impl Machine {
    fn run(&self, event: &Event) {
        match *event {
            Event::Pass(ns) => self.pass(ns),
            Event::PassPart(part) => self.pass(self.period_ns.get() / 256 * u64::from(part)),
            Event::PassToBoundary(ns) => self.pass_to_boundary(ns),
            Event::Packet { cpu, frames, bytes } => self.packet(cpu, frames, bytes),
            Event::Advance { task, cpu, bytes } => self.advance(task, cpu, bytes),
            Event::Step(ns) => self.step(ns),
            Event::Open(reader) => self.open(reader, false),
            Event::OpenHistory(reader) => self.open(reader, true),
            Event::Work => {
                if self.shared.timer().wanted.get() {
                    self.saw(|seen| seen.kicked += 1);
                    self.collect();
                }
            }
            Event::Rest(ns) => {
                for _ in 0..5 {
                    self.pass(ns);
                    self.ask();
                }
            }
            Event::Ask => self.ask(),
            Event::Read {
                reader,
                size,
                good,
                ref during,
            } => self.read(reader, size, good, during),
            Event::Close(reader) => self.close(reader),
            Event::Poll(reader) => self.poll(reader),
            Event::Drain => self.drain(),
        }
    }
}

/// A machine's life: judged after each event, and drained at its end.
pub fn live(make: &Make, events: &[Event]) -> Seen {
    let machine = Machine::new(make, TASKS, READERS);
    machine.check();
    for event in events {
        machine.run(event);
        machine.check();
    }
    machine.drain();
    machine.seen.get()
}
