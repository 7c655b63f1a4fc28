// SPDX-License-Identifier: GPL-2.0-or-later
//! The three panels of one counter.

use super::Subject;
use crate::units::{short, short_time, time_of_day};
use crate::window::Window;
use anyhow::Result;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::coord::Shift;
use plotters::prelude::*;
use std::ops::Range;

const INK: RGBColor = RGBColor(51, 51, 51);
const FAINT: RGBColor = RGBColor(225, 225, 225);
const CALM: RGBColor = RGBColor(33, 102, 172);
const PALE: RGBColor = RGBColor(146, 197, 222);
const MERGED: RGBColor = RGBColor(170, 170, 170);
const HOT: RGBColor = RGBColor(214, 47, 39);

const LABEL: u32 = 14;
const TITLE: u32 = 18;
/// Windows on each side of the worst burst, beyond as many as it has itself.
const AROUND: u64 = 40;
/// Most windows drawn one by one.
const WINDOWS_MAX: u64 = 600;
/// Share of the windows at which the distribution ends: one in ten million.
const NINES_MAX: f64 = 7.0;

type Area<B> = DrawingArea<B, Shift>;

/// All three, with a line that says whose they are.
pub fn all<B: DrawingBackend>(area: &Area<B>, subject: &Subject<'_>) -> Result<()>
where
    B::ErrorType: 'static,
{
    let origin = &subject.series.origin;
    let load = &subject.meter.load;
    let title = format!(
        "{} on {}: windows of {}, mean {}bit/s, peak {}bit/s, {} bursts from {}bit/s on ({})",
        origin.counter,
        origin.host,
        short_time(origin.period_ns),
        short(subject.rate(load.bytes) / load.windows.max(1) as f64),
        short(subject.rate(load.peak.bytes)),
        subject.bursts.len(),
        short(subject.threshold.rate.0),
        subject.threshold.reason,
    );
    let area = area.margin(10, 10, 12, 18);
    area.draw_text(
        &title,
        &("sans-serif", TITLE).into_font().color(&INK),
        (8, 0),
    )?;
    let (_, body) = area.split_vertically(TITLE + 10);
    let (over_time, below) = body.split_vertically(body.dim_in_pixel().1 / 2);
    let (worst, distribution) = below.split_horizontally(below.dim_in_pixel().0 * 11 / 20);
    draw_over_time(&over_time, subject)?;
    draw_worst(&worst, subject)?;
    draw_distribution(&distribution, subject)
}

/// A round number of an axis: `8G`, and not `8.00G`.
fn axis(rate: &f64) -> String {
    let text = short(*rate);
    let (digits, prefix) = text.split_at(text.trim_end_matches(char::is_alphabetic).len());
    let digits = if digits.contains('.') {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        digits
    };
    format!("{digits}{prefix}")
}

fn top(subject: &Subject<'_>) -> f64 {
    subject
        .rate(subject.meter.load.peak.bytes)
        .max(subject.threshold.rate.0)
        * 1.08
}

type Text<'a> = &'a dyn Fn(&f64) -> String;

/// What is across a panel: time, or a share of the windows.
struct Across<'a, X> {
    /// The line above the panel.
    caption: String,
    /// From the left to the right.
    range: X,
    /// The line below.
    description: String,
    /// How many labels at most, and what each says.
    labels: Option<(usize, Text<'a>)>,
    /// A line upwards at each label.
    is_ruled: bool,
}

type Chart<'a, B, X> =
    ChartContext<'a, B, Cartesian2d<<X as AsRangedCoord>::CoordDescType, RangedCoordf64>>;

/// A panel with its axes: load upwards, as high as in the others.
fn chart<'a, B: DrawingBackend, X: AsRangedCoord<Value = f64>>(
    area: &Area<B>,
    subject: &Subject<'_>,
    across: Across<'_, X>,
) -> Result<Chart<'a, B, X>>
where
    B::ErrorType: 'static,
    X::CoordDescType: ValueFormatter<f64>,
{
    let style = ("sans-serif", LABEL).into_font().color(&INK);
    let mut chart = ChartBuilder::on(area)
        .caption(across.caption, style.clone())
        .x_label_area_size(34)
        .y_label_area_size(64)
        .build_cartesian_2d(across.range, 0.0..top(subject))?;
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(WHITE)
        .bold_line_style(FAINT)
        .axis_style(INK)
        .x_desc(across.description)
        .y_desc("bit/s")
        .y_labels(5)
        .y_label_formatter(&axis)
        .label_style(style);
    if let Some((count, text)) = across.labels {
        mesh.x_labels(count).x_label_formatter(text);
    }
    if !across.is_ruled {
        mesh.disable_x_mesh();
    }
    mesh.draw()?;
    drop(mesh);
    Ok(chart)
}

