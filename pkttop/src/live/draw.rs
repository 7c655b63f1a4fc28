// SPDX-License-Identifier: GPL-2.0-or-later
//! The picture on the terminal.

use super::columns::{load, Column, COLUMNS};
use super::view::{Shown, View};
use super::watch::AROUND;
use crate::units::{short_time, time_of_day, Unit};
use crate::window::Window;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{
    Block, Borders, Cell, Clear, Paragraph, Row as TableRow, Sparkline, SparklineBar, Table,
    TableState,
};
use ratatui::Frame;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const HOT: Style = Style::new().fg(Color::Red);
const CALM: Style = Style::new().fg(Color::Cyan);
const MERGED: Style = Style::new().fg(Color::DarkGray);
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

 bit/s        rate of the last interval
 peak         fullest window, and when it began (UTC)
 p50 … p99.9  load that so many windows do not exceed,
              idle windows included
 bursts       windows in a row at the threshold or above
 merged       windows that came in the row of another, which
              is in no peak, percentile or burst
 history      fullest window of each interval
 below        the windows around the peak of the selected
              counter, one a column; bursts in red, merged
              ones as their mean in grey";

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
pub fn screen(frame: &mut Frame<'_>, view: &View) {
    let table_height = view.shown.len() as u16 + 1;
    let below_title = frame.area().height.saturating_sub(2);
    let worst_height = below_title.saturating_sub(table_height);
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

    let state = if view.is_paused { "  PAUSED" } else { "" };
    let count = view.shown.len();
    let head = format!(
        "pkttop: {count} counter{}, {}, by {}{state}   {}",
        if count == 1 { "" } else { "s" },
        view.unit.suffix(),
        view.sort.word(),
        view.bursts
    );
    frame.render_widget(Line::styled(head, HEAD), title);
    draw_table(frame, view, table);
    if let Some(shown) = view.shown.get(view.selected_row()) {
        draw_worst(frame, shown, view.unit, worst);
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
    if view.is_help {
        draw_help(frame);
    }
}

fn draw_table(frame: &mut Frame<'_>, view: &View, area: Rect) {
    let width_of =
        |columns: &[&Column]| -> u16 { columns.iter().map(|column| column.width as u16 + 1).sum() };
    let mut columns: Vec<_> = COLUMNS.iter().collect();
    if width_of(&columns) + HISTORY_MIN > area.width {
        columns.retain(|column| !column.is_spare);
    }
    let history_width = area.width.saturating_sub(width_of(&columns));

    let header = columns
        .iter()
        .map(|column| Cell::from(column.align((column.title)(view.unit))))
        .chain([Cell::from("history")]);
    let rows = view.shown.iter().map(|shown| {
        let cells = columns
            .iter()
            .map(|column| Cell::from(column.align(&(column.text)(&shown.sample, view.unit))));
        TableRow::new(cells.chain([Cell::from(history(&shown.history, history_width.into()))]))
    });
    let widths = columns
        .iter()
        .map(|column| Constraint::Length(column.width as u16))
        .chain([Constraint::Min(0)]);
    let table = Table::new(rows, widths)
        .header(TableRow::new(header).style(HEAD))
        .column_spacing(1)
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut state = TableState::new().with_selected(Some(view.selected_row()));
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
            load(&shown.sample, unit, peak.frames, peak.bytes),
            unit.suffix(),
            time_of_day(peak.timestamp_ns),
            short_time(period_ns),
            short_time(side * period_ns),
        )
    };
    let first_ns = peak.timestamp_ns.saturating_sub(side * period_ns);
    let mut around = vec![(0, CALM); (2 * side + 1) as usize];
    for row in &shown.worst.rows {
        if let Some(after) = row.timestamp_ns.checked_sub(first_ns) {
            if let Some(slot) = around.get_mut((after / period_ns) as usize) {
                *slot = (row.bytes_each(), style(row, shown.threshold_bytes));
            }
        }
    }
    let bars = around
        .into_iter()
        .map(|(bytes, style)| SparklineBar::from(bytes).style(style));
    let bars = Sparkline::default()
        .data(bars)
        .max(peak.bytes.max(1))
        .block(Block::new().borders(Borders::TOP).title(title));
    frame.render_widget(bars, area);
}

/// Merged windows have a colour of their own: how much each of them carried is not known.
fn style(row: &Window, threshold_bytes: f64) -> Style {
    if row.merged > 0 {
        MERGED
    } else if row.bytes as f64 >= threshold_bytes {
        HOT
    } else {
        CALM
    }
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
    fn merged_windows_are_never_drawn_as_a_burst() {
        let row = |bytes, merged| Window {
            bytes,
            merged,
            ..Window::default()
        };
        assert_eq!(style(&row(9, 0), 10.0), CALM);
        assert_eq!(style(&row(10, 0), 10.0), HOT);
        assert_eq!(style(&row(100, 1), 10.0), MERGED);
    }

    #[test]
    fn the_history_scales_to_its_own_peak() {
        assert_eq!(history(&[0, 1, 50, 100], 10), " ▁▄█");
        assert_eq!(history(&[0, 1, 50, 100], 2), "▄█");
        assert_eq!(history(&[], 5), "");
        assert_eq!(history(&[u64::MAX / 16], 5), "█");
    }
}
