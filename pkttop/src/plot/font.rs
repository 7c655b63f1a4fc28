// SPDX-License-Identifier: GPL-2.0-or-later
//! Letters for PNG: a font of this machine. An SVG leaves them to the program that shows it.

use anyhow::{anyhow, Result};
use plotters::style::{register_font, FontStyle};
use std::fs;
use std::path::{Path, PathBuf};

const DIRECTORIES: [&str; 3] = [
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "/usr/share/texmf/fonts",
];
/// The best of those that a machine may have.
const PREFERRED: [&str; 6] = [
    "DejaVuSans.ttf",
    "LiberationSans-Regular.ttf",
    "NotoSans-Regular.ttf",
    "FreeSans.ttf",
    "Ubuntu-R.ttf",
    "Arial.ttf",
];

/// Makes a font of this machine the one that `sans-serif` means.
pub fn register() -> Result<()> {
    let mut fonts = Vec::new();
    for directory in DIRECTORIES {
        collect(Path::new(directory), &mut fonts);
    }
    let name = |font: &PathBuf| {
        font.file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let rank = |font: &PathBuf| {
        PREFERRED
            .iter()
            .position(|preferred| *preferred == name(font))
            .unwrap_or(PREFERRED.len())
    };
    fonts.sort_by_key(|font| (rank(font), font.clone()));
    for font in fonts {
        // The picture is drawn once and the process ends: the font may stay in memory.
        let bytes: &'static [u8] = match fs::read(&font) {
            Ok(bytes) => bytes.leak(),
            Err(_) => continue,
        };
        if register_font("sans-serif", FontStyle::Normal, bytes).is_ok() {
            return Ok(());
        }
    }
    Err(anyhow!(
        "{}: no TrueType font to write a PNG's labels with\ninstall one: apt install fonts-dejavu-core; or draw .svg, which needs none",
        DIRECTORIES[0]
    ))
}

fn collect(directory: &Path, fonts: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, fonts);
        } else if path
            .extension()
            .is_some_and(|suffix| suffix.eq_ignore_ascii_case("ttf"))
        {
            fonts.push(path);
        }
    }
}
