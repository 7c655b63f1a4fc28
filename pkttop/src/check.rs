// SPDX-License-Identifier: GPL-2.0-or-later
//! `pkttop check`: can this machine run it, and do the counters' rows add up to their totals?

use crate::cli::Check;
use crate::contract::Verdict;
use crate::error::UserError;
use crate::feed::{Begin, Feed};
use crate::proc::{Counter, CounterDir, RowFile};
use crate::signals::Stop;
use crate::units::short_time;
use anyhow::Result;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The oldest kernel that the module is built for.
const KERNEL_MIN: (u32, u32) = (5, 10);
/// The capability that changing rules takes.
const CAP_NET_ADMIN: u32 = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Ok,
    Note,
    Bad,
}

#[derive(Debug)]
struct Finding {
    mark: Mark,
    topic: String,
    text: String,
}

fn finding(mark: Mark, topic: &str, text: impl Into<String>) -> Finding {
    Finding {
        mark,
        topic: topic.to_owned(),
        text: text.into(),
    }
}

/// `pkttop check`: is all well?
pub fn run(args: &Check) -> Result<bool> {
    let directory = args.reading.directory()?;
    let mut findings = vec![
        kernel(),
        module(&directory),
        nft_compat(),
        extension(),
        iptables(),
    ];
    match directory.select(&args.names) {
        Ok(counters) => findings.extend(check_counters(args, &directory, counters)?),
        Err(error) => match error.downcast::<UserError>()? {
            // Nothing to read, and nobody named one: what counts is whether a rule can be added.
            UserError::NoCounter { .. } | UserError::NoModule { .. } if args.names.is_empty() => {
                findings.push(may_add_rules());
                findings.push(finding(
                    Mark::Ok,
                    "counters",
                    "none in this network namespace",
                ));
            }
            obstacle => findings.push(finding(Mark::Bad, "counters", obstacle.to_string())),
        },
    }
    let mut out = std::io::stdout().lock();
    for Finding { mark, topic, text } in findings.iter().filter(|_| !args.quiet) {
        let mark = match mark {
            Mark::Ok => "ok",
            Mark::Note => "note",
            Mark::Bad => "BAD",
        };
        writeln!(
            out,
            "{mark:<4}  {topic:<10}  {}",
            text.replace('\n', "\n                  ")
        )?;
    }
    out.flush()?;
    Ok(findings.iter().all(|finding| finding.mark != Mark::Bad))
}

fn release() -> String {
    rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned()
}

fn kernel() -> Finding {
    let release = release();
    let mut numbers = release
        .split(|letter: char| !letter.is_ascii_digit())
        .map(|number| number.parse().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version >= KERNEL_MIN {
        finding(Mark::Ok, "kernel", release)
    } else {
        let text = format!(
            "{release}: the module needs {}.{} or later",
            KERNEL_MIN.0, KERNEL_MIN.1
        );
        finding(Mark::Bad, "kernel", text)
    }
}

fn module(directory: &CounterDir) -> Finding {
    if directory.root().is_dir() {
        return finding(
            Mark::Ok,
            "module",
            format!("loaded: {}", directory.root().display()),
        );
    }
    match installed_module("xt_pktstat") {
        Some(file) => {
            let text = format!(
                "installed, not loaded: {}\nthe first rule loads it, or: modprobe xt_pktstat",
                file.display()
            );
            finding(Mark::Ok, "module", text)
        }
        None => {
            let text = format!(
                "{}: no xt_pktstat\ninstall xt-pktstat-dkms, or: make && make install && depmod",
                modules().display()
            );
            finding(Mark::Bad, "module", text)
        }
    }
}

/// What iptables-nft runs every xt match in.
fn nft_compat() -> Finding {
    match installed_module("nft_compat") {
        Some(file) => finding(Mark::Ok, "nft_compat", file.display().to_string()),
        None => {
            let text = format!(
                "{}: no nft_compat, so iptables-nft has no xt match at all\n\
                 install the rest of this kernel's modules, or use iptables-legacy",
                modules().display()
            );
            finding(Mark::Note, "nft_compat", text)
        }
    }
}

fn modules() -> PathBuf {
    Path::new("/lib/modules").join(release())
}

/// The file of a module of the running kernel, also of one that is built in.
fn installed_module(name: &str) -> Option<PathBuf> {
    let files = ["modules.dep", "modules.builtin"]
        .map(|list| fs::read_to_string(modules().join(list)).unwrap_or_default())
        .concat();
    let is_it = |file: &&str| {
        let file = Path::new(file).file_name().and_then(OsStr::to_str);
        file.and_then(|file| file.split(".ko").next()) == Some(name)
    };
    let mut files = files.lines().filter_map(|line| line.split(':').next());
    files.find(is_it).map(|file| modules().join(file))
}

fn extension() -> Finding {
    const NAME: &str = "libxt_pktstat.so";
    let mut directories: Vec<PathBuf> = std::env::var_os("XTABLES_LIBDIR")
        .iter()
        .flat_map(std::env::split_paths)
        .collect();
    for base in ["/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/local/lib"] {
        directories.push(Path::new(base).join("xtables"));
        // Debian's directories of one architecture.
        let entries = fs::read_dir(base).into_iter().flatten().flatten();
        directories.extend(entries.map(|entry| entry.path().join("xtables")));
    }
    match directories
        .iter()
        .map(|directory| directory.join(NAME))
        .find(|file| file.is_file())
    {
        Some(file) => finding(Mark::Ok, "extension", file.display().to_string()),
        None => {
            let place = directories.iter().find(|directory| directory.is_dir());
            let place = place.map_or("no directory xtables".to_owned(), |place| {
                place.display().to_string()
            });
            let text = format!(
                "{place}: no {NAME}\ninstall xt-pktstat-iptables, or: make && make install"
            );
            finding(Mark::Bad, "extension", text)
        }
    }
}

fn iptables() -> Finding {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    match directories
        .map(|directory| directory.join("iptables"))
        .find(|file| file.is_file())
    {
        Some(file) => finding(Mark::Ok, "iptables", file.display().to_string()),
        None => finding(
            Mark::Bad,
            "iptables",
            "not in PATH nor /usr/sbin\ninstall it: apt install iptables",
        ),
    }
}

fn may_add_rules() -> Finding {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective
        .and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok())
        .unwrap_or(0);
    if effective & (1 << CAP_NET_ADMIN) != 0 {
        finding(Mark::Ok, "permission", "may add rules (CAP_NET_ADMIN)")
    } else {
        finding(
            Mark::Bad,
            "permission",
            "may not add rules: no CAP_NET_ADMIN\nbecome root: sudo",
        )
    }
}

