// SPDX-License-Identifier: GPL-2.0-or-later
//! Names of interfaces, as names in /sys/kernel and as text.

use crate::decimal::Writer;
use crate::escape;

/// Longest text of [`escape()`]: four characters for each byte of the longest interface name.
pub const ESCAPED_MAX: usize = 4 * 15;

/// What a kernel, some module of it or this one makes in /sys/kernel, now or later: a directory
/// of ours must not stand in its way. Only what is short enough to be an interface's name.
const RESERVED: [&str; 47] = [
    "address_bits",
    "boot_params",
    "btf",
    "cgroup",
    "config",
    "cpu_byteorder",
    "crash_notes",
    "debug",
    "dlm",
    "dmabuf",
    "fadump",
    "fadump_enabled",
    "fscaps",
    "gpu",
    "hypervisor",
    "iommu_groups",
    "ion",
    "ipa",
    "irq",
    "kexec",
    "kexec_loaded",
    "kheaders.tar.xz",
    "kobject_example",
    "kset_example",
    "kstat",
    "livepatch",
    "liveupdate",
    "mm",
    "notes",
    "oops_count",
    "page_pool",
    "preemptirq",
    "profiling",
    "rcu_expedited",
    "rcu_normal",
    "rcu_stall_count",
    "reboot",
    "sched_ext",
    "security",
    "slab",
    "software_nodes",
    "sunrpc",
    "tracing",
    "uevent_helper",
    "uevent_seqnum",
    "update_stats",
    "warn_count",
];

/// Whether /sys/kernel needs the name for itself.
pub fn is_reserved(name: &[u8]) -> bool {
    RESERVED.iter().any(|its| its.as_bytes() == name)
}

/// Writes a name as printable ASCII without blanks: anything else, and the backslash, as
/// `\` and three octal digits.
pub fn escape(name: &[u8], writer: &mut Writer<'_>) {
    escape::octal(name.iter().copied(), b"", writer);
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn escaped(name: &[u8]) -> Vec<u8> {
        let mut out = [0; ESCAPED_MAX];
        let mut writer = Writer::new(&mut out);
        escape(name, &mut writer);
        let len = writer.written();
        out[..len].to_vec()
    }

    #[test]
    fn reserved_names_are_sorted_and_can_be_interfaces() {
        assert!(RESERVED.is_sorted_by(|one, next| one < next));
        assert!(RESERVED.iter().all(|name| name.len() <= 15));
    }

    #[test]
    fn only_whole_names_are_reserved() {
        for name in ["config", "debug", "tracing", "security", "kernel_"] {
            assert_eq!(is_reserved(name.as_bytes()), name != "kernel_");
        }
        for name in ["", "eth0", "con", "config0", "Config", "mm0"] {
            assert!(!is_reserved(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn odd_names_become_text() {
        assert_eq!(escaped(b"eth0.5-a!b\""), b"eth0.5-a!b\"");
        assert_eq!(escaped(b"x\x1b[31m"), b"x\\033[31m");
        assert_eq!(escaped(b"a\\b"), b"a\\134b");
        assert_eq!(escaped(&[0xff; 15]), br"\377".repeat(15));
        assert_eq!(escaped("é".as_bytes()), b"\\303\\251");
    }

    proptest! {
        #[test]
        fn different_names_stay_different(one: [u8; 3], other: [u8; 3]) {
            prop_assert_eq!(one == other, escaped(&one) == escaped(&other));
            prop_assert!(escaped(&one).iter().all(u8::is_ascii_graphic));
        }
    }
}
