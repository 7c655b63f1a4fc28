// SPDX-License-Identifier: GPL-2.0-or-later
//! pkttop: see the bursts that the counters of xt_pktstat count, keep them, send them on.

mod burst;
mod check;
mod cli;
mod contract;
mod error;
mod export;
mod feed;
mod live;
mod load;
mod manual;
mod meter;
mod plot;
mod proc;
mod reader;
mod record;
mod recorder;
mod recording;
mod report;
mod save;
mod signals;
mod threshold;
mod timeline;
mod units;
mod who;
mod window;

use clap::Parser;
use cli::Command;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let done = match &cli.command {
        None => live::run(&cli.live),
        Some(Command::Record(args)) => record::run(args),
        Some(Command::Save(args)) => save::run(args),
        Some(Command::Report(args)) => report::run(args),
        Some(Command::Who(args)) => who::run(args),
        Some(Command::Plot(args)) => plot::run(args),
        Some(Command::Export(args)) => export::run(args),
        Some(Command::Check(args)) => match check::run(args) {
            // What is not well has been said.
            Ok(false) => return ExitCode::FAILURE,
            other => other.map(|_| ()),
        },
        Some(Command::Completions { shell }) => manual::completions(*shell),
        Some(Command::Man { directory }) => manual::pages(directory),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // With standard error closed there is nowhere to say it.
            let _ = writeln!(std::io::stderr(), "pkttop: {error:#}");
            ExitCode::FAILURE
        }
    }
}
