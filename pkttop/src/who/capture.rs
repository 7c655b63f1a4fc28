// SPDX-License-Identifier: GPL-2.0-or-later
//! Captured packets as a file that Wireshark opens: pcapng, packets from the IP header on, times in
//! ns. What the counter counted stands in packet comments, so that the file says all that `who`
//! shows:
//!
//! - of the interface, which is the counter: `xt_pktstat period_ns 100000`
//! - of the first packet of each window: `xt_pktstat window 1313702809400000000 frames 1235 bytes
//!   485932`, and ` merged 3` where the row carried the counts of others; before it, the same of
//!   the burst's windows without a packet
//! - of a packet whose time the kernel does not say: `xt_pktstat estimated`
//!
//! A packet's drop count says how many were lost before it.

use crate::units::SECOND_NS;
use crate::who::bursts::Captured;
use crate::who::flow::parse;
use crate::window::Window;
use anyhow::{bail, Context, Result};
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::interface_statistics::{
    InterfaceStatisticsBlock, InterfaceStatisticsOption,
};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::pcapng::{Block, PcapNgReader, PcapNgWriter};
use pcap_file::{DataLink, Endianness};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

/// Digits behind the second of our times.
const NS_DIGITS: u8 = 9;
/// Those of a file that does not say.
const DEFAULT_DIGITS: u8 = 6;
const ESTIMATED: &str = "xt_pktstat estimated";

/// Whose packets they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The counter's name or number.
    pub counter: String,
    /// Width of its windows.
    pub period_ns: u64,
}

/// A file that is being written.
pub struct Writer {
    writer: PcapNgWriter<BufWriter<File>>,
}

impl Writer {
    /// Begins a file: packets of this counter, of each the first `snaplen` bytes.
    pub fn new(file: File, source: &Source, snaplen: u32) -> Result<Writer> {
        // The crate writes the two halves of a time in a statistics block in the file's byte order,
        // where the format wants the upper half first.
        let section = SectionHeaderBlock {
            endianness: Endianness::Big,
            options: vec![SectionHeaderOption::UserApplication(
                concat!("pkttop ", env!("CARGO_PKG_VERSION")).into(),
            )],
            ..SectionHeaderBlock::default()
        };
        let mut writer = PcapNgWriter::with_section_header(BufWriter::new(file), section)?;
        writer.write_pcapng_block(InterfaceDescriptionBlock {
            linktype: DataLink::RAW,
            snaplen,
            options: vec![
                InterfaceDescriptionOption::IfName(source.counter.as_str().into()),
                InterfaceDescriptionOption::IfTsResol(NS_DIGITS),
                InterfaceDescriptionOption::Comment(period_comment(source.period_ns).into()),
            ],
        })?;
        Ok(Writer { writer })
    }

    /// Appends the packets of a window, and the rows that belong to it.
    pub fn window(&mut self, rows: &[Window], packets: &[Captured]) -> Result<()> {
        let mut comments: Vec<_> = rows.iter().map(window_comment).collect();
        for packet in packets {
            let mut options: Vec<_> = comments
                .drain(..)
                .map(|comment| EnhancedPacketOption::Comment(comment.into()))
                .collect();
            if packet.is_estimated {
                options.push(EnhancedPacketOption::Comment(ESTIMATED.into()));
            }
            if packet.lost > 0 {
                options.push(EnhancedPacketOption::DropCount(packet.lost));
            }
            let captured = packet.data.len() as u64;
            let bytes = parse(&packet.data).map_or(captured, |(_, bytes)| bytes.max(captured));
            self.writer.write_pcapng_block(EnhancedPacketBlock {
                interface_id: 0,
                timestamp: Duration::from_nanos(packet.at_ns),
                original_len: u32::try_from(bytes).unwrap_or(u32::MAX),
                data: packet.data.as_slice().into(),
                options,
            })?;
        }
        Ok(())
    }

    /// Hands what there is to the kernel.
    pub fn flush(&mut self) -> Result<()> {
        Ok(self.writer.get_mut().flush()?)
    }

    /// Ends the file: how many packets came until then, and how many were lost.
    pub fn finish(mut self, at_ns: u64, received: u64, lost: u64) -> Result<()> {
        self.writer.write_pcapng_block(InterfaceStatisticsBlock {
            interface_id: 0,
            timestamp: at_ns,
            options: vec![
                InterfaceStatisticsOption::IsbIfRecv(received + lost),
                InterfaceStatisticsOption::IsbOsDrop(lost),
            ],
        })?;
        self.flush()
    }
}

