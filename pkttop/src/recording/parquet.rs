// SPDX-License-Identifier: GPL-2.0-or-later
//! A recording as Parquet: columns, zstd, names as dictionaries, times as differences.
//!
//! The file is whole only when it has been finished: what must survive a crash goes to CSV.

use super::{Collection, Origin, Record, Writer};
use crate::window::Window;
use anyhow::{Context, Result};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::reader::ColumnReader;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;
use std::fs::File;
use std::sync::Arc;

/// Rows of a row group, and so rows in memory: 40 bytes each.
const GROUP_ROWS: usize = 1_048_576;
/// 64-bit numbers are signed in Parquet's oldest types, but annotated as what they are.
const SCHEMA: &str = "message window {
    required binary host (UTF8);
    required binary counter (UTF8);
    required int64 period_ns (INTEGER(64,false));
    required int64 timestamp_ns (INTEGER(64,false));
    required int64 frames (INTEGER(64,false));
    required int64 bytes (INTEGER(64,false));
    required int64 merged (INTEGER(64,false));
}";

pub struct ParquetWriter {
    file: SerializedFileWriter<File>,
    hosts: Vec<ByteArray>,
    counters: Vec<ByteArray>,
    numbers: [Vec<i64>; 5],
}

impl ParquetWriter {
    pub fn new(file: File) -> Result<ParquetWriter> {
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        let timestamp = ColumnPath::from("timestamp_ns");
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_column_dictionary_enabled(timestamp.clone(), false)
            .set_column_encoding(timestamp, Encoding::DELTA_BINARY_PACKED)
            .build();
        let file = SerializedFileWriter::new(file, schema, Arc::new(properties))?;
        let (hosts, counters) = (Vec::new(), Vec::new());
        Ok(ParquetWriter {
            file,
            hosts,
            counters,
            numbers: Default::default(),
        })
    }

    fn write_group(&mut self) -> Result<()> {
        let mut group = self.file.next_row_group()?;
        for names in [&mut self.hosts, &mut self.counters] {
            let mut column = group.next_column()?.context("seven columns")?;
            column
                .typed::<ByteArrayType>()
                .write_batch(names, None, None)?;
            column.close()?;
            names.clear();
        }
        for numbers in &mut self.numbers {
            let mut column = group.next_column()?.context("seven columns")?;
            column
                .typed::<Int64Type>()
                .write_batch(numbers, None, None)?;
            column.close()?;
            numbers.clear();
        }
        group.close()?;
        Ok(())
    }
}

impl Writer for ParquetWriter {
    fn rows(&mut self, origin: &Origin, rows: &[Window]) -> Result<()> {
        let (host, counter) = (
            ByteArray::from(origin.host.as_str()),
            ByteArray::from(origin.counter.as_str()),
        );
        for row in rows {
            self.hosts.push(host.clone());
            self.counters.push(counter.clone());
            let numbers = [
                origin.period_ns,
                row.timestamp_ns,
                row.frames,
                row.bytes,
                row.merged,
            ];
            for (column, number) in self.numbers.iter_mut().zip(numbers) {
                column.push(number.cast_signed());
            }
        }
        if self.hosts.len() >= GROUP_ROWS {
            self.write_group()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        if !self.hosts.is_empty() {
            self.write_group()?;
        }
        self.file.close()?;
        Ok(())
    }
}

pub fn read(file: File, into: &mut Collection) -> Result<()> {
    let reader = SerializedFileReader::new(file)?;
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group)?;
        let rows = usize::try_from(group.metadata().num_rows())?;
        let column = |name: &str| {
            let columns = group.metadata().schema_descr().columns();
            let at = columns.iter().position(|column| column.name() == name);
            at.with_context(|| format!("no column {name}"))
        };
        let names = |name: &str| -> Result<Vec<ByteArray>> {
            let mut values = Vec::with_capacity(rows);
            match group.get_column_reader(column(name)?)? {
                ColumnReader::ByteArrayColumnReader(mut reader) => {
                    reader.read_records(rows, None, None, &mut values)?
                }
                _ => anyhow::bail!("column {name} is no text"),
            };
            Ok(values)
        };
        let numbers = |name: &str| -> Result<Vec<i64>> {
            let mut values = Vec::with_capacity(rows);
            match group.get_column_reader(column(name)?)? {
                ColumnReader::Int64ColumnReader(mut reader) => {
                    reader.read_records(rows, None, None, &mut values)?
                }
                _ => anyhow::bail!("column {name} is no 64-bit number"),
            };
            Ok(values)
        };
        let (hosts, counters) = (names("host")?, names("counter")?);
        let (periods, timestamps) = (numbers("period_ns")?, numbers("timestamp_ns")?);
        let (frames, bytes) = (numbers("frames")?, numbers("bytes")?);
        // Recordings of old do not have it.
        let merged = numbers("merged").unwrap_or_else(|_| vec![0; rows]);
        for (at, host) in hosts.iter().enumerate() {
            let number = |column: &[i64]| {
                column
                    .get(at)
                    .copied()
                    .map(i64::cast_unsigned)
                    .context("columns of one length")
            };
            into.add(&Record {
                host: host.as_utf8()?.into(),
                counter: counters
                    .get(at)
                    .context("columns of one length")?
                    .as_utf8()?
                    .into(),
                period_ns: number(&periods)?,
                timestamp_ns: number(&timestamps)?,
                frames: number(&frames)?,
                bytes: number(&bytes)?,
                merged: number(&merged)?,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rows_are_one_group() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("x.parquet");
        let file = File::create(&path).expect("create");
        let mut writer = Box::new(ParquetWriter::new(file).expect("writer"));
        let origin = Origin {
            host: "a".to_owned(),
            counter: "x".to_owned(),
            period_ns: 1,
        };
        for _ in 0..3 {
            writer.rows(&origin, &[Window::default()]).expect("rows");
        }
        writer.finish().expect("finish");
        let reader = SerializedFileReader::new(File::open(&path).expect("open")).expect("reader");
        assert_eq!(reader.num_row_groups(), 1);
    }
}
