// SPDX-License-Identifier: GPL-2.0-or-later
//! A recording: a file of windows, one row each, by suffix CSV, JSON lines or Parquet.
//!
//! Each row says its host and counter. Windows are aligned to the wall clock on every host, so
//! recordings of several join by `timestamp_ns`.

mod csv;
mod jsonl;
#[cfg(feature = "parquet")]
mod parquet;

use crate::window::Window;
use anyhow::{bail, Context, Result};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;

/// A row of a recording.
///
/// A row of 0 frames is no window that the kernel gave: it says how far the recording goes where a
/// counter was idle at its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record<'a> {
    /// Where it was recorded.
    #[serde(borrow)]
    host: Cow<'a, str>,
    /// The counter's name or number.
    #[serde(borrow)]
    counter: Cow<'a, str>,
    /// Width of the window.
    period_ns: u64,
    /// Its start, ns since the epoch.
    timestamp_ns: u64,
    /// What was counted.
    frames: u64,
    /// What was counted.
    bytes: u64,
    /// How many windows before it are in these counts; recordings of old do not say.
    #[serde(default)]
    merged: u64,
}

/// Whose windows they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Where it was recorded.
    pub host: String,
    /// The counter's name or number.
    pub counter: String,
    /// Width of its windows.
    pub period_ns: u64,
}

impl Origin {
    fn record(&self, row: &Window) -> Record<'_> {
        Record {
            host: self.host.as_str().into(),
            counter: self.counter.as_str().into(),
            period_ns: self.period_ns,
            timestamp_ns: row.timestamp_ns,
            frames: row.frames,
            bytes: row.bytes,
            merged: row.merged,
        }
    }
}

/// A recording that is being written.
pub trait Writer {
    /// Appends windows of one counter.
    fn rows(&mut self, origin: &Origin, rows: &[Window]) -> Result<()>;
    /// Hands what can be handed to the kernel.
    fn flush(&mut self) -> Result<()>;
    /// Completes the file.
    fn finish(mut self: Box<Self>) -> Result<()> {
        self.flush()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Csv,
    Jsonl,
    #[cfg(feature = "parquet")]
    Parquet,
}

impl Format {
    fn of(path: &Path) -> Result<Format> {
        match path.extension().and_then(|suffix| suffix.to_str()) {
            Some("csv") => Ok(Format::Csv),
            Some("jsonl" | "ndjson") => Ok(Format::Jsonl),
            #[cfg(feature = "parquet")]
            Some("parquet") => Ok(Format::Parquet),
            #[cfg(not(feature = "parquet"))]
            Some("parquet") => bail!(
                "{0}: this pkttop was built without Parquet\nbuild it with `--features parquet`, or record \
                 .csv and convert: duckdb -c \"COPY (FROM 'x.csv') TO '{0}'\"",
                path.display()
            ),
            _ => bail!(
                "{}: unknown format\nname the recording .csv, .jsonl or .parquet",
                path.display()
            ),
        }
    }
}

/// Makes a file, and writes over one that is there only if `force` says so.
pub fn create_file(path: &Path, force: bool) -> Result<File> {
    let mut options = OpenOptions::new();
    options
        .write(true)
        .create_new(!force)
        .create(true)
        .truncate(force);
    options.open(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            anyhow::anyhow!(
                "{}: exists already\nname another, or --force to write over it",
                path.display()
            )
        }
        _ => anyhow::Error::new(error).context(path.display().to_string()),
    })
}

/// Begins a recording.
pub fn create(path: &Path, force: bool) -> Result<Box<dyn Writer>> {
    let format = Format::of(path)?;
    let file = create_file(path, force)?;
    Ok(match format {
        Format::Csv => Box::new(csv::CsvWriter::new(file)),
        Format::Jsonl => Box::new(jsonl::JsonlWriter::new(file)),
        #[cfg(feature = "parquet")]
        Format::Parquet => Box::new(parquet::ParquetWriter::new(file)?),
    })
}

/// The windows of one counter, by time.
#[derive(Clone, Debug)]
pub struct Series {
    /// Whose they are.
    pub origin: Origin,
    /// They themselves.
    pub rows: Vec<Window>,
}

/// What is read from recordings, series by series.
#[derive(Default)]
struct Collection {
    series: Vec<Series>,
    last: usize,
}

impl Collection {
    fn add(&mut self, record: &Record<'_>) {
        let is_of = |series: &Series| {
            series.origin.counter == record.counter
                && series.origin.host == record.host
                && series.origin.period_ns == record.period_ns
        };
        if !self.series.get(self.last).is_some_and(is_of) {
            self.last = self.series.iter().position(is_of).unwrap_or_else(|| {
                let origin = Origin {
                    host: record.host.clone().into_owned(),
                    counter: record.counter.clone().into_owned(),
                    period_ns: record.period_ns,
                };
                self.series.push(Series {
                    origin,
                    rows: Vec::new(),
                });
                self.series.len() - 1
            });
        }
        let Record {
            timestamp_ns,
            frames,
            bytes,
            merged,
            ..
        } = *record;
        self.series[self.last].rows.push(Window {
            timestamp_ns,
            frames,
            bytes,
            merged,
            ..Window::default()
        });
    }
}

