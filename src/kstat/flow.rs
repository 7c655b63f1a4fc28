// SPDX-License-Identifier: GPL-2.0-or-later
//! What is counted together: protocol, source, destination, device.

/// Bytes of a device name, with the closing NUL.
pub const DEVICE_SIZE: usize = 16;

/// The key of a row, as seven words, so that comparing and hashing it takes few instructions.
///
/// The protocol's number, and above it a bit for IPv6; the device's name, in two; then source and
/// destination as they stand in the packet, in one word or in four.
///
/// # Invariants
///
/// The last three words of an IPv4 flow are zero.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, Eq)]
pub struct Flow([u64; 7]);

/// The bit of a flow's first word that only IPv6 has.
const V6: u64 = 1 << 8;

impl PartialEq for Flow {
    /// Word by word: derived, it is a call of `bcmp`, which the kernel compares bytes with.
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        let [kind, n0, n1, a0, a1, a2, a3] = self.0;
        let [its_kind, its_n0, its_n1, its_a0, its_a1, its_a2, its_a3] = other.0;
        // Of two IPv4 flows the rest is zero.
        kind == its_kind
            && n0 == its_n0
            && n1 == its_n1
            && a0 == its_a0
            && (!self.is_v6() || (a1 == its_a1 && a2 == its_a2 && a3 == its_a3))
    }
}

/// An address as the packet has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// IPv4.
    V4([u8; 4]),
    /// IPv6.
    V6([u8; 16]),
}

impl Flow {
    /// An IPv4 flow: source and destination, and the device's name, are words of those bytes.
    #[inline(always)]
    pub fn v4(protocol: u8, addresses: u64, [n0, n1]: [u64; 2]) -> Self {
        // INVARIANT: they are zero.
        Self([protocol.into(), n0, n1, addresses, 0, 0, 0])
    }

    /// An IPv6 flow, in the same way.
    #[inline(always)]
    pub fn v6(protocol: u8, [a0, a1, a2, a3]: [u64; 4], [n0, n1]: [u64; 2]) -> Self {
        Self([u64::from(protocol) | V6, n0, n1, a0, a1, a2, a3])
    }

    /// A flow from its parts, both addresses of one family; tests and the tools' way to one, the
    /// kernel half has words.
    pub fn new(
        protocol: u8,
        source: Address,
        destination: Address,
        device: [u8; DEVICE_SIZE],
    ) -> Self {
        let device = words(device);
        if let (Address::V4([a, b, c, d]), Address::V4([e, f, g, h])) = (source, destination) {
            let addresses = u64::from_ne_bytes([a, b, c, d, e, f, g, h]);
            return Self::v4(protocol, addresses, device);
        }
        let [a0, a1] = words(source.padded());
        let [a2, a3] = words(destination.padded());
        Self::v6(protocol, [a0, a1, a2, a3], device)
    }

    #[inline(always)]
    fn is_v6(&self) -> bool {
        let [kind, ..] = self.0;
        kind & V6 != 0
    }

    /// The protocol's number.
    pub fn protocol(&self) -> u8 {
        let [kind, ..] = self.0;
        // CAST: the number is the low byte.
        kind as u8
    }

    /// Where it comes from.
    pub fn source(&self) -> Address {
        let [_, _, _, a0, a1, ..] = self.0;
        if self.is_v6() {
            return Address::V6(bytes([a0, a1]));
        }
        let [a, b, c, d, ..] = a0.to_ne_bytes();
        Address::V4([a, b, c, d])
    }

    /// Where it goes to.
    pub fn destination(&self) -> Address {
        let [_, _, _, a0, _, a2, a3] = self.0;
        if self.is_v6() {
            return Address::V6(bytes([a2, a3]));
        }
        let [.., a, b, c, d] = a0.to_ne_bytes();
        Address::V4([a, b, c, d])
    }