/// From where on a window is in a burst.
fn draw_threshold<B: DrawingBackend, X: Ranged<ValueType = f64>>(
    chart: &mut ChartContext<'_, B, Cartesian2d<X, RangedCoordf64>>,
    subject: &Subject<'_>,
    across: Range<f64>,
) -> Result<()>
where
    B::ErrorType: 'static,
{
    let rate = subject.threshold.rate.0;
    let ends = [(across.start, rate), (across.end, rate)];
    chart.draw_series(DashedLineSeries::new(ends, 4, 4, HOT.into()))?;
    Ok(())
}

/// The whole time: each pixel the fullest of its windows, and their mean in front.
fn draw_over_time<B: DrawingBackend>(area: &Area<B>, subject: &Subject<'_>) -> Result<()>
where
    B::ErrorType: 'static,
{
    let rows = &subject.series.rows;
    let period_ns = subject.series.origin.period_ns;
    let first_ns = rows.first().map_or(0, |row| row.timestamp_ns);
    let end_ns = rows.last().map_or(0, |row| row.timestamp_ns) + period_ns;
    let span = (end_ns - first_ns) as f64 / 1e9;

    let caption = format!(
        "load over time, from {} UTC: fullest window of each pixel (bursts in red), mean in dark{}",
        time_of_day(first_ns),
        if rows.iter().any(|row| row.merged > 0) {
            ", mean of merged windows in grey"
        } else {
            ""
        }
    );
    let mut chart = chart(
        area,
        subject,
        Across {
            caption,
            range: 0.0..span,
            description: "seconds".to_owned(),
            labels: None,
            is_ruled: false,
        },
    )?;
    let pixels = u64::from(chart.plotting_area().dim_in_pixel().0).max(1);
    let windows = ((end_ns - first_ns) / period_ns).max(1);
    let per_pixel = windows.div_ceil(pixels);
    let width = per_pixel as f64 * period_ns as f64 / 1e9;
    let columns = columns(rows, first_ns, per_pixel * period_ns);
    let is_hot = |at: u64| {
        let (begin, end) = (
            first_ns + at * per_pixel * period_ns,
            first_ns + (at + 1) * per_pixel * period_ns,
        );
        let next = subject
            .bursts
            .partition_point(|burst| burst.end_ns(period_ns) <= begin);
        subject
            .bursts
            .get(next)
            .is_some_and(|burst| burst.start_ns < end)
    };
    chart.draw_series(columns.iter().map(|column| {
        let x = column.at as f64 * width;
        let top = subject.rate(column.merged).min(top(subject));
        Rectangle::new([(x, 0.0), (x + width, top)], MERGED.filled())
    }))?;
    chart.draw_series(columns.iter().map(|column| {
        let x = column.at as f64 * width;
        let color = if is_hot(column.at) { HOT } else { PALE };
        Rectangle::new(
            [(x, 0.0), (x + width, subject.rate(column.fullest))],
            color.filled(),
        )
    }))?;
    let calm = columns.iter().filter(|column| !is_hot(column.at));
    chart.draw_series(calm.map(|column| {
        let x = column.at as f64 * width;
        let mean = subject.rate(column.bytes) / per_pixel as f64;
        Rectangle::new([(x, 0.0), (x + width, mean)], CALM.filled())
    }))?;
    draw_threshold(&mut chart, subject, 0.0..span)
}

/// Some windows in one column of pixels.
#[derive(Default)]
struct Column {
    at: u64,
    fullest: u64,
    bytes: u64,
    /// The mean of windows that were merged, the largest: it is in neither of the others.
    merged: u64,
}

fn columns(rows: &[Window], first_ns: u64, width_ns: u64) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    for row in rows {
        let at = (row.timestamp_ns - first_ns) / width_ns;
        if columns.last().is_none_or(|column| column.at != at) {
            columns.push(Column {
                at,
                ..Column::default()
            });
        }
        let Some(column) = columns.last_mut() else {
            continue;
        };
        if row.merged > 0 {
            column.merged = column.merged.max(row.bytes_each());
        } else {
            column.fullest = column.fullest.max(row.bytes);
            column.bytes += row.bytes;
        }
    }
    columns
}

