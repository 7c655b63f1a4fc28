// SPDX-License-Identifier: GPL-2.0-or-later
//! The live view on a terminal: keys, pauses, and the terminal as it was.

use super::draw;
use super::sample::{self, Sample};
use super::watch::{Watch, Worst};
use crate::cli::{Live, Sort};
use crate::signals::Stop;
use crate::units::Unit;
use anyhow::{Context, Result};
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{self, Clear, ClearType};
use ratatui::layout::Rect;
use ratatui::{DefaultTerminal, Terminal, TerminalOptions, Viewport};
use std::io::stdout;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// How soon a key is answered.
const KEYS: Duration = Duration::from_millis(50);

/// One counter as it is shown; a pause keeps it.
#[derive(Debug)]
pub struct Shown {
    /// The last look.
    pub sample: Sample,
    /// Fullest window of each tick, bytes.
    pub history: Vec<u64>,
    /// The worst window and what was around it.
    pub worst: Worst,
    /// Bytes from which on a window is in a burst.
    pub threshold_bytes: f64,
}

/// What is on the screen.
#[derive(Debug)]
pub struct Screen {
    /// The counters, sorted.
    pub shown: Vec<Shown>,
    /// Name of the selected one: it stays selected when the order changes.
    pub selected: Option<String>,
    /// Unit of the rates.
    pub unit: Unit,
    /// Order of the counters.
    pub sort: Sort,
    /// Nothing moves.
    pub is_paused: bool,
    /// The keys are explained.
    pub is_help: bool,
    /// What a burst is.
    pub bursts: String,
}

/// What a key asks of the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    None,
    Quit,
    Suspend,
    Reset,
}

/// Runs until `q` or a signal. The terminal is given back also when this panics.
pub fn run(args: &Live, mut watch: Watch, stop: &Stop) -> Result<()> {
    let rate = crate::units::short(watch.threshold.rate.0);
    let mut screen = Screen {
        shown: Vec::new(),
        selected: None,
        unit: args.units,
        sort: args.sort,
        is_paused: false,
        is_help: false,
        bursts: format!("burst: {rate}bit/s or more, {}", watch.threshold.reason),
    };
    let mut terminal = take_terminal()?;
    let done = screen.watch(args, &mut watch, &mut terminal, &typed(), stop);
    ratatui::restore();
    done
}

impl Screen {
    fn watch(
        &mut self,
        args: &Live,
        watch: &mut Watch,
        terminal: &mut DefaultTerminal,
        typed: &Receiver<Event>,
        stop: &Stop,
    ) -> Result<()> {
        let mut next_tick = Instant::now();
        while !stop.is_wanted() {
            watch.gather(next_tick.min(Instant::now() + KEYS), stop)?;
            let is_tick = Instant::now() >= next_tick;
            if is_tick {
                let samples = watch.tick()?;
                next_tick += args.delay;
                if !self.is_paused {
                    self.show(watch, samples);
                }
            }
            let mut is_touched = is_tick;
            while let Ok(event) = typed.try_recv() {
                is_touched = true;
                match event {
                    Event::Key(key) if key.kind != KeyEventKind::Release => match self.key(key) {
                        Wish::None => {}
                        Wish::Quit => return Ok(()),
                        Wish::Suspend => *terminal = suspend()?,
                        Wish::Reset => watch
                            .counters
                            .iter_mut()
                            .for_each(|counter| counter.reset()),
                    },
                    Event::Resize(..) => *terminal = fill_terminal()?,
                    _ => {}
                }
            }
            if is_touched {
                terminal.draw(|frame| draw::screen(frame, self))?;
            }
        }
        Ok(())
    }

    fn show(&mut self, watch: &Watch, samples: Vec<Sample>) {
        self.shown = samples
            .into_iter()
            .zip(&watch.counters)
            .map(|(sample, counter)| Shown {
                threshold_bytes: watch.threshold.rate.bytes_in(sample.period_ns),
                history: counter.history.iter().copied().collect(),
                worst: counter.worst.clone(),
                sample,
            })
            .collect();
        self.order();
    }

    fn order(&mut self) {
        let sort = self.sort;
        sample::sort_by(&mut self.shown, sort, |shown| &shown.sample);
    }

    /// Row of the selected counter.
    pub fn selected_row(&self) -> usize {
        let selected = self.selected.as_deref();
        self.shown
            .iter()
            .position(|shown| Some(shown.sample.counter.as_str()) == selected)
            .unwrap_or(0)
    }

    fn select(&mut self, row: usize) {
        let row = row.min(self.shown.len().saturating_sub(1));
        self.selected = self
            .shown
            .get(row)
            .map(|shown| shown.sample.counter.clone());
    }

    fn key(&mut self, key: KeyEvent) -> Wish {
        let has_ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c') if has_ctrl => return Wish::Quit,
            KeyCode::Char('z') if has_ctrl => return Wish::Suspend,
            KeyCode::Char('h' | '?') => self.is_help = !self.is_help,
            KeyCode::Esc if self.is_help => self.is_help = false,
            KeyCode::Char('q') | KeyCode::Esc => return Wish::Quit,
            KeyCode::Char(' ' | 'p') => self.is_paused = !self.is_paused,
            KeyCode::Char('r') => return Wish::Reset,
            KeyCode::Char('u') => self.unit = self.unit.next(),
            KeyCode::Char('s') => {
                self.select(self.selected_row());
                self.sort = self.sort.next();
                self.order();
            }
            KeyCode::Up | KeyCode::Char('k') => self.select(self.selected_row().saturating_sub(1)),
            KeyCode::Down | KeyCode::Char('j') => self.select(self.selected_row() + 1),
            KeyCode::Home => self.select(0),
            KeyCode::End => self.select(usize::MAX),
            _ => {}
        }
        Wish::None
    }
}

/// What is typed, from a thread of its own: where the terminal is gone, reading it never ends,
/// and the signal that says so must find the loop awake.
fn typed() -> Receiver<Event> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        while let Ok(event) = event::read() {
            if sender.send(event).is_err() {
                return;
            }
        }
    });
    receiver
}

/// The terminal for this program alone; ratatui's panic hook gives it back before the message.
fn take_terminal() -> Result<DefaultTerminal> {
    ratatui::try_init().context("the terminal")?;
    fill_terminal()
}

/// An empty screen as large as the terminal is. A viewport that follows the size by itself asks
/// the terminal where its cursor is, and the answer goes to who reads what is typed.
fn fill_terminal() -> Result<DefaultTerminal> {
    let (width, height) = terminal::size().context("the size of the terminal")?;
    execute!(stdout(), Clear(ClearType::All)).context("the terminal")?;
    let viewport = Viewport::Fixed(Rect::new(0, 0, width, height));
    Terminal::with_options(
        CrosstermBackend::new(stdout()),
        TerminalOptions { viewport },
    )
    .context("the terminal")
}

/// Gives the terminal back to the shell until `fg`.
fn suspend() -> Result<DefaultTerminal> {
    ratatui::restore();
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP)?;
    take_terminal()
}