/// Processes other than us that have this file open, as far as we may see.
fn other_readers(counter: &Counter) -> Vec<String> {
    let Ok(data) = fs::metadata(counter.rows(RowFile::Data)) else {
        return Vec::new();
    };
    let own = std::process::id().to_string();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = processes.filter(|process| {
        let name = process.file_name().to_string_lossy().into_owned();
        name.bytes().all(|byte| byte.is_ascii_digit()) && name != own
    });
    let reads = |process: &fs::DirEntry| {
        fs::read_dir(process.path().join("fd"))
            .into_iter()
            .flatten()
            .flatten()
            .any(|fd| {
                // The name first: it spares a stat of every open file of the machine.
                fs::read_link(fd.path())
                    .is_ok_and(|name| name.file_name() == Some(OsStr::new("data")))
                    && fs::metadata(fd.path())
                        .is_ok_and(|open| (open.dev(), open.ino()) == (data.dev(), data.ino()))
                    && opened_for_reading(&process.path(), &fd.file_name())
            })
    };
    let name = |process: fs::DirEntry| {
        let command = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        format!(
            "{} ({})",
            process.file_name().to_string_lossy(),
            command.trim()
        )
    };
    processes.filter(reads).map(name).collect()
}

fn opened_for_reading(process: &Path, fd: &OsStr) -> bool {
    let info = fs::read_to_string(process.join("fdinfo").join(fd)).unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|digits| u32::from_str_radix(digits.trim(), 8).ok());
    // The two lowest bits: 0 reads, 1 writes, 2 does both.
    flags.is_none_or(|flags| flags & 3 != 1)
}

fn check_counters(
    args: &Check,
    directory: &CounterDir,
    counters: Vec<Counter>,
) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut ours = Vec::new();
    for counter in counters {
        let kind = counter.row_file(args.reading.consume);
        let readers = match kind {
            RowFile::History => Vec::new(),
            RowFile::Data => other_readers(&counter),
        };
        if args.no_read {
            findings.push(match counter.status() {
                Ok(status) => {
                    let text = format!(
                        "{} frames, {} bytes; its rows were left alone",
                        status.frames, status.bytes
                    );
                    finding(Mark::Ok, &counter.name, text)
                }
                Err(error) => finding(Mark::Bad, &counter.name, format!("{error:#}")),
            });
        } else if readers.is_empty() {
            ours.push(counter.name);
        } else {
            let text = format!(
                "not compared: {} reads it, and would miss the rows that we read",
                readers.join(", ")
            );
            findings.push(finding(Mark::Note, &counter.name, text));
        }
    }
    // One by one, so that one that we may not read does not hide the others.
    for name in ours {
        findings.push(match watch(args, directory, &name) {
            Ok(found) => found,
            Err(error) => finding(Mark::Bad, &name, format!("{error:#}")),
        });
    }
    Ok(findings)
}

fn watch(args: &Check, directory: &CounterDir, name: &str) -> Result<Finding> {
    let stop = Stop::listen()?;
    let names = [name.to_owned()];
    let mut feed = Feed::open(directory.clone(), &names, args.reading.consume, Begin::Past)?;
    let mut drop_rows = |_: &_, _: &_| Ok(());
    feed.drain(&mut drop_rows)?;
    feed.look();
    let end = Instant::now() + args.time;
    while Instant::now() < end && !stop.is_wanted() {
        feed.wait(end.saturating_duration_since(Instant::now()));
        feed.drain(&mut drop_rows)?;
    }
    feed.settle(&mut drop_rows)?;
    let Some(source) = feed.sources.first() else {
        return Ok(finding(Mark::Note, name, "went away meanwhile"));
    };
    let verdict = source.audit.verdict();
    let mark = match verdict {
        Verdict::Agrees { .. } => Mark::Ok,
        Verdict::Unknown => Mark::Note,
        Verdict::Missing { .. } | Verdict::Surplus { .. } => Mark::Bad,
    };
    let merged = match source.merged {
        0 => String::new(),
        merged => format!("; {merged} windows came in the row of another: add --samples"),
    };
    let obstacle = feed
        .obstacle()
        .map_or(String::new(), |why| format!("\n{why}"));
    let text = format!(
        "{} windows; {verdict}{merged}{obstacle}",
        short_time(source.status.period_ns)
    );
    Ok(finding(mark, name, text))
}
