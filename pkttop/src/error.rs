// SPDX-License-Identifier: GPL-2.0-or-later
//! What stands in the way, and the way out.

use std::path::PathBuf;

/// An obstacle that a person can remove: each names the file, and in its second line the way out.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The kernel module is not loaded.
    #[error("{}: no such directory: the module xt_pktstat is not loaded\nload it: modprobe xt_pktstat (as root; adding a rule with `-m pktstat` loads it too)", root.display())]
    NoModule {
        /// Where the counters would be.
        root: PathBuf,
    },
    /// There is not one counter.
    #[error("{}: no counter in this network namespace\nadd one: iptables -m pktstat --period 1 --samples 1000 --name NAME -A INPUT", root.display())]
    NoCounter {
        /// Where the counters would be.
        root: PathBuf,
    },
    /// There are counters, but not this one.
    #[error("{}: no counter `{name}`; there are: {have}\nadd it: iptables -m pktstat --period 1 --samples 1000 {option} -A INPUT", root.display())]
    NoSuchCounter {
        /// Where the counters are.
        root: PathBuf,
        /// The one asked for.
        name: String,
        /// Those that are there.
        have: String,
        /// `--name NAME` or `--id N`.
        option: String,
    },
    /// The file's mode keeps this user out.
    #[error("{}: permission denied ({owner})\n{way_out}", file.display())]
    Denied {
        /// The file.
        file: PathBuf,
        /// Its mode, owner and group.
        owner: String,
        /// Become root, join the group, or load the module with other `perms`.
        way_out: String,
    },
    /// The module lets no more programs have it open.
    #[error("{path}: as many have it open as the module allows\nend some of them: fuser -v {path}", path = file.display())]
    OpenTooOften {
        /// The file.
        file: PathBuf,
    },
    /// The file does not say what the interface promises.
    #[error("{}: not what xt_pktstat writes: {line:?}\nis the module of another version? compare `modinfo xt_pktstat` and `pkttop -V`", file.display())]
    Garbled {
        /// The file.
        file: PathBuf,
        /// What it says.
        line: String,
    },
    /// There is no such counter whose bursts could be captured.
    #[error("{}: no counter `{name}`{have}\nadd it, with a rule that sends its bursts here:\n{rule}", root.display())]
    NoBursts {
        /// Where the counters are.
        root: PathBuf,
        /// The one asked for.
        name: String,
        /// Those that are there.
        have: String,
        /// The rule.
        rule: String,
    },
    /// Another program reads the NFLOG group.
    #[error("NFLOG group {group}: it is read{holder} already, and has one reader only\nend that one, or take another group, in the rule too: --nflog-group N, and `pkttop who --group N`")]
    GroupInUse {
        /// The group.
        group: u16,
        /// `by process N (NAME)`, where it is known.
        holder: String,
    },
    /// NFLOG groups are not for everybody.
    #[error("NFLOG group {group}: reading it takes CAP_NET_ADMIN in this network namespace\nbecome root: sudo")]
    NotNetAdmin {
        /// The group.
        group: u16,
    },
    /// The kernel does not have nfnetlink_log.
    #[error("NFLOG cannot be read: {word}\nis nfnetlink_log there? load it: modprobe nfnetlink_log (CONFIG_NETFILTER_NETLINK_LOG)")]
    NoNflog {
        /// The kernel's word.
        word: String,
    },
    /// No such network namespace.
    #[error("{}: cannot enter network namespace `{name}`: {source}\nlist them: ip netns; entering takes root", file.display())]
    NoNetns {
        /// The namespace's file.
        file: PathBuf,
        /// Its name.
        name: String,
        /// The kernel's word.
        source: std::io::Error,
    },
}

/// Did the reader of our output hang up? Then there is nothing to complain about.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        if let Some(csv) = cause.downcast_ref::<csv::Error>() {
            return matches!(csv.kind(), csv::ErrorKind::Io(io) if io.kind() == std::io::ErrorKind::BrokenPipe);
        }
        if let Some(json) = cause.downcast_ref::<serde_json::Error>() {
            return json.io_error_kind() == Some(std::io::ErrorKind::BrokenPipe);
        }
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
