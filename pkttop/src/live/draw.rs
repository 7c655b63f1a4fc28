// SPDX-License-Identifier: GPL-2.0-or-later
//! The picture on the terminal.

use super::screen::{Screen, Shown};
use super::watch::AROUND;
use crate::units::{short, short_time, time_of_day, Unit};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{
    Block, Borders, Cell, Clear, Paragraph, Row, Sparkline, SparklineBar, Table, TableState,
};
use ratatui::Frame;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const HOT: Style = Style::new().fg(Color::Red);
const CALM: Style = Style::new().fg(Color::Cyan);
const FAINT: Style = Style::new().add_modifier(Modifier::DIM);
const HEAD: Style = Style::new().add_modifier(Modifier::BOLD);

/// Width of the history column at least.
const HISTORY_MIN: u16 = 10;
/// Lines of the picture of the worst window at least.
const WORST_MIN: u16 = 5;

const HELP: &str = " \
q, Esc       quit
 h, ?         this help
 space, p     pause; rows are read on
 up, down     select a counter (also k, j)
 s            sort by name, rate, peak, bursts
 u            bits, bytes or packets per second
 r            forget peaks, percentiles, bursts
 Ctrl-Z       back to the shell until fg

 rate         of the last interval
 peak         fullest window, and when it began (UTC)
 p50 … p99.9  load that so many windows do not exceed,
              idle windows included
 bursts       windows in a row at the threshold or above
 history      fullest window of each interval
 below        the windows around the peak of the selected
              counter, one a column; bursts in red";

/// A column of the table: title, width, whether narrow terminals do without, and its text.
struct Column {
    title: &'static str,
    width: u16,
    is_spare: bool,
    text: fn(&Shown, Unit) -> String,
}

const COLUMNS: [Column; 10] = [
    Column {
        title: "counter",
        width: 16,
        is_spare: false,
        text: |s, _| s.sample.counter.clone(),
    },
    Column {
        title: "period",
        width: 7,
        is_spare: true,
        text: |s, _| short_time(s.sample.period_ns),
    },
    Column {
        title: "rate",
        width: 8,
        is_spare: false,
        text: rate,
    },
    Column {
        title: "pkt/s",
        width: 7,
        is_spare: true,
        text: |s, _| per_second(s.sample.frames_per_second),
    },
    Column {
        title: "peak",
        width: 7,
        is_spare: false,
        text: |s, u| load(s, u, s.sample.peak_frames, s.sample.peak_bytes),
    },
    Column {
        title: "at",
        width: 15,
        is_spare: true,
        text: peak_time,
    },
    Column {
        title: "p50",
        width: 7,
        is_spare: true,
        text: |s, u| percentile(s, u, s.sample.p50_bytes),
    },
    Column {
        title: "p99",
        width: 7,
        is_spare: false,
        text: |s, u| percentile(s, u, s.sample.p99_bytes),
    },
    Column {
        title: "p99.9",
        width: 7,
        is_spare: true,
        text: |s, u| percentile(s, u, s.sample.p999_bytes),
    },
    Column {
        title: "bursts",
        width: 7,
        is_spare: false,
        text: |s, _| s.sample.bursts.to_string(),
    },
];

fn per_second(rate: Option<u64>) -> String {
    rate.map_or("-".to_owned(), |rate| short(rate as f64))
}

fn rate(shown: &Shown, unit: Unit) -> String {
    let sample = &shown.sample;
    per_second(match unit {
        Unit::Bits => sample.bits_per_second,
        Unit::Bytes => sample.bits_per_second.map(|bits| bits / 8),
        Unit::Pps => sample.frames_per_second,
    })
}

fn load(shown: &Shown, unit: Unit, frames: u64, bytes: u64) -> String {
    short(unit.rate(frames, bytes, shown.sample.period_ns))
}

fn percentile(shown: &Shown, unit: Unit, bytes: u64) -> String {
    // Percentiles are kept of bytes only.
    if unit == Unit::Pps {
        "-".to_owned()
    } else {
        load(shown, unit, 0, bytes)
    }
}

fn peak_time(shown: &Shown, _: Unit) -> String {
    if shown.sample.peak_bytes == 0 {
        "-".to_owned()
    } else {
        time_of_day(shown.sample.peak_timestamp_ns)
    }
}

fn history(values: &[u64], width: usize) -> String {
    let values = &values[values.len().saturating_sub(width)..];
    let most = values.iter().max().copied().unwrap_or(0).max(1);
    let bar = |value: &u64| match value {
        0 => ' ',
        _ => BARS[(*value as f64 / most as f64 * 8.0).ceil() as usize - 1],
    };
    values.iter().map(bar).collect()
}

