// SPDX-License-Identifier: GPL-2.0-or-later
//! The load from which on a window is in a burst, as asked or by default.

use crate::cli::BurstArgs;
use crate::units::{short, BitRate, Threshold};
use anyhow::{bail, Result};
use std::fs;

/// Half a link: what the literature on microbursts calls hot.
const SHARE: f64 = 0.5;
/// The link of a machine whose drivers report no speed.
const LINK: BitRate = BitRate(10e9);

/// The threshold of a live counter, and what to call it.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// From this rate on a window is in a burst.
    pub rate: BitRate,
    /// How it came about.
    pub reason: String,
}

impl BurstArgs {
    /// The threshold that was asked for; `None` where no option gives one.
    pub fn asked(&self) -> Result<Option<Resolved>> {
        let of = |share: f64, link: BitRate| Resolved {
            rate: BitRate(share * link.0),
            reason: format!("{}% of {}bit/s", share * 100.0, short(link.0)),
        };
        Ok(match (self.burst, self.link) {
            (Some(Threshold::Rate(rate)), _) => Some(Resolved {
                rate,
                reason: "--burst".to_owned(),
            }),
            (Some(Threshold::Share(share)), Some(link)) => Some(of(share, link)),
            (Some(Threshold::Share(_)), None) => {
                bail!("--burst as a share is of the link\nsay how fast the link is: --link 10G")
            }
            (None, Some(link)) => Some(of(SHARE, link)),
            (None, None) => None,
        })
    }

    /// The threshold that was asked for, or half of this machine's fastest link.
    pub fn or_of_this_host(&self) -> Result<Resolved> {
        if let Some(asked) = self.asked()? {
            return Ok(asked);
        }
        let (link, whose) = match fastest_link() {
            Some((rate, device)) => (rate, format!("{device}'s {}bit/s", short(rate.0))),
            None => (LINK, format!("{}bit/s", short(LINK.0))),
        };
        Ok(Resolved {
            rate: BitRate(SHARE * link.0),
            reason: format!("half of {whose}"),
        })
    }
}

fn fastest_link() -> Option<(BitRate, String)> {
    let devices = fs::read_dir("/sys/class/net").ok()?;
    let speeds = devices.flatten().filter_map(|device| {
        let megabits: u64 = fs::read_to_string(device.path().join("speed"))
            .ok()?
            .trim()
            .parse()
            .ok()?;
        Some((megabits, device.file_name().to_string_lossy().into_owned()))
    });
    let (megabits, device) = speeds.filter(|(megabits, _)| *megabits > 0).max()?;
    Some((BitRate(megabits as f64 * 1e6), device))
}