/// The windows around the burst that holds the peak, one by one.
fn draw_worst<B: DrawingBackend>(area: &Area<B>, subject: &Subject<'_>) -> Result<()>
where
    B::ErrorType: 'static,
{
    let period_ns = subject.series.origin.period_ns;
    let peak = subject.meter.load.peak;
    let holds_peak = |burst: &&crate::burst::Burst| {
        (burst.start_ns..burst.end_ns(period_ns)).contains(&peak.timestamp_ns)
    };
    let (start_ns, windows) = match subject.bursts.iter().find(holds_peak) {
        Some(burst) => (burst.start_ns, burst.windows),
        None => (peak.timestamp_ns, 1),
    };
    let around = AROUND.max(windows);
    let begin_ns = start_ns.saturating_sub(around * period_ns);
    let shown = (windows + 2 * around).min(WINDOWS_MAX);
    // Time runs from the burst's start, in a unit that keeps the numbers short.
    let (unit, unit_ns) = if shown * period_ns < 2_000_000 {
        ("us", 1e3)
    } else {
        ("ms", 1e6)
    };
    let x = |window: u64| ((begin_ns + window * period_ns) as f64 - start_ns as f64) / unit_ns;

    let caption = format!(
        "worst burst, at {} UTC, {}",
        time_of_day(start_ns),
        short_time(windows * period_ns)
    );
    let mut chart = chart(
        area,
        subject,
        Across {
            caption,
            range: x(0)..x(shown),
            description: format!("{unit} from its start"),
            labels: Some((7, &|at| format!("{at:.0}"))),
            is_ruled: false,
        },
    )?;
    let threshold_bytes = subject.threshold.rate.bytes_in(period_ns);
    let from = subject
        .series
        .rows
        .partition_point(|row| row.timestamp_ns < begin_ns);
    let end_ns = begin_ns + shown * period_ns;
    let rows = subject.series.rows[from..]
        .iter()
        .take_while(|row| row.timestamp_ns < end_ns);
    chart.draw_series(rows.map(|row| {
        let window = (row.timestamp_ns - begin_ns) / period_ns;
        let color = if row.merged > 0 {
            MERGED
        } else if row.bytes as f64 >= threshold_bytes {
            HOT
        } else {
            PALE
        };
        Rectangle::new(
            [
                (x(window), 0.0),
                (x(window + 1), subject.rate(row.bytes_each())),
            ],
            color.filled(),
        )
    }))?;
    draw_threshold(&mut chart, subject, x(0)..x(shown))
}

/// Load by percentile, on an axis of nines: 0, 90, 99, 99.9 % are as far apart.
fn draw_distribution<B: DrawingBackend>(area: &Area<B>, subject: &Subject<'_>) -> Result<()>
where
    B::ErrorType: 'static,
{
    let load = &subject.meter.load;
    let nines_max = (load.windows.max(10) as f64).log10().min(NINES_MAX);
    let percent = |nines: f64| 100.0 - 100.0 / 10f64.powf(nines);
    let label = |nines: f64| {
        let decimals = (nines.round() as usize).saturating_sub(2);
        format!("{:.decimals$}%", percent(nines))
    };
    let idle = 100.0 * load.idle as f64 / load.windows.max(1) as f64;
    let caption = format!("load that so many windows do not exceed; {idle:.1}% are idle");
    let mut chart = chart(
        area,
        subject,
        Across {
            caption,
            range: (0.0..nines_max).step(1.0),
            description: "share of the windows".to_owned(),
            labels: Some((nines_max as usize + 1, &|nines| label(*nines))),
            is_ruled: true,
        },
    )?;
    let steps = 400;
    let points = (0..=steps).map(|step| {
        let nines = nines_max * f64::from(step) / f64::from(steps);
        (nines, subject.rate(load.percentile(percent(nines))))
    });
    let points: Vec<_> = points.collect();
    chart.draw_series(AreaSeries::new(points.iter().copied(), 0.0, PALE.mix(0.5)))?;
    chart.draw_series(LineSeries::new(points, CALM.stroke_width(2)))?;
    draw_threshold(&mut chart, subject, 0.0..nines_max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_windows_are_neither_the_fullest_nor_in_the_mean() {
        let row = |timestamp_ns, bytes, merged| Window {
            timestamp_ns,
            frames: 1,
            bytes,
            merged,
            ..Window::default()
        };
        let rows = [
            row(100, 7, 0),
            row(110, 900, 2),
            row(120, 5, 0),
            row(130, 1, 0),
        ];
        let columns = columns(&rows, 100, 30);
        let found: Vec<_> = columns
            .iter()
            .map(|column| (column.at, column.fullest, column.bytes, column.merged))
            .collect();
        assert_eq!(found, [(0, 7, 12, 300), (1, 1, 1, 0)]);
    }
}