    /// The name of the device that sends it, NUL and what may stand behind it included.
    pub fn device(&self) -> [u8; DEVICE_SIZE] {
        let [_, n0, n1, ..] = self.0;
        bytes([n0, n1])
    }

    /// The same flow with zeros behind the device's name: a device that was renamed may keep the
    /// end of a longer name there.
    pub fn tidied(&self) -> Self {
        let mut device = self.device();
        let mut ended = false;
        for byte in &mut device {
            ended |= *byte == 0;
            if ended {
                *byte = 0;
            }
        }
        let [kind, _, _, a0, a1, a2, a3] = self.0;
        let [n0, n1] = words(device);
        Self([kind, n0, n1, a0, a1, a2, a3])
    }
}

impl Address {
    fn padded(self) -> [u8; 16] {
        match self {
            Self::V4([a, b, c, d]) => [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            Self::V6(whole) => whole,
        }
    }
}

fn words(bytes: [u8; 16]) -> [u64; 2] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = bytes;
    [
        u64::from_ne_bytes([a, b, c, d, e, f, g, h]),
        u64::from_ne_bytes([i, j, k, l, m, n, o, p]),
    ]
}

fn bytes([first, second]: [u64; 2]) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h] = first.to_ne_bytes();
    let [i, j, k, l, m, n, o, p] = second.to_ne_bytes();
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}

/// What the hash of a flow is keyed with, so that a sender cannot choose flows that collide.
///
/// # Invariants
///
/// The last word is odd.
#[derive(Clone, Copy, Debug)]
pub struct Secret([u64; 9]);

impl Secret {
    /// From random words, new at each start.
    pub const fn new([k0, k1, k2, k3, k4, k5, k6, k7, last]: [u64; 9]) -> Self {
        Self([k0, k1, k2, k3, k4, k5, k6, k7, last | 1])
    }

    /// The hash of a flow.
    ///
    /// The sum of the products of keyed pairs (NH, of UMAC): for any two flows the chance that
    /// they agree is 2^-64 over the choice of the secret, for those of different families too, whose
    /// first words differ. A last product spreads it, so that the low bits are as good as the
    /// high ones.
    #[inline(always)]
    pub fn hash(&self, flow: &Flow) -> u64 {
        let [k0, k1, k2, k3, k4, k5, k6, k7, last] = self.0;
        let [kind, n0, n1, a0, a1, a2, a3] = flow.0;
        let mut sum = product(kind.wrapping_add(k0), n0.wrapping_add(k1))
            .wrapping_add(product(n1.wrapping_add(k2), a0.wrapping_add(k3)));
        if flow.is_v6() {
            sum = sum
                .wrapping_add(product(a1.wrapping_add(k4), a2.wrapping_add(k5)))
                .wrapping_add(product(a3.wrapping_add(k6), k7));
        }
        let spread = product(low(sum) ^ high(sum), last);
        low(spread) ^ high(spread)
    }
}

#[inline]
fn product(a: u64, b: u64) -> u128 {
    u128::from(a).wrapping_mul(u128::from(b))
}

#[inline]
fn low(wide: u128) -> u64 {
    wide as u64
}

#[inline]
fn high(wide: u128) -> u64 {
    (wide >> 64) as u64
}

#[cfg(test)]
pub(super) mod tests {
    extern crate std;
    use super::*;
    use std::{collections::HashSet, vec::Vec};

    /// A name as the kernel holds it, with what an earlier one left behind.
    pub fn name(name: &[u8], left: u8) -> [u8; DEVICE_SIZE] {
        let mut device = [left; DEVICE_SIZE];
        device[..name.len()].copy_from_slice(name);
        if let Some(end) = device.get_mut(name.len()) {
            *end = 0;
        }
        device
    }

    pub fn flow(number: u32) -> Flow {
        let to = Address::V4(number.to_be_bytes());
        Flow::new(17, Address::V4([10, 9, 0, 1]), to, name(b"eth0", 0))
    }

