// SPDX-License-Identifier: GPL-2.0-or-later
//! A recording as comma-separated values, with a header line.

use super::{Collection, Origin, Record, Writer};
use crate::window::Window;
use anyhow::Result;
use std::fs::File;

const BUFFER_SIZE: usize = 262_144;

pub struct CsvWriter(csv::Writer<File>);

impl CsvWriter {
    pub fn new(file: File) -> CsvWriter {
        CsvWriter(
            csv::WriterBuilder::new()
                .buffer_capacity(BUFFER_SIZE)
                .from_writer(file),
        )
    }
}

impl Writer for CsvWriter {
    fn rows(&mut self, origin: &Origin, rows: &[Window]) -> Result<()> {
        for row in rows {
            self.0.serialize(origin.record(row))?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(self.0.flush()?)
    }
}

pub fn read(file: File, into: &mut Collection) -> Result<()> {
    let mut reader = csv::ReaderBuilder::new()
        .buffer_capacity(BUFFER_SIZE)
        .from_reader(file);
    let header = reader.headers()?.clone();
    let mut line = csv::StringRecord::new();
    while reader.read_record(&mut line)? {
        into.add(&line.deserialize::<Record<'_>>(Some(&header))?);
    }
    Ok(())
}
