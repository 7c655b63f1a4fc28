// SPDX-License-Identifier: GPL-2.0-or-later
//! The metrics by name: what a dashboard and an alert rule build on.

use super::counters::{Counters, Exported};
use crate::units::{now_ns, SECOND_NS};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder};
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// A registry whose every scrape reads these counters.
pub fn registry(counters: Arc<Mutex<Counters>>) -> Registry {
    let mut registry = Registry::with_prefix("xt_pktstat");
    registry.register_collector(Box::new(Shared(counters)));
    registry
}

#[derive(Debug)]
struct Shared(Arc<Mutex<Counters>>);

type Number = (&'static str, &'static str, fn(&Exported, u64) -> f64);
type Whole = (&'static str, &'static str, fn(&Exported) -> u64);
type Histogram = (
    &'static str,
    &'static str,
    fn(&Exported) -> &super::buckets::Buckets,
);

const TOTALS: [Whole; 5] = [
    (
        "frames",
        "Frames that the rule counted since it was added",
        |e| e.status.frames,
    ),
    (
        "bytes",
        "Bytes that the rule counted since it was added",
        |e| e.status.bytes,
    ),
    (
        "windows",
        "Windows that closed while pkttop watched, idle ones included",
        |e| e.meter.load.windows,
    ),
    (
        "merged_windows",
        "Windows that came in the row of another, which is in no peak, histogram or burst",
        |e| e.merged,
    ),
    (
        "bursts",
        "Bursts that ended: windows in a row at or above the threshold",
        |e| e.meter.burst_totals.bursts,
    ),
];

const HISTOGRAMS: [Histogram; 2] = [
    (
        "window_bytes",
        "Bytes per window, idle windows included, merged ones not",
        |e| &e.window_bytes,
    ),
    ("burst_duration_seconds", "How long bursts lasted", |e| {
        &e.burst_seconds
    }),
];

const GAUGES: [Number; 7] = [
    ("window_seconds", "Width of a window", |e, _| {
        e.status.period_ns as f64 / SECOND_NS as f64
    }),
    (
        "window_bytes_max",
        "Bytes of the fullest window in the last two minutes",
        |e, now| e.window_peak.at(now).bytes as f64,
    ),
    (
        "window_max_timestamp_seconds",
        "When the fullest window in the last two minutes began",
        |e, now| e.window_peak.at(now).timestamp_ns as f64 / SECOND_NS as f64,
    ),
    (
        "burst_threshold_bytes",
        "Bytes from which on a window is in a burst",
        |e, _| e.threshold_bytes,
    ),
    (
        "queued_windows",
        "Rows that no reader of data has taken",
        |e, _| e.status.queued as f64,
    ),
    (
        "memory_bytes",
        "Kernel memory that the counter takes",
        |e, _| e.status.memory as f64,
    ),
    (
        "contract_broken",
        "1 where rows and totals disagree: another reader of data, or a bug",
        |e, _| f64::from(u8::from(e.verdict.is_broken())),
    ),
];

impl Collector for Shared {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now_ns();
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        encoder
            .encode_descriptor("build", "The version of pkttop", None, MetricType::Info)?
            .encode_info(&version)?;
        for (name, help, of) in TOTALS {
            let family = (name, help, MetricType::Counter);
            encode_each(&mut encoder, &counters, family, &mut |metric, exported| {
                metric.encode_counter(&of(exported), NO_EXEMPLAR)
            })?;
        }
        for (name, help, of) in HISTOGRAMS {
            let family = (name, help, MetricType::Histogram);
            encode_each(&mut encoder, &counters, family, &mut |metric, exported| {
                let buckets = of(exported);
                metric.encode_histogram::<NoLabels>(
                    buckets.sum,
                    buckets.count(),
                    &buckets.counts,
                    None,
                )
            })?;
        }
        for (name, help, of) in GAUGES {
            let family = (name, help, MetricType::Gauge);
            encode_each(&mut encoder, &counters, family, &mut |metric, exported| {
                metric.encode_gauge(&of(exported, now))
            })?;
        }
        let help = "Bytes of the fullest millisecond of the wall clock in the last two minutes";
        let family = ("millisecond_bytes_max", help, MetricType::Gauge);
        encode_each(
            &mut encoder,
            &counters,
            family,
            &mut |metric, exported| match exported.has_milliseconds() {
                true => metric.encode_gauge(&exported.millisecond_peak.at(now).bytes),
                false => Ok(()),
            },
        )
    }
}

type NoLabels = [(&'static str, &'static str); 0];
const NO_EXEMPLAR: Option<&Exemplar<NoLabels, f64>> = None;

/// Encodes one family: a metric of each counter.
fn encode_each(
    encoder: &mut DescriptorEncoder<'_>,
    counters: &Counters,
    (name, help, kind): (&'static str, &'static str, MetricType),
    encode: &mut dyn FnMut(&mut MetricEncoder<'_>, &Exported) -> fmt::Result,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, kind)?;
    for exported in &counters.each {
        let mut labels = vec![("counter", exported.name.as_str())];
        if let Some(netns) = &counters.netns {
            labels.push(("netns", netns));
        }
        encode(&mut family.encode_family(&labels)?, exported)?;
    }
    Ok(())
}