/// Reads recordings, all of them together.
pub fn read(paths: &[impl AsRef<Path>]) -> Result<Vec<Series>> {
    let mut collection = Collection::default();
    for path in paths {
        let path = path.as_ref();
        let name = || path.display().to_string();
        let format = Format::of(path)?;
        let file = File::open(path).with_context(name)?;
        match format {
            Format::Csv => csv::read(file, &mut collection),
            Format::Jsonl => jsonl::read(file, &mut collection),
            #[cfg(feature = "parquet")]
            Format::Parquet => parquet::read(file, &mut collection),
        }
        .with_context(|| format!("{}: not a whole recording of `pkttop record`", name()))?;
    }
    let mut series = collection.series;
    if series.is_empty() {
        let names: Vec<_> = paths
            .iter()
            .map(|path| path.as_ref().display().to_string())
            .collect();
        bail!(
            "{}: not one window: the counters were idle while it was recorded",
            names.join(" ")
        );
    }
    for one in &mut series {
        one.rows.sort_by_key(|row| row.timestamp_ns);
    }
    series.sort_by(|a, b| {
        (&a.origin.host, &a.origin.counter).cmp(&(&b.origin.host, &b.origin.counter))
    });
    Ok(series)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn come_back(
        suffix: &str,
        windows: &[(u64, u64, u64, u64)],
        name: &str,
    ) -> Result<(), TestCaseError> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join(format!("x.{suffix}"));
        let origin = Origin {
            host: name.to_owned(),
            counter: format!("{name},2"),
            period_ns: 100,
        };
        let mut rows: Vec<_> = windows
            .iter()
            .map(|&(timestamp_ns, frames, bytes, merged)| Window {
                timestamp_ns,
                frames,
                bytes,
                merged,
                ..Window::default()
            })
            .collect();
        let write = || -> Result<()> {
            let mut writer = create(&path, false)?;
            for chunk in rows.chunks(3) {
                writer.rows(&origin, chunk)?;
                writer.flush()?;
            }
            writer.finish()
        };
        write().map_err(|error| TestCaseError::fail(format!("{error:#}")))?;
        let series = read(&[&path]).map_err(|error| TestCaseError::fail(format!("{error:#}")))?;
        rows.sort_by_key(|row| row.timestamp_ns);
        prop_assert_eq!(series.len(), 1);
        prop_assert_eq!(&series[0].origin, &origin);
        prop_assert_eq!(&series[0].rows, &rows);
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn every_recording_comes_back(windows in prop::collection::vec(any::<(u64, u64, u64, u64)>(), 1..20), name in "[a-z\", \\\\é]{1,8}") {
            come_back("csv", &windows, &name)?;
            come_back("jsonl", &windows, &name)?;
            if cfg!(feature = "parquet") {
                come_back("parquet", &windows, &name)?;
            }
        }
    }

    #[test]
    fn a_file_that_is_there_is_kept() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("x.csv");
        std::fs::write(&path, "precious").expect("write");
        let error = create(&path, false).err().expect("refused");
        assert!(error
            .to_string()
            .ends_with("x.csv: exists already\nname another, or --force to write over it"));
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "precious");
        create(&path, true).expect("forced");
    }

    #[test]
    fn windows_come_back_by_host_counter_and_period() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("x.csv");
        let origins = [("a", "x", 1), ("b", "x", 1), ("a", "y", 1), ("a", "x", 2)];
        let mut text = "host,counter,period_ns,timestamp_ns,frames,bytes,merged\n".to_owned();
        for timestamp_ns in [2, 1] {
            for (host, counter, period_ns) in origins {
                text += &format!("{host},{counter},{period_ns},{timestamp_ns},3,4,0\n");
            }
        }
        std::fs::write(&path, text).expect("write");
        let series = read(&[&path]).expect("read");
        assert_eq!(series.len(), origins.len());
        for (host, counter, period_ns) in origins {
            let origin = Origin {
                host: host.to_owned(),
                counter: counter.to_owned(),
                period_ns,
            };
            let found = series.iter().find(|one| one.origin == origin);
            let rows = &found.expect("each is there").rows;
            let times: Vec<_> = rows.iter().map(|row| row.timestamp_ns).collect();
            assert_eq!(times, [1, 2], "{origin:?}");
        }
    }

    #[test]
    fn what_is_flushed_is_in_the_file_and_a_full_disk_is_an_error() {
        let origin = Origin {
            host: "a".to_owned(),
            counter: "x".to_owned(),
            period_ns: 1,
        };
        let directory = tempfile::tempdir().expect("temporary directory");
        for suffix in ["csv", "jsonl"] {
            let path = directory.path().join("x").with_extension(suffix);
            let mut writer = create(&path, false).expect("create");
            writer.rows(&origin, &[Window::default()]).expect("rows");
            writer.flush().expect("flush");
            assert!(
                std::fs::metadata(&path).expect("file").len() > 0,
                "{suffix}"
            );
        }
        let full = || {
            let mut options = OpenOptions::new();
            options.write(true).open("/dev/full").expect("/dev/full")
        };
        let writers: [Box<dyn Writer>; 2] = [
            Box::new(csv::CsvWriter::new(full())),
            Box::new(jsonl::JsonlWriter::new(full())),
        ];
        for mut writer in writers {
            writer
                .rows(&origin, &[Window::default()])
                .expect("buffered");
            assert!(writer.finish().is_err());
        }
    }

    #[test]
    fn a_recording_without_the_column_merged_is_read() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("x.csv");
        let text = "host,counter,period_ns,timestamp_ns,frames,bytes\na,b,1,2,3,4\n";
        std::fs::write(&path, text).expect("write");
        let series = read(&[&path]).expect("read");
        assert_eq!((series[0].rows[0].bytes, series[0].rows[0].merged), (4, 0));
    }

    #[test]
    fn a_torn_line_names_file_and_line() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("x.csv");
        std::fs::write(
            &path,
            "host,counter,period_ns,timestamp_ns,frames,bytes\na,b,1,2,3,4\na,b,1,2",
        )
        .expect("write");
        let error = format!("{:#}", read(&[&path]).expect_err("torn"));
        assert!(
            error.contains("x.csv: not a whole recording") && error.contains("line: 3"),
            "{error}"
        );
    }
}
