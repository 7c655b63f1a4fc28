// SPDX-License-Identifier: GPL-2.0-or-later
//! The live view on a terminal.

use super::watch::Watch;
use crate::cli::Live;
use crate::signals::Stop;
use anyhow::Result;

pub fn run(_args: &Live, _watch: Watch, _stop: &Stop) -> Result<()> {
    Ok(())
}
