// SPDX-License-Identifier: GPL-2.0-or-later
//! Man pages and completions, from the same words as `--help`.

use crate::cli::Cli;
use anyhow::{Context, Result};
use clap::CommandFactory;
use std::path::Path;

/// `pkttop man`.
pub fn pages(directory: &Path) -> Result<()> {
    let name = || directory.display().to_string();
    std::fs::create_dir_all(directory).with_context(name)?;
    clap_mangen::generate_to(Cli::command(), directory).with_context(name)
}

/// `pkttop completions`.
pub fn completions(shell: clap_complete::Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "pkttop", &mut script);
    Ok(std::io::Write::write_all(&mut std::io::stdout(), &script)?)
}
