// SPDX-License-Identifier: GPL-2.0-or-later
//! The directory of counters: which there are, and what to do where one is missing.

use crate::error::UserError;
use anyhow::{Context, Result};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use xt_pktstat::status::Status;

/// Where the kernel shows the counters of the namespace that the reader is in.
pub const ROOT: &str = "/proc/net/xt_pktstat";

/// Which file of a counter has its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFile {
    /// The last windows, for any number of readers.
    History,
    /// The windows that nobody has read: reading takes them away.
    Data,
}

/// A directory of counters.
#[derive(Clone, Debug)]
pub struct CounterDir {
    root: PathBuf,
}

/// A counter: its name or number, and its directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Name or number.
    pub name: String,
    dir: PathBuf,
}

impl CounterDir {
    /// Enters `netns`, where one is named, and finds the counters there.
    ///
    /// `/proc/net` is the main thread's namespace: call this before there is another thread.
    pub fn open(root: &Path, netns: Option<&str>) -> Result<CounterDir> {
        if let Some(name) = netns {
            enter(name)?;
        }
        let root = root.to_owned();
        Ok(CounterDir { root })
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Every counter, numbers first, or an [`UserError`] where there is no module or no counter.
    pub fn all(&self) -> Result<Vec<Counter>> {
        let entries = fs::read_dir(&self.root).map_err(|error| match error.kind() {
            ErrorKind::NotFound => UserError::NoModule {
                root: self.root.clone(),
            }
            .into(),
            _ => anyhow::Error::new(error).context(self.root.display().to_string()),
        })?;
        let mut counters = Vec::new();
        for entry in entries {
            let entry = entry.with_context(|| self.root.display().to_string())?;
            let name = entry.file_name().to_string_lossy().into_owned();
            counters.push(self.counter(name));
        }
        counters.sort_by_key(|counter| {
            (
                counter.name.parse().unwrap_or(u32::MAX),
                counter.name.clone(),
            )
        });
        if counters.is_empty() {
            return Err(UserError::NoCounter {
                root: self.root.clone(),
            }
            .into());
        }
        Ok(counters)
    }

    /// Those counters, or all where none is named.
    pub fn select(&self, names: &[String]) -> Result<Vec<Counter>> {
        let all = self.all()?;
        for name in names {
            if !all.iter().any(|counter| counter.name == *name) {
                let have: Vec<_> = all.iter().map(|counter| counter.name.as_str()).collect();
                let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
                return Err(UserError::NoSuchCounter {
                    root: self.root.clone(),
                    name: name.clone(),
                    have: have.join(" "),
                    option: format!("{} {name}", if is_number { "--id" } else { "--name" }),
                }
                .into());
            }
        }
        Ok(all
            .into_iter()
            .filter(|counter| names.is_empty() || names.contains(&counter.name))
            .collect())
    }

    fn counter(&self, name: String) -> Counter {
        let dir = self.root.join(&name);
        Counter { name, dir }
    }
}

impl Counter {
    /// The file of its rows.
    pub fn rows(&self, kind: RowFile) -> PathBuf {
        self.dir.join(match kind {
            RowFile::History => "history",
            RowFile::Data => "data",
        })
    }

    /// The file to read: `history`, unless rows are to be consumed or the module has none.
    pub fn row_file(&self, consume: bool) -> RowFile {
        if !consume && self.rows(RowFile::History).exists() {
            RowFile::History
        } else {
            RowFile::Data
        }
    }

    /// How the counter stands; changes nothing.
    pub fn status(&self) -> Result<Status> {
        let file = self.dir.join("status");
        let text = fs::read(&file).map_err(|error| explain(&file, error))?;
        Status::parse(&text).ok_or_else(|| {
            let line = String::from_utf8_lossy(&text).into_owned();
            UserError::Garbled { file, line }.into()
        })
    }
}

/// Turns a refusal to open `file` into what to do about it.
pub fn explain(file: &Path, error: std::io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::PermissionDenied => {}
        ErrorKind::StorageFull => {
            let file = file.to_owned();
            return UserError::OpenTooOften { file }.into();
        }
        _ => return anyhow::Error::new(error).context(file.display().to_string()),
    }
    let (owner, way_out) = match fs::metadata(file) {
        Ok(metadata) => {
            let (mode, gid) = (metadata.mode() & 0o7777, metadata.gid());
            let group = group_name(gid);
            let way_out = if mode & 0o040 != 0 && gid != 0 {
                format!("join group `{group}` (usermod -aG {group} $USER), or become root: sudo")
            } else {
                "become root: sudo; or let a group read: \
                 modprobe xt_pktstat gid=$(getent group adm | cut -d: -f3) perms=0440"
                    .to_owned()
            };
            (
                format!("mode {mode:04o}, uid {}, group {group}", metadata.uid()),
                way_out,
            )
        }
        Err(_) => (
            "in a directory that is closed".to_owned(),
            "become root: sudo".to_owned(),
        ),
    };
    let file = file.to_owned();
    UserError::Denied {
        file,
        owner,
        way_out,
    }
    .into()
}

fn group_name(gid: u32) -> String {
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let name = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(gid)).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| gid.to_string())
}

fn enter(name: &str) -> Result<()> {
    let file = if name.contains('/') {
        PathBuf::from(name)
    } else {
        Path::new("/run/netns").join(name)
    };
    let entered = fs::File::open(&file).and_then(|namespace| {
        let kind = rustix::thread::LinkNameSpaceType::Network;
        Ok(rustix::thread::move_into_link_name_space(
            std::os::fd::AsFd::as_fd(&namespace),
            Some(kind),
        )?)
    });
    let name = name.to_owned();
    entered.map_err(|source| UserError::NoNetns { file, name, source }.into())
}