/// Draws everything.
pub fn screen(frame: &mut Frame<'_>, screen: &Screen) {
    let table_height = screen.shown.len() as u16 + 1;
    let room = frame.area().height.saturating_sub(2);
    let worst_height = room.saturating_sub(table_height);
    let worst_height = if worst_height < WORST_MIN {
        0
    } else {
        worst_height
    };
    let [title, table, worst, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(2),
        Constraint::Length(worst_height),
        Constraint::Length(1),
    ])
    .areas(frame.area());

    let state = if screen.is_paused { "  PAUSED" } else { "" };
    let count = screen.shown.len();
    let head = format!(
        "pkttop: {count} counter{}, {}, by {}{state}   {}",
        if count == 1 { "" } else { "s" },
        screen.unit.suffix(),
        screen.sort.word(),
        screen.bursts
    );
    frame.render_widget(Line::styled(head, HEAD), title);
    draw_table(frame, screen, table);
    if let Some(shown) = screen.shown.get(screen.selected_row()) {
        draw_worst(frame, shown, screen.unit, worst);
    } else {
        frame.render_widget(
            "no counter any more; waiting for one: iptables -m pktstat …",
            table,
        );
    }
    frame.render_widget(
        Line::styled(
            "q quit  h help  space pause  ↑↓ select  s sort  u units  r reset",
            FAINT,
        ),
        foot,
    );
    if screen.is_help {
        draw_help(frame);
    }
}

fn draw_table(frame: &mut Frame<'_>, screen: &Screen, area: Rect) {
    let all: u16 = COLUMNS.iter().map(|column| column.width + 1).sum();
    let has_spare = all + HISTORY_MIN <= area.width;
    let columns: Vec<_> = COLUMNS
        .iter()
        .filter(|column| has_spare || !column.is_spare)
        .collect();
    let used: u16 = columns.iter().map(|column| column.width + 1).sum();
    let history_width = area.width.saturating_sub(used);

    let cell = |column: &Column, text: String| {
        let width = column.width.into();
        Cell::from(if column.title == "counter" {
            format!("{text:<width$.width$}")
        } else {
            format!("{text:>width$}")
        })
    };
    let header = columns
        .iter()
        .map(|column| cell(column, column.title.to_owned()))
        .chain([Cell::from("history")]);
    let rows = screen.shown.iter().map(|shown| {
        let cells = columns
            .iter()
            .map(|column| cell(column, (column.text)(shown, screen.unit)));
        Row::new(cells.chain([Cell::from(history(&shown.history, history_width.into()))]))
    });
    let widths = columns
        .iter()
        .map(|column| Constraint::Length(column.width))
        .chain([Constraint::Min(0)]);
    let table = Table::new(rows, widths)
        .header(Row::new(header).style(HEAD))
        .column_spacing(1)
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut state = TableState::new().with_selected(Some(screen.selected_row()));
    frame.render_stateful_widget(table, area, &mut state);
}

fn draw_worst(frame: &mut Frame<'_>, shown: &Shown, unit: Unit, area: Rect) {
    if area.height == 0 {
        return;
    }
    let (peak, period_ns) = (shown.worst.peak, shown.sample.period_ns);
    let side = u64::from(area.width / 2).min(AROUND);
    let title = if peak.bytes == 0 {
        format!(" {}: idle so far ", shown.sample.counter)
    } else {
        format!(
            " {}: peak {}{} at {}, a column is {}, {} before and after ",
            shown.sample.counter,
            load(shown, unit, peak.frames, peak.bytes),
            unit.suffix(),
            time_of_day(peak.timestamp_ns),
            short_time(period_ns),
            short_time(side * period_ns),
        )
    };
    let first_ns = peak.timestamp_ns.saturating_sub(side * period_ns);
    let mut bytes = vec![0; (2 * side + 1) as usize];
    for row in &shown.worst.rows {
        if let Some(after) = row.timestamp_ns.checked_sub(first_ns) {
            if let Some(slot) = bytes.get_mut((after / period_ns) as usize) {
                *slot = row.bytes;
            }
        }
    }
    let bars = bytes.into_iter().map(|bytes| {
        let style = if bytes as f64 >= shown.threshold_bytes {
            HOT
        } else {
            CALM
        };
        SparklineBar::from(bytes).style(style)
    });
    let bars = Sparkline::default()
        .data(bars)
        .max(peak.bytes.max(1))
        .block(Block::new().borders(Borders::TOP).title(title));
    frame.render_widget(bars, area);
}

fn draw_help(frame: &mut Frame<'_>) {
    let height = HELP.lines().count() as u16 + 2;
    let width = HELP
        .lines()
        .map(|line| line.chars().count())
        .max()
        .unwrap_or(0) as u16
        + 3;
    let area = frame.area();
    let [middle] = Layout::vertical([Constraint::Length(height.min(area.height))])
        .flex(ratatui::layout::Flex::Center)
        .areas(area);
    let [middle] = Layout::horizontal([Constraint::Length(width.min(area.width))])
        .flex(ratatui::layout::Flex::Center)
        .areas(middle);
    frame.render_widget(Clear, middle);
    frame.render_widget(
        Paragraph::new(HELP).block(Block::bordered().title(" pkttop ")),
        middle,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_scales_to_its_own_peak() {
        assert_eq!(history(&[0, 1, 50, 100], 10), " ▁▄█");
        assert_eq!(history(&[0, 1, 50, 100], 2), "▄█");
        assert_eq!(history(&[], 5), "");
        assert_eq!(history(&[u64::MAX / 16], 5), "█");
    }
}
