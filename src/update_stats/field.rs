// SPDX-License-Identifier: GPL-2.0-or-later
//! The statistics of an interface that can be written.

use core::ffi::CStr;

/// How many there are.
pub const FIELDS: usize = 23;

/// Their names, in the order in which `struct rtnl_link_stats64` begins. Sorted by nothing else:
/// the order is the kernel's, and for ever. build.rs holds it to linux/if_link.h.
pub const NAMES: [&CStr; FIELDS] = [
    c"rx_packets",
    c"tx_packets",
    c"rx_bytes",
    c"tx_bytes",
    c"rx_errors",
    c"tx_errors",
    c"rx_dropped",
    c"tx_dropped",
    c"multicast",
    c"collisions",
    c"rx_length_errors",
    c"rx_over_errors",
    c"rx_crc_errors",
    c"rx_frame_errors",
    c"rx_fifo_errors",
    c"rx_missed_errors",
    c"tx_aborted_errors",
    c"tx_carrier_errors",
    c"tx_fifo_errors",
    c"tx_heartbeat_errors",
    c"tx_window_errors",
    c"rx_compressed",
    c"tx_compressed",
];

/// Which one has this name.
pub fn by_name(name: &[u8]) -> Option<usize> {
    NAMES.iter().position(|its| its.to_bytes() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_its_own() {
        for (index, name) in NAMES.iter().enumerate() {
            assert_eq!(by_name(name.to_bytes()), Some(index));
        }
    }

    #[test]
    fn nothing_else_is_a_name() {
        for name in [
            "",
            "rx",
            "rx_byte",
            "rx_bytes ",
            "RX_BYTES",
            "rx_nohandler",
            "all",
        ] {
            assert_eq!(by_name(name.as_bytes()), None, "{name}");
        }
    }
}
