// SPDX-License-Identifier: GPL-2.0-or-later
//! The live view on a terminal: keys, pauses, and the terminal as it was.

use super::draw;
use super::view::View;
use super::watch::Watch;
use crate::cli::Live;
use crate::signals::Stop;
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

/// What a key asks of the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    None,
    Quit,
    Suspend,
    Reset,
}

/// Runs until `q` or a signal. The terminal is given back also when this panics.
pub fn run(args: &Live, mut watch: Watch, stop: &Stop) -> Result<()> {
    let rate = crate::units::short(watch.threshold.rate.0);
    let note = if watch.is_consuming() {
        "; no history: reads data"
    } else {
        ""
    };
    let mut view = View {
        shown: Vec::new(),
        selected: None,
        unit: args.units,
        sort: args.sort,
        is_paused: false,
        is_help: false,
        bursts: format!(
            "burst: {rate}bit/s or more, {}{note}",
            watch.threshold.reason
        ),
    };
    let mut terminal = take_terminal()?;
    let done = show(
        &mut view,
        args,
        &mut watch,
        &mut terminal,
        &input_events(),
        stop,
    );
    ratatui::restore();
    done
}

fn show(
    view: &mut View,
    args: &Live,
    watch: &mut Watch,
    terminal: &mut DefaultTerminal,
    events: &Receiver<Event>,
    stop: &Stop,
) -> Result<()> {
    let mut next_tick = Instant::now();
    while !stop.is_wanted() {
        watch.gather(next_tick.min(Instant::now() + KEYS), stop)?;
        let is_tick = Instant::now() >= next_tick;
        if is_tick {
            let samples = watch.tick()?;
            next_tick += args.delay;
            if !view.is_paused {
                view.update(watch, samples);
            }
        }
        let mut is_touched = is_tick;
        while let Ok(event) = events.try_recv() {
            is_touched = true;
            match event {
                Event::Key(key) if key.kind != KeyEventKind::Release => match act(view, key) {
                    Action::None => {}
                    Action::Quit => return Ok(()),
                    Action::Suspend => *terminal = suspend()?,
                    Action::Reset => watch
                        .counters
                        .iter_mut()
                        .for_each(|counter| counter.reset()),
                },
                Event::Resize(..) => *terminal = fill_terminal()?,
                _ => {}
            }
        }
        if is_touched {
            terminal.draw(|frame| draw::screen(frame, view))?;
        }
    }
    Ok(())
}

/// Changes the view as a key asks; returns what the loop has to do.
fn act(view: &mut View, key: KeyEvent) -> Action {
    let has_ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('c') if has_ctrl => return Action::Quit,
        KeyCode::Char('z') if has_ctrl => return Action::Suspend,
        KeyCode::Char('h' | '?') => view.is_help = !view.is_help,
        KeyCode::Esc if view.is_help => view.is_help = false,
        KeyCode::Char('q') | KeyCode::Esc => return Action::Quit,
        KeyCode::Char(' ' | 'p') => view.is_paused = !view.is_paused,
        KeyCode::Char('r') => return Action::Reset,
        KeyCode::Char('u') => view.unit = view.unit.next(),
        KeyCode::Char('s') => view.sort_by_next(),
        KeyCode::Up | KeyCode::Char('k') => view.select(view.selected_row().saturating_sub(1)),
        KeyCode::Down | KeyCode::Char('j') => view.select(view.selected_row() + 1),
        KeyCode::Home => view.select(0),
        KeyCode::End => view.select(usize::MAX),
        _ => {}
    }
    Action::None
}

/// What is typed, from a thread of its own: where the terminal is gone, reading it never ends,
/// and the signal that says so must find the loop awake.
fn input_events() -> Receiver<Event> {
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
/// the terminal where its cursor is, and the answer is taken for something that was typed.
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
