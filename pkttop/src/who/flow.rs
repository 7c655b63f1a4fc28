// SPDX-License-Identifier: GPL-2.0-or-later
//! What the first bytes of an IP packet say: whose it is, and how long it was before it was cut.

use etherparse::{ip_number, IpNumber, Ipv6ExtensionSlice, LaxIpSlice, LaxIpv4Slice, LaxIpv6Slice};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// A packet that does not say its length is longer than the 16 bits for it can say (BIG TCP).
const BIG: u64 = 1 << 16;
/// An IPv6 header, which its length does not count.
const IPV6_HEADER: u64 = 40;
/// Option of a hop-by-hop header that says the length of a packet beyond 16 bits (RFC 2675).
const JUMBO: [u8; 2] = [0xc2, 4];

/// Packets of one protocol from one address and port to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// Protocol number, as in /etc/protocols.
    pub protocol: u8,
    /// Whose packets they are.
    pub source: Endpoint,
    /// Where they go.
    pub destination: Endpoint,
}

/// An address, and a port where the protocol has one and the packet brought it: of a packet in
/// fragments only the first does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// The address.
    pub address: IpAddr,
    /// The port.
    pub port: Option<u16>,
}

/// Reads the headers of an IPv4 or IPv6 packet, of which only the first bytes may be there: its
/// flow, and its length in bytes from the IP header on. `None` where it is no such packet, or the
/// IP header is not whole.
///
/// The length of a packet too long for its length field is what the jumbo option says; without
/// one it is counted as 65536 bytes, which is the least that it can be.
pub fn parse(data: &[u8]) -> Option<(Flow, u64)> {
    let (packet, _) = LaxIpSlice::from_slice(data).ok()?;
    let bytes = match &packet {
        LaxIpSlice::Ipv4(packet) => ipv4_bytes(packet),
        LaxIpSlice::Ipv6(packet) => ipv6_bytes(packet, data),
    };
    let payload = packet.payload();
    let is_first = match &packet {
        LaxIpSlice::Ipv4(packet) => packet.header().fragments_offset().value() == 0,
        LaxIpSlice::Ipv6(packet) => !packet.extensions().clone().into_iter().any(|extension| {
            matches!(extension, Ipv6ExtensionSlice::Fragment(part) if part.fragment_offset().value() > 0)
        }),
    };
    let ports = payload
        .payload
        .first_chunk()
        .filter(|_| is_first && has_ports(payload.ip_number));
    let port =
        |at: usize| ports.map(|ports: &[u8; 4]| u16::from_be_bytes([ports[at], ports[at + 1]]));
    let flow = Flow {
        protocol: payload.ip_number.0,
        source: Endpoint {
            address: packet.source_addr(),
            port: port(0),
        },
        destination: Endpoint {
            address: packet.destination_addr(),
            port: port(2),
        },
    };
    Some((flow, bytes))
}

fn ipv4_bytes(packet: &LaxIpv4Slice<'_>) -> u64 {
    match packet.header().total_len() {
        0 => BIG,
        bytes => bytes.into(),
    }
}

fn ipv6_bytes(packet: &LaxIpv6Slice<'_>, data: &[u8]) -> u64 {
    let header = packet.header();
    match (header.payload_length(), header.next_header()) {
        (0, ip_number::IPV6_HOP_BY_HOP) => {
            let options = data.get(IPV6_HEADER as usize + 2..);
            let jumbo = options.and_then(|options| match options {
                [kind, size, a, b, c, d, ..] if [*kind, *size] == JUMBO => {
                    Some(u32::from_be_bytes([*a, *b, *c, *d]))
                }
                _ => None,
            });
            IPV6_HEADER + jumbo.map_or(BIG, u64::from)
        }
        (0, ip_number::IPV6_NO_NEXT_HEADER) => IPV6_HEADER,
        (0, _) => IPV6_HEADER + BIG,
        (bytes, _) => IPV6_HEADER + u64::from(bytes),
    }
}

fn has_ports(protocol: IpNumber) -> bool {
    [
        ip_number::TCP,
        ip_number::UDP,
        ip_number::UDP_LITE,
        ip_number::SCTP,
        ip_number::DCCP,
    ]
    .contains(&protocol)
}