    pub const SECRET: Secret = Secret::new([
        0x9e37_79b9_7f4a_7c15,
        0xbf58_476d_1ce4_e5b9,
        0x94d0_49bb_1331_11eb,
        0x2545_f491_4f6c_dd1d,
        0xd6e8_feb8_6659_fd93,
        0xa076_1d64_78bd_642f,
        0xe703_7ed1_a0b4_28db,
        0x8ebc_6af0_9c88_c6e3,
        0x5899_65cc_7537_4cc3,
    ]);

    #[test]
    fn a_flow_is_not_its_answer() {
        let (one, other) = (Address::V4([10, 9, 0, 1]), Address::V4([10, 9, 0, 2]));
        let sent = Flow::new(17, one, other, name(b"eth0", 0));
        let answered = Flow::new(17, other, one, name(b"eth0", 0));
        assert_ne!(sent, answered);
    }

    #[test]
    fn the_parts_come_back() {
        let flow = Flow::new(
            6,
            Address::V6([1; 16]),
            Address::V6([2; 16]),
            name(b"wlan0", 0),
        );
        assert_eq!(flow.protocol(), 6);
        assert_eq!(flow.source(), Address::V6([1; 16]));
        assert_eq!(flow.destination(), Address::V6([2; 16]));
        assert_eq!(flow.device(), name(b"wlan0", 0));
        let flow = super::tests::flow(0x0a09_0002);
        assert_eq!(flow.destination(), Address::V4([10, 9, 0, 2]));
    }

    #[test]
    fn the_end_of_an_older_name_does_not_make_another_flow() {
        let from = Address::V4([1, 2, 3, 4]);
        let named = |left| Flow::new(6, from, from, name(b"e0", left));
        assert_ne!(named(b'x'), named(0));
        assert_eq!(named(b'x').tidied(), named(0));
    }

    #[test]
    fn a_family_is_part_of_the_flow() {
        let v4 = Flow::new(6, Address::V4([0; 4]), Address::V4([0; 4]), name(b"a", 0));
        let v6 = Flow::new(6, Address::V6([0; 16]), Address::V6([0; 16]), name(b"a", 0));
        assert_ne!(v4, v6);
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes there")]
    fn hashes_of_neighbours_spread_in_every_part() {
        let hashes: Vec<u64> = (0..4096).map(|n| SECRET.hash(&flow(n))).collect();
        let distinct =
            |bits: fn(&u64) -> u64| hashes.iter().map(bits).collect::<HashSet<_>>().len();
        // 4096 balls into 65536 bins leave about 3970 of them occupied.
        assert!(distinct(|hash| hash & 0xffff) > 3_900);
        assert!(distinct(|hash| hash >> 48) > 3_900);
        assert_eq!(distinct(|hash| *hash), 4096);
    }

    #[test]
    fn small_sums_and_an_even_last_word_spread_too() {
        for last in [0, 1] {
            // The sum is below 2^64, and another for each destination.
            let secret = Secret::new([0, 0, 1, 0, 0, 0, 0, 0, last]);
            let hashes: HashSet<u64> = (0..4096).map(|n| secret.hash(&flow(n))).collect();
            assert_eq!(hashes.len(), 4096);
        }
    }

    #[test]
    fn every_word_reaches_the_hash_and_the_comparison() {
        let v4 = flow(7);
        let from = Address::V6([7; 16]);
        let v6 = Flow::new(17, from, from, name(b"eth0", 0));
        for (flow, words) in [(v4, 4), (v6, 7)] {
            for word in 0..words {
                for bit in 0..64 {
                    let mut other = flow;
                    other.0[word] ^= 1 << bit;
                    assert_ne!(flow, other, "{word} {bit}");
                    assert_ne!(SECRET.hash(&flow), SECRET.hash(&other), "{word} {bit}");
                    other.0[word] ^= 1 << bit;
                    assert_eq!(flow, other, "{word} {bit}");
                }
            }
        }
    }
}
