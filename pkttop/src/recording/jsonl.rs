// SPDX-License-Identifier: GPL-2.0-or-later
//! A recording as JSON, one object a line.

use super::{Collection, Origin, Record, Writer};
use crate::window::Window;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};

const BUFFER_SIZE: usize = 262_144;

pub struct JsonlWriter(BufWriter<File>);

impl JsonlWriter {
    pub fn new(file: File) -> JsonlWriter {
        JsonlWriter(BufWriter::with_capacity(BUFFER_SIZE, file))
    }
}

impl Writer for JsonlWriter {
    fn rows(&mut self, origin: &Origin, rows: &[Window]) -> Result<()> {
        for row in rows {
            serde_json::to_writer(&mut self.0, &origin.record(row))?;
            self.0.write_all(b"\n")?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(self.0.flush()?)
    }
}

pub fn read(file: File, into: &mut Collection) -> Result<()> {
    let mut reader = BufReader::with_capacity(BUFFER_SIZE, file);
    let mut line = String::new();
    for number in 1.. {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            break;
        }
        let record: Record<'_> =
            serde_json::from_str(&line).with_context(|| format!("line {number}"))?;
        into.add(&record);
    }
    Ok(())
}
