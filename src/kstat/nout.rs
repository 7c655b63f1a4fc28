// SPDX-License-Identifier: GPL-2.0-or-later
//! `/proc/kstat/nout`: the text of what is published, and the one word that may be written.

use super::address;
use super::bank::Count;
use super::flow::{Flow, DEVICE_SIZE};
use crate::decimal::Writer;
use crate::escape;

/// The first line.
pub const HEADER: &str = "# protocol source destination device frames bytes\n";
/// Longest row: a protocol, two addresses, a device with each byte escaped, two 64-bit numbers,
/// five spaces and a newline.
pub const ROW_MAX: usize = 7 + 2 * address::TEXT + 4 * (DEVICE_SIZE - 1) + 2 * 20 + 6;

/// Hands out the text of what is published (without a flow: what did not fit), line by line.
pub fn lines<'f>(
    published: impl Iterator<Item = (Option<&'f Flow>, Count)>,
    mut line: impl FnMut(&[u8]),
) {
    line(HEADER.as_bytes());
    let mut row = [0; ROW_MAX];
    for (flow, count) in published {
        let mut writer = Writer::new(&mut row);
        write_row(flow, count, &mut writer);
        let length = writer.written();
        line(row.get(..length).unwrap_or_default());
    }
}

/// Whether what was written to the file is the order to empty the table.
pub fn is_clear(text: &[u8]) -> bool {
    matches!(text, b"/" | b"/\n")
}

fn write_row(flow: Option<&Flow>, count: Count, out: &mut Writer<'_>) {
    match flow {
        None => out.bytes(b"other * * *"),
        Some(flow) => {
            write_protocol(flow.protocol(), out);
            out.bytes(b" ");
            address::write(flow.source(), out);
            out.bytes(b" ");
            address::write(flow.destination(), out);
            out.bytes(b" ");
            write_device(flow.device(), out);
        }
    }
    out.bytes(b" ");
    out.number(count.frames);
    out.bytes(b" ");
    out.number(count.bytes);
    out.bytes(b"\n");
}

fn write_protocol(number: u8, out: &mut Writer<'_>) {
    let name: &[u8] = match number {
        1 => b"icmp",
        6 => b"tcp",
        17 => b"udp",
        33 => b"dccp",
        47 => b"gre",
        50 => b"esp",
        51 => b"ah",
        58 => b"icmpv6",
        132 => b"sctp",
        136 => b"udplite",
        _ => return out.number(number.into()),
    };
    out.bytes(name);
}

/// A device's name may hold any byte but NUL, `/`, `:` and a few spaces: what could break a row,
/// a terminal or a shell comes as the kernel's `\ooo`.
fn write_device(device: [u8; DEVICE_SIZE], out: &mut Writer<'_>) {
    let name = device.into_iter().take_while(|byte| *byte != 0);
    escape::octal(name, b"\"'", out);
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::super::flow::{tests::name, Address};
    use super::*;
    use std::{string::String, vec::Vec};

    const COUNT: Count = Count {
        frames: 20,
        bytes: 1680,
    };

    fn row(flow: Option<&Flow>, count: Count) -> String {
        let mut out = [0; ROW_MAX];
        let mut writer = Writer::new(&mut out);
        write_row(flow, count, &mut writer);
        let length = writer.written();
        String::from_utf8(out[..length].to_vec()).unwrap()
    }

    fn named(device: &[u8]) -> String {
        let v4 = Address::V4([10, 9, 0, 1]);
        let flow = Flow::new(17, v4, v4, name(device, b'x'));
        let row = row(Some(&flow), COUNT);
        row.split(' ').nth(3).unwrap().into()
    }

    #[test]
    fn the_rows_of_the_interface() {
        let from = Address::V4([10, 9, 0, 1]);
        let to = Address::V4([10, 9, 0, 2]);
        let flow = Flow::new(17, from, to, name(b"eth0", 0));
        assert_eq!(
            row(Some(&flow), COUNT),
            "udp 10.9.0.1 10.9.0.2 eth0 20 1680\n"
        );
        let count = Count {
            frames: 7,
            bytes: 588,
        };
        assert_eq!(row(None, count), "other * * * 7 588\n");
    }

    #[test]
    fn protocols_have_the_names_of_the_interface() {
        let v6 = Address::V6([0xff; 16]);
        for (number, name) in [
            (6, "tcp"),
            (17, "udp"),
            (136, "udplite"),
            (1, "icmp"),
            (58, "icmpv6"),
            (132, "sctp"),
            (33, "dccp"),
            (47, "gre"),
            (50, "esp"),
            (51, "ah"),
            (0, "0"),
            (89, "89"),
            (255, "255"),
        ] {
            let flow = Flow::new(number, v6, v6, [0; DEVICE_SIZE]);
            assert_eq!(row(Some(&flow), COUNT).split(' ').next(), Some(name));
        }
    }

    #[test]
    fn odd_devices_stay_one_word() {
        for (device, text) in [
            (&b"eth0"[..], "eth0"),
            (b"eth0.5@x", "eth0.5@x"),
            (b"a b", r"a\040b"),
            (b"a\\b", r"a\134b"),
            (b"\"'", r"\042\047"),
            (b"\t\n\x1b\x7f", r"\011\012\033\177"),
            ("µ".as_bytes(), r"\302\265"),
        ] {
            assert_eq!(named(device), text);
        }
    }

    #[test]
    fn the_longest_row_fits_exactly() {
        let v6 = Address::V6([0xff; 16]);
        let flow = Flow::new(136, v6, v6, name(&[0xff; DEVICE_SIZE - 1], 0));
        let count = Count {
            frames: u64::MAX,
            bytes: u64::MAX,
        };
        let row = row(Some(&flow), count);
        assert_eq!(row.len(), ROW_MAX);
        assert!(row.ends_with(" 18446744073709551615 18446744073709551615\n"));
    }

    #[test]
    fn only_a_slash_empties_the_table() {
        assert!(is_clear(b"/") && is_clear(b"/\n"));
        for text in ["", "\n", "//", "/ ", " /", "/\n\n", "0", "/x", "/\0"] {
            assert!(!is_clear(text.as_bytes()), "{text:?}");
        }
    }

    #[test]
    fn the_header_names_the_columns_of_a_row() {
        let columns: Vec<&str> = HEADER.trim_end().split(' ').collect();
        assert_eq!(columns.len() - 1, row(None, COUNT).split(' ').count());
    }
}
