// SPDX-License-Identifier: GPL-2.0-or-later
//! The documents say what kstat's tables take.

use std::mem::size_of;
use xt_pktstat::kstat::bank::Sent;
use xt_pktstat::kstat::table::{slots, FlowRow, IndexSlot};

const DEFAULT_ENTRIES: usize = 4096;

#[test]
fn what_a_cpu_takes_is_what_the_documents_say() {
    let bank = DEFAULT_ENTRIES * size_of::<FlowRow<Sent>>()
        + slots(DEFAULT_ENTRIES) * size_of::<IndexSlot>();
    let words = format!("{} KiB for each CPU that is online", 2 * bank / 1024);
    for document in [
        include_str!("../iptables/xt_pktstat.8"),
        include_str!("../Documentation/ABI/testing/sysfs-kernel-kstat"),
    ] {
        let text = document.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(&words), "{words}");
    }
}
