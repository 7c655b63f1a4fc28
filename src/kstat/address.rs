// SPDX-License-Identifier: GPL-2.0-or-later
//! Addresses as people read them: dotted IPv4, and IPv6 in the form of RFC 5952.

use super::flow::Address;
use crate::decimal::Writer;

/// Longest text: eight groups of four digits.
pub const TEXT: usize = 39;

/// Appends an address.
pub fn write(address: Address, out: &mut Writer<'_>) {
    match address {
        Address::V4(v4) => dotted(v4, out),
        Address::V6([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d]) => {
            out.bytes(b"::ffff:");
            dotted([a, b, c, d], out);
        }
        Address::V6(v6) => grouped(v6, out),
    }
}

fn dotted([a, b, c, d]: [u8; 4], out: &mut Writer<'_>) {
    out.number(a.into());
    for byte in [b, c, d] {
        out.bytes(b".");
        out.number(byte.into());
    }
}

fn grouped(v6: [u8; 16], out: &mut Writer<'_>) {
    let groups = v6.chunks_exact(2).map(|pair| match *pair {
        [high, low] => u16::from_be_bytes([high, low]),
        _ => 0,
    });
    let hidden = longest_zeros(groups.clone());
    let mut needs_colon = false;
    for (at, group) in groups.enumerate() {
        if at == hidden.start && !hidden.is_empty() {
            out.bytes(b"::");
            needs_colon = false;
        }
        if hidden.contains(&at) {
            continue;
        }
        if needs_colon {
            out.bytes(b":");
        }
        hexadecimal(group, out);
        needs_colon = true;
    }
}

/// The longest run of zero groups, the first of several; empty unless it has two or more.
fn longest_zeros(groups: impl Iterator<Item = u16>) -> core::ops::Range<usize> {
    let mut longest = 0..1;
    let mut run = 0..0;
    for (at, group) in groups.enumerate() {
        let after = at.wrapping_add(1);
        run = if group == 0 {
            run.start..after
        } else {
            after..after
        };
        if run.len() > longest.len() {
            longest = run.clone();
        }
    }
    if longest.len() > 1 {
        longest
    } else {
        0..0
    }
}

fn hexadecimal(group: u16, out: &mut Writer<'_>) {
    let mut begun = false;
    for shift in [12, 8, 4, 0] {
        let digit = (group >> shift) as u8 & 0xf;
        begun |= digit != 0 || shift == 0;
        if begun {
            let zero = if digit < 10 { b'0' } else { b'a' - 10 };
            out.bytes(&[zero.wrapping_add(digit)]);
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::string::{String, ToString};

    fn written(address: Address) -> String {
        let mut out = [0; TEXT];
        let mut writer = Writer::new(&mut out);
        write(address, &mut writer);
        let length = writer.written();
        String::from_utf8(out[..length].to_vec()).unwrap()
    }

    #[test]
    fn the_examples_of_the_rfc() {
        for text in [
            "::",
            "::1",
            "1::",
            "2001:db8::1",
            "2001:db8::2:1",
            "2001:db8:0:1:1:1:1:1",
            "2001:0:0:1::1",
            "2001:db8::1:0:0:1",
            "::ffff:192.0.2.1",
            "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff",
            "0:1:1:1:1:1:1:1",
            "1:1:1:1:1:1:1:0",
            "fe80::1",
        ] {
            let address: Ipv6Addr = text.parse().unwrap();
            assert_eq!(written(Address::V6(address.octets())), text);
        }
        assert_eq!(written(Address::V4([192, 0, 2, 255])), "192.0.2.255");
    }

    proptest! {
        #[test]
        fn ipv4_is_as_std_writes_it(octets: [u8; 4]) {
            prop_assert_eq!(written(Address::V4(octets)), Ipv4Addr::from(octets).to_string());
        }

        #[test]
        fn ipv6_is_as_std_writes_it(
            octets: [u8; 16],
            zeros in 0_u16..=u16::MAX,
            mapped in proptest::bool::weighted(0.05),
        ) {
            let mut octets = octets;
            for (at, octet) in octets.iter_mut().enumerate() {
                if zeros >> at & 1 == 1 || zeros >> (at ^ 1) & 1 == 1 && zeros & 2 == 0 {
                    *octet = 0;
                }
            }
            if mapped {
                octets[..10].fill(0);
                octets[10..12].fill(0xff);
            }
            prop_assert_eq!(written(Address::V6(octets)), Ipv6Addr::from(octets).to_string());
        }
    }
}
