// SPDX-License-Identifier: GPL-2.0-or-later
//! What to type so that bursts are captured.

use crate::cli::BurstArgs;
use crate::units::short_time;
use anyhow::Result;
use std::fmt::Write;
use xt_pktstat::rate::{Rate, Unit, RATE_TEXT};
use xt_pktstat::status::Status;

/// Longest name of a counter.
const NAME_MAX: usize = 31;
/// What a counter that is not there yet is to be.
const PERIOD_NS: u64 = 100_000;
const SAMPLES: u64 = 20_000;

/// A rule that counts and sends the packets of bursts to an NFLOG group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    period_ns: u64,
    samples: u64,
    is_wire: bool,
    /// Its name, or its number.
    name: String,
    above: String,
    group: u16,
    snaplen: u32,
    /// The counter that is there, where the rule needs one beside it.
    beside: Option<String>,
}

impl Recipe {
    /// For a counter that is not there.
    pub fn new(name: &str, group: u16, snaplen: u32) -> Result<Recipe> {
        let half = BurstArgs::default().or_of_this_host()?;
        Ok(Recipe {
            period_ns: PERIOD_NS,
            samples: SAMPLES,
            is_wire: false,
            name: name.to_owned(),
            above: rate_text(Rate {
                per_second: half.rate.0.round().max(1.0) as u64,
                unit: Unit::Bits,
            }),
            group,
            snaplen,
            beside: None,
        })
    }

    /// For one that is there. If it does not ask for a rate, the rule has one of its own, since
    /// rules of one counter must agree.
    pub fn of(name: &str, status: &Status, group: u16, snaplen: u32) -> Result<Recipe> {
        let mut recipe = Recipe {
            period_ns: status.period_ns,
            samples: status.samples,
            is_wire: status.wire,
            ..Recipe::new(name, group, snaplen)?
        };
        match status.above {
            Some(above) => recipe.above = rate_text(above.rate),
            None => {
                recipe.name = beside(name);
                recipe.beside = Some(name.to_owned());
            }
        }
        Ok(recipe)
    }

    /// The rule, for `iptables -A` and `iptables -D`.
    fn rule(&self, order: &str) -> String {
        let is_number = self.name.bytes().all(|byte| byte.is_ascii_digit());
        format!(
            "{order} INPUT -m pktstat --period {} --samples {} --{} {}{} --above {} \
             -j NFLOG --nflog-group {} --nflog-size {}",
            period(self.period_ns),
            self.samples,
            if is_number { "id" } else { "name" },
            self.name,
            if self.is_wire { " --wire" } else { "" },
            self.above,
            self.group,
            self.snaplen
        )
    }

    /// The rule to add.
    pub fn iptables(&self) -> String {
        self.rule("iptables -A")
    }

    /// All of it.
    pub fn text(&self) -> String {
        let Recipe {
            name, above, group, ..
        } = self;
        let mut text = format!(
            "# The packets of windows of {} that carry more than {above}, to NFLOG group {group}.\n",
            short_time(self.period_ns)
        );
        if let Some(there) = &self.beside {
            // The error of a String's writer is for other writers.
            let _ = writeln!(
                text,
                "# `{there}` is of rules without --above; this is a counter beside it."
            );
        }
        text += "# Add what selects the packets, and put it into the chain that they take.\n";
        for program in ["iptables", "ip6tables"] {
            text += &format!("{}\n", self.rule(&format!("{program} -A")));
        }
        text += &format!("pkttop who --group {group} -o {name}.pcapng {name}\n");
        text += "# And when it is over:\n";
        for program in ["iptables", "ip6tables"] {
            text += &format!("{}\n", self.rule(&format!("{program} -D")));
        }
        text
    }
}

/// A name beside this name or number.
fn beside(name: &str) -> String {
    const SUFFIX: &str = "-above";
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("id{name}{SUFFIX}");
    }
    let begin: String = name.chars().take(NAME_MAX - SUFFIX.len()).collect();
    begin + SUFFIX
}

/// A period as a rule has it.
fn period(period_ns: u64) -> String {
    let units = [(1_000_000, ""), (1000, "us"), (1, "ns")];
    let fits = |(unit, _): &&(u64, &str)| period_ns.is_multiple_of(*unit);
    let (unit, suffix) = units.iter().find(fits).unwrap_or(&(1, "ns"));
    format!("{}{suffix}", period_ns / unit)
}

/// A rate as a rule has it.
pub fn rate_text(rate: Rate) -> String {
    String::from_utf8_lossy(rate.format(&mut [0; RATE_TEXT])).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The recipe for a counter whose status says this.
    fn of(name: &str, status: &str) -> Recipe {
        let (begin, above) = status.split_at(status.find("above").unwrap_or(status.len()));
        let rest = "rules: 1\nframes: 0\nbytes: 0\nqueued: 0\nmerged: 0\nmemory: 24000\n";
        let mut text = format!("{begin}{rest}{above}");
        if !above.is_empty() {
            text += "matched_frames: 0\nmatched_bytes: 0\n";
        }
        let status = Status::parse(text.as_bytes()).expect("a status");
        Recipe::of(name, &status, 7, 96).expect("a recipe")
    }

    #[test]
    fn the_rule_is_that_of_the_counter() {
        let recipe = of(
            "in",
            "period_ns: 100000\nsamples: 20000\nwire: 0\nabove: 7gbit\n",
        );
        let rule = "INPUT -m pktstat --period 100us --samples 20000 --name in --above 7gbit \
                    -j NFLOG --nflog-group 7 --nflog-size 96\n";
        let text = recipe.text();
        for line in [
            format!("\niptables -A {rule}"),
            format!("\nip6tables -A {rule}"),
            format!("\niptables -D {rule}"),
            format!("\nip6tables -D {rule}"),
            "\npkttop who --group 7 -o in.pcapng in\n".to_owned(),
        ] {
            assert!(text.contains(&line), "{text}");
        }
        assert_eq!(
            format!("{}\n", recipe.iptables()),
            format!("iptables -A {rule}")
        );
    }

    #[test]
    fn a_counter_without_a_rate_gets_another_beside_it() {
        let recipe = of("0", "period_ns: 2000000\nsamples: 20\nwire: 1\n");
        let rule = recipe.iptables();
        let begin =
            "iptables -A INPUT -m pktstat --period 2 --samples 20 --name id0-above --wire --above ";
        assert!(rule.starts_with(begin), "{rule}");
        assert!(recipe.text().contains("# `0` is of rules without --above"));
        assert_eq!(beside("in"), "in-above");
        assert_eq!(beside(&"x".repeat(31)), format!("{}-above", "x".repeat(25)));
        let numbered = of("3", "period_ns: 1500\nsamples: 20\nwire: 0\nabove: 1mpps\n");
        assert!(numbered
            .iptables()
            .contains("--period 1500ns --samples 20 --id 3 --above 1mpps "));
    }
}