/// Takes a packet, and the rows that stand before it.
pub type Sink<'a> = dyn FnMut(&Source, Vec<Window>, Captured) -> Result<()> + 'a;

/// Reads a file, and hands over each packet.
pub fn read(path: &Path, sink: &mut Sink<'_>) -> Result<()> {
    let name = || path.display().to_string();
    let file = File::open(path).with_context(name)?;
    let mut reader = PcapNgReader::new(file).with_context(name)?;
    let mut interfaces = Vec::new();
    while let Some(block) = reader.next_block() {
        match block.with_context(name)? {
            Block::SectionHeader(_) => interfaces.clear(),
            Block::InterfaceDescription(block) => interfaces.push(interface(&block)),
            Block::EnhancedPacket(block) => {
                let interface = interfaces.get(block.interface_id as usize);
                let Some((source, tick_ns)) = interface.and_then(Option::as_ref) else {
                    bail!(
                        "{}: packets of an interface that is no counter of xt_pktstat\n\
                         it takes what `pkttop who -o FILE` wrote",
                        path.display()
                    );
                };
                let (rows, packet) = packet(&block, *tick_ns);
                sink(source, rows, packet)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The counter, and ns of the unit of its times.
fn interface(block: &InterfaceDescriptionBlock<'_>) -> Option<(Source, u64)> {
    if block.linktype != DataLink::RAW {
        return None;
    }
    let (mut counter, mut period_ns, mut digits) = (String::new(), None, DEFAULT_DIGITS);
    for option in &block.options {
        match option {
            InterfaceDescriptionOption::IfName(name) => counter = name.to_string(),
            InterfaceDescriptionOption::IfTsResol(resolution) => digits = *resolution,
            InterfaceDescriptionOption::Comment(comment) => {
                period_ns = period_ns.or(parse_period(comment));
            }
            _ => {}
        }
    }
    let tick_ns = 10_u64.pow(NS_DIGITS.checked_sub(digits)?.into());
    let period_ns = period_ns?;
    Some((Source { counter, period_ns }, tick_ns))
}

fn packet(block: &EnhancedPacketBlock<'_>, tick_ns: u64) -> (Vec<Window>, Captured) {
    // The crate takes every unit for ns.
    let at = u64::try_from(block.timestamp.as_nanos()).unwrap_or(u64::MAX);
    let mut packet = Captured {
        at_ns: at.saturating_mul(tick_ns),
        is_estimated: false,
        lost: 0,
        data: block.data.to_vec(),
    };
    let mut rows = Vec::new();
    for option in &block.options {
        match option {
            EnhancedPacketOption::Comment(comment) if comment == ESTIMATED => {
                packet.is_estimated = true
            }
            EnhancedPacketOption::Comment(comment) => rows.extend(parse_window(comment)),
            EnhancedPacketOption::DropCount(lost) => packet.lost = *lost,
            _ => {}
        }
    }
    (rows, packet)
}

fn period_comment(period_ns: u64) -> String {
    format!("xt_pktstat period_ns {period_ns}")
}

fn parse_period(comment: &str) -> Option<u64> {
    let period_ns = comment.strip_prefix("xt_pktstat period_ns ")?;
    // Longer than any that a rule may have is none.
    let is_period = |period_ns: &u64| (1..=3600 * SECOND_NS).contains(period_ns);
    period_ns.parse().ok().filter(is_period)
}

fn window_comment(row: &Window) -> String {
    let Window {
        timestamp_ns,
        frames,
        bytes,
        ..
    } = row;
    let mut comment = format!("xt_pktstat window {timestamp_ns} frames {frames} bytes {bytes}");
    if row.merged > 0 {
        comment += &format!(" merged {}", row.merged);
    }
    comment
}

/// The row that a comment says; `None` of a person's comment.
fn parse_window(comment: &str) -> Option<Window> {
    let mut words = comment
        .strip_prefix("xt_pktstat window ")?
        .split_ascii_whitespace();
    let number = |word: Option<&str>| word?.parse().ok();
    let timestamp_ns = number(words.next())?;
    let mut row = Window {
        timestamp_ns,
        ..Window::default()
    };
    while let Some(key) = words.next() {
        let value = number(words.next())?;
        match key {
            "frames" => row.frames = value,
            "bytes" => row.bytes = value,
            "merged" => row.merged = value,
            _ => return None,
        }
    }
    Some(row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::who::flow::tests::ipv4;
    use proptest::prelude::*;

    fn source() -> Source {
        Source {
            counter: "in".to_owned(),
            period_ns: 100_000,
        }
    }

    fn rows() -> impl Strategy<Value = Vec<Window>> {
        let row = any::<(u64, u64, u64, bool, u64)>().prop_map(
            |(timestamp_ns, frames, bytes, is_merged, merged)| Window {
                timestamp_ns,
                frames,
                bytes,
                merged: if is_merged { merged } else { 0 },
                is_after_clock_set_back: false,
            },
        );
        prop::collection::vec(row, 0..3)
    }

    fn packets() -> impl Strategy<Value = Vec<Captured>> {
        let data = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            (20_u16..).prop_map(|bytes| ipv4(17, bytes, 0, &[0, 1, 0, 2]))
        ];
        let packet =
            (any::<(u64, bool, u8)>(), data).prop_map(|((at_ns, is_estimated, lost), data)| {
                Captured {
                    at_ns,
                    is_estimated,
                    lost: lost.into(),
                    data,
                }
            });
        prop::collection::vec(packet, 1..4)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn what_is_written_is_read(windows in prop::collection::vec((rows(), packets()), 0..8)) {
            let directory = tempfile::tempdir().expect("temporary directory");
            let path = directory.path().join("in.pcapng");
            let file = File::create(&path).expect("a file");
            let mut writer = Writer::new(file, &source(), 128).expect("a header");
            for (rows, packets) in &windows {
                writer.window(rows, packets).expect("write");
            }
            writer.finish(7, 8, 9).expect("finish");
            let mut read_back = Vec::new();
            read(&path, &mut |of, rows, packet| {
                assert_eq!(*of, source());
                read_back.push((rows, packet));
                Ok(())
            }).expect("read");
            let written = windows.into_iter().flat_map(|(rows, packets)| {
                let mut rows = Some(rows);
                let row = move |packet| (rows.take().unwrap_or_default(), packet);
                packets.into_iter().map(row)
            });
            prop_assert_eq!(read_back, written.collect::<Vec<_>>());
        }
    }

    /// Who reads such files daily: apt install tshark.
    #[test]
    fn tshark_reads_the_packets_that_are_written() {
        const FIRST_NS: u64 = 1_313_702_809_400_000_000;
        let packet = |number: u16| Captured {
            at_ns: FIRST_NS + u64::from(number),
            is_estimated: false,
            lost: 0,
            data: ipv4(17, 1000 + number, 0, &[0, 1, 0, 2]),
        };
        let row = Window {
            timestamp_ns: FIRST_NS,
            frames: 3,
            bytes: 3003,
            ..Window::default()
        };
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("in.pcapng");
        let file = File::create(&path).expect("a file");
        let mut writer = Writer::new(file, &source(), 128).expect("a header");
        let packets: Vec<Captured> = (0..3).map(packet).collect();
        writer.window(&[row], &packets).expect("write");
        writer.finish(FIRST_NS, 3, 0).expect("finish");

        let mut tshark = std::process::Command::new("tshark");
        tshark.arg("-r").arg(&path).args(["-T", "fields"]);
        for field in ["frame.time_epoch", "ip.len", "frame.comment"] {
            tshark.args(["-e", field]);
        }
        let output = tshark.output().expect("tshark: apt install tshark");
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).expect("text");
        let lines: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split('\t').collect())
            .collect();
        let comment = lines
            .first()
            .and_then(|line| line.get(2))
            .expect("a comment");
        assert!(comment.contains("frames 3 bytes 3003"), "{comment}");
        let packets: Vec<_> = lines.iter().map(|line| (line[0], line[1])).collect();
        assert_eq!(
            packets,
            [
                ("1313702809.400000000", "1000"),
                ("1313702809.400000001", "1001"),
                ("1313702809.400000002", "1002"),
            ]
        );
    }

    #[test]
    fn the_words_of_others_say_no_window() {
        for comment in [
            "",
            "xt_pktstat window",
            "xt_pktstat window x",
            "xt_pktstat window 1 frames",
            "xt_pktstat window 1 frames x",
            "xt_pktstat window 1 colour 2",
            "window 1 frames 2",
        ] {
            assert_eq!(parse_window(comment), None, "{comment}");
        }
        for comment in [
            "xt_pktstat period_ns 0",
            "xt_pktstat period_ns x",
            "period_ns 1",
        ] {
            assert_eq!(parse_period(comment), None, "{comment}");
        }
        let longest = 3600 * SECOND_NS;
        assert_eq!(parse_period(&period_comment(longest)), Some(longest));
        assert_eq!(parse_period(&period_comment(longest + 1)), None);
    }
}
