// SPDX-License-Identifier: GPL-2.0-or-later
//! `pkttop plot`: a recording as a picture.
//!
//! For each counter three panels: the load over the whole time, each pixel its fullest window and
//! bursts marked; the windows around the worst burst, one by one; and how many windows carry how
//! much, on an axis that gives the rarest per cent as much width as the first ninety.

mod font;
mod panels;
mod svg;

use crate::burst::Burst;
use crate::cli::Plot;
use crate::meter::Meter;
use crate::recording::{self, Series};
use crate::report::threshold;
use crate::threshold::Resolved;
use anyhow::{bail, Context, Result};
use plotters::prelude::*;

/// Height of one counter's panels, pixels.
const HEIGHT: u32 = 560;
/// More counters than this make no picture.
const COUNTERS_MAX: usize = 16;

/// One counter's recording, as it is drawn.
pub struct Subject<'a> {
    /// The windows.
    pub series: &'a Series,
    /// What a burst is.
    pub threshold: Resolved,
    /// The bursts.
    pub bursts: Vec<Burst>,
    /// The load.
    pub meter: Meter,
}

impl Subject<'_> {
    fn new<'a>(args: &Plot, series: &'a Series) -> Result<Subject<'a>> {
        let threshold = threshold(&args.bursts, series)?;
        let period_ns = series.origin.period_ns;
        let mut meter = Meter::new(period_ns, threshold.rate.bytes_in(period_ns));
        let bursts = meter.all(&series.rows);
        Ok(Subject {
            series,
            threshold,
            bursts,
            meter,
        })
    }

    /// Bits per second of a window.
    pub fn rate(&self, bytes: u64) -> f64 {
        bytes as f64 * 8e9 / self.series.origin.period_ns as f64
    }
}

/// `pkttop plot`.
pub fn run(args: &Plot) -> Result<()> {
    let mut series = recording::read(&args.files)?;
    if let Some(counter) = &args.counter {
        let have: Vec<_> = series
            .iter()
            .map(|one| one.origin.counter.clone())
            .collect();
        series.retain(|one| one.origin.counter == *counter);
        if series.is_empty() {
            bail!(
                "no counter `{counter}` in it; there are: {}",
                have.join(" ")
            );
        }
    }
    if series.len() > COUNTERS_MAX {
        bail!(
            "{} counters: too many for one picture, choose with --counter NAME",
            series.len()
        );
    }
    let subjects = series
        .iter()
        .map(|series| Subject::new(args, series))
        .collect::<Result<Vec<_>>>()?;
    let size = (args.width, HEIGHT * subjects.len() as u32);
    let path = args.output.as_path();
    match path.extension().and_then(|suffix| suffix.to_str()) {
        Some("svg") => draw(
            &svg::FontlessSvg::new(path, size).into_drawing_area(),
            &subjects,
        ),
        Some("png") => {
            font::register()?;
            draw(
                &BitMapBackend::new(path, size).into_drawing_area(),
                &subjects,
            )
        }
        _ => bail!(
            "{}: unknown format\nname the picture .svg or .png",
            path.display()
        ),
    }
    .with_context(|| path.display().to_string())
}

fn draw<B: DrawingBackend>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    subjects: &[Subject<'_>],
) -> Result<()>
where
    B::ErrorType: 'static,
{
    area.fill(&WHITE)?;
    for (area, subject) in area.split_evenly((subjects.len(), 1)).iter().zip(subjects) {
        panels::all(area, subject)?;
    }
    area.present()?;
    Ok(())
}