/// The protocol's name where it is well known, as `/proc/kstat/nout` has them, else its number.
pub fn protocol_name(protocol: u8) -> String {
    let name = match IpNumber(protocol) {
        ip_number::TCP => "tcp",
        ip_number::UDP => "udp",
        ip_number::UDP_LITE => "udplite",
        ip_number::ICMP => "icmp",
        ip_number::IPV6_ICMP => "icmpv6",
        ip_number::SCTP => "sctp",
        ip_number::DCCP => "dccp",
        ip_number::GRE => "gre",
        ip_number::ENCAP_SEC => "esp",
        ip_number::AUTH => "ah",
        _ => return protocol.to_string(),
    };
    name.to_owned()
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => SocketAddr::new(self.address, port).fmt(f),
            None => self.address.fmt(f),
        }
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = protocol_name(self.protocol);
        write!(f, "{protocol} {} > {}", self.source, self.destination)
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    /// The first bytes of an IPv4 packet: its header, then these.
    pub fn ipv4(protocol: u8, total_len: u16, offset: u16, rest: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x45, 0];
        packet.extend(total_len.to_be_bytes());
        packet.extend([0, 7]);
        packet.extend((offset / 8).to_be_bytes());
        packet.extend([64, protocol, 0, 0, 10, 9, 0, 1, 10, 9, 0, 2]);
        packet.extend(rest);
        packet
    }

    fn ipv6(next: u8, payload_len: u16, rest: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x60, 0, 0, 0];
        packet.extend(payload_len.to_be_bytes());
        packet.extend([next, 64]);
        for last in [1, 2] {
            packet.extend([0xfd, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
        }
        packet.extend(rest);
        packet
    }

    /// Ports 40000 and 9, and what follows them in a UDP header.
    const UDP: [u8; 8] = [0x9c, 0x40, 0, 9, 0, 0, 0, 0];

    fn shown(packet: &[u8]) -> Option<(String, u64)> {
        parse(packet).map(|(flow, bytes)| (flow.to_string(), bytes))
    }

    fn expect(packet: &[u8], flow: &str, bytes: u64) {
        assert_eq!(shown(packet), Some((flow.to_owned(), bytes)), "{packet:x?}");
    }

    #[test]
    fn a_packet_that_was_cut_is_as_long_as_its_header_says() {
        expect(
            &ipv4(17, 1428, 0, &UDP),
            "udp 10.9.0.1:40000 > 10.9.0.2:9",
            1428,
        );
        expect(
            &ipv6(6, 1000, &UDP),
            "tcp [fd09::1]:40000 > [fd09::2]:9",
            1040,
        );
        // Not one byte behind the header, and not all of the ports.
        expect(&ipv4(17, 1428, 0, &[]), "udp 10.9.0.1 > 10.9.0.2", 1428);
        expect(
            &ipv4(17, 1428, 0, &UDP[..3]),
            "udp 10.9.0.1 > 10.9.0.2",
            1428,
        );
        // A device's padding is no part of the packet, and no ports.
        expect(&ipv4(17, 20, 0, &UDP), "udp 10.9.0.1 > 10.9.0.2", 20);
    }

    #[test]
    fn protocols_without_ports_have_none() {
        expect(&ipv4(1, 84, 0, &UDP), "icmp 10.9.0.1 > 10.9.0.2", 84);
        expect(&ipv6(58, 64, &UDP), "icmpv6 fd09::1 > fd09::2", 104);
        expect(&ipv4(253, 84, 0, &UDP), "253 10.9.0.1 > 10.9.0.2", 84);
        for (number, name) in [(33, "dccp"), (132, "sctp"), (136, "udplite")] {
            let flow = format!("{name} 10.9.0.1:40000 > 10.9.0.2:9");
            expect(&ipv4(number, 84, 0, &UDP), &flow, 84);
        }
        for (number, name) in [(47, "gre"), (50, "esp")] {
            expect(
                &ipv4(number, 84, 0, &UDP),
                &format!("{name} 10.9.0.1 > 10.9.0.2"),
                84,
            );
        }
    }

    #[test]
    fn of_a_packet_in_fragments_the_first_has_the_ports() {
        let more = |offset: u16| {
            let mut packet = ipv4(17, 1500, offset, &UDP);
            packet[6] |= 0x20;
            packet
        };
        expect(&more(0), "udp 10.9.0.1:40000 > 10.9.0.2:9", 1500);
        expect(&more(1480), "udp 10.9.0.1 > 10.9.0.2", 1500);
        expect(&ipv4(17, 40, 2960, &UDP), "udp 10.9.0.1 > 10.9.0.2", 40);
        let part =
            |offset: u16| [&[17, 0][..], &(offset | 1).to_be_bytes(), &[0; 4], &UDP].concat();
        expect(
            &ipv6(44, 1456, &part(0)),
            "udp [fd09::1]:40000 > [fd09::2]:9",
            1496,
        );
        expect(&ipv6(44, 1456, &part(1448)), "udp fd09::1 > fd09::2", 1496);
    }

    #[test]
    fn extension_headers_are_passed_over() {
        let options = [&[17, 0, 1, 4, 0, 0, 0, 0][..], &UDP].concat();
        expect(
            &ipv6(0, 1000, &options),
            "udp [fd09::1]:40000 > [fd09::2]:9",
            1040,
        );
        let mut long = ipv4(17, 1428, 0, &[1; 4]);
        long[0] = 0x46;
        long.extend(UDP);
        expect(&long, "udp 10.9.0.1:40000 > 10.9.0.2:9", 1428);
    }

    #[test]
    fn a_packet_too_long_for_its_length_field() {
        let tcp4 = "tcp 10.9.0.1:40000 > 10.9.0.2:9";
        let tcp6 = "tcp [fd09::1]:40000 > [fd09::2]:9";
        expect(&ipv4(6, 0, 0, &UDP), tcp4, 65536);
        expect(&ipv6(6, 0, &UDP), tcp6, 65576);
        let jumbo = [&[6, 0, 0xc2, 4, 0, 3, 0x0d, 0x40][..], &UDP].concat();
        expect(&ipv6(0, 0, &jumbo), tcp6, 200_040);
        let no_jumbo = [&[6, 0, 1, 4, 0, 0, 0, 0][..], &UDP].concat();
        expect(&ipv6(0, 0, &no_jumbo), tcp6, 65576);
        expect(&ipv6(0, 0, &[]), "0 fd09::1 > fd09::2", 65576);
        expect(&ipv6(59, 0, &[]), "59 fd09::1 > fd09::2", 40);
    }

    #[test]
    fn what_is_no_ip_packet_has_no_flow() {
        for packet in [&[][..], &[0x45; 19], &[0x60; 39], &[0x42; 40], &[0; 64]] {
            assert_eq!(shown(packet), None, "{packet:x?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(mut data in prop::collection::vec(any::<u8>(), 0..200), version in 0_u8..16) {
            if let Some(first) = data.first_mut() {
                *first = version << 4 | (*first & 15);
            }
            parse(&data);
        }

        #[test]
        fn addresses_and_ports_are_those_of_the_packet(
            addresses in any::<([u8; 4], [u8; 4], [u8; 16], [u8; 16])>(),
            ports in any::<(u16, u16)>(),
            size in 24_u16..,
        ) {
            let rest = [ports.0.to_be_bytes(), ports.1.to_be_bytes()].concat();
            let end = |address: IpAddr, port| Endpoint { address, port: Some(port) };
            let mut packet = ipv4(6, size, 0, &rest);
            packet[12..16].copy_from_slice(&addresses.0);
            packet[16..20].copy_from_slice(&addresses.1);
            let flow = Flow {
                protocol: 6,
                source: end(Ipv4Addr::from(addresses.0).into(), ports.0),
                destination: end(Ipv4Addr::from(addresses.1).into(), ports.1),
            };
            prop_assert_eq!(parse(&packet), Some((flow, u64::from(size))));
            let mut packet = ipv6(6, size, &rest);
            packet[8..24].copy_from_slice(&addresses.2);
            packet[24..40].copy_from_slice(&addresses.3);
            let flow = Flow {
                protocol: 6,
                source: end(Ipv6Addr::from(addresses.2).into(), ports.0),
                destination: end(Ipv6Addr::from(addresses.3).into(), ports.1),
            };
            prop_assert_eq!(parse(&packet), Some((flow, u64::from(size) + 40)));
        }
    }
}
