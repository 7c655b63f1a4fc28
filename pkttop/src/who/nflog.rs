// SPDX-License-Identifier: GPL-2.0-or-later
//! The packets that `-j NFLOG` sends to a group, from the kernel's nfnetlink_log.

use crate::error::UserError;
use crate::units::{now_ns, SECOND_NS};
use crate::who::bursts::Captured;
use anyhow::{Context, Result};
use netlink_packet_core::{NetlinkMessage, NetlinkPayload, Nla};
use netlink_packet_netfilter::nflog::{
    config_request, ConfigCmd, ConfigFlags, ConfigMode, ConfigNla, PacketNla, Timeout, ULogMessage,
};
use netlink_packet_netfilter::{NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily};
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::netlink::{SocketAddrNetlink, NETFILTER};
use rustix::net::{bind, recv, send, socket_with, sockopt};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::thread::CapabilitySet;
use std::fs;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// The groups that have a reader in this network namespace: group, port of the reader, and more.
const GROUPS: &str = "/proc/net/netfilter/nfnetlink_log";
/// What the socket holds while this program is not running: at a million packets a second, 100 ms.
const SOCKET_BYTES: usize = 16 << 20;
/// A message of the kernel holds as many packets as fit, and goes when it is full…
const BATCH_BYTES: u32 = 16 << 10;
/// …or has this many…
const BATCH_PACKETS: u32 = 64;
/// …or the first has waited for this long, in hundredths of a second.
const BATCH_WAIT: u32 = 1;
/// Batches taken at a time, so that rows are read and bursts printed also while packets come fast.
const BATCHES: usize = 1024;
/// The largest message that the kernel sends: a packet of 64 KiB and what it says of it.
const MESSAGE_BYTES: usize = 128 << 10;

/// A group that is being read.
#[derive(Debug)]
pub struct Nflog {
    socket: OwnedFd,
    buffer: Vec<u8>,
    next_seq: u32,
    /// Packets that came while it was being opened.
    early: Vec<Captured>,
    /// Packets that came.
    pub received: u64,
    /// Packets that did not, by the gaps in their numbers.
    pub lost: u64,
    /// How often the socket was full.
    pub overruns: u64,
}

impl Nflog {
    /// Begins to read a group of this thread's network namespace: of each packet the first
    /// `snaplen` bytes.
    pub fn open(group: u16, snaplen: u32) -> Result<Nflog> {
        let refused = |errno| refusal(group, errno);
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            flags,
            Some(NETFILTER),
        )
        .map_err(refused)?;
        bind(&socket, &SocketAddrNetlink::new(0, 0)).map_err(refused)?;
        if sockopt::set_socket_recv_buffer_size_force(&socket, SOCKET_BYTES).is_err() {
            // Who is root in a user namespace alone gets what rmem_max allows.
            sockopt::set_socket_recv_buffer_size(&socket, SOCKET_BYTES).map_err(refused)?;
        }
        let mut nflog = Nflog {
            socket,
            buffer: vec![0; MESSAGE_BYTES],
            next_seq: 0,
            early: Vec::new(),
            received: 0,
            lost: 0,
            overruns: 0,
        };
        nflog.bind_group(group, snaplen)?;
        Ok(nflog)
    }

    fn bind_group(&mut self, group: u16, snaplen: u32) -> Result<()> {
        let orders: Vec<ConfigNla> = vec![
            ConfigCmd::Bind.into(),
            ConfigMode::new_packet(snaplen).into(),
            ConfigNla::NlBufSiz(BATCH_BYTES),
            Timeout::new(BATCH_WAIT).into(),
            ConfigNla::QThresh(BATCH_PACKETS),
            ConfigFlags::SEQ.into(),
        ];
        let request = config_request(NetfilterProtoFamily::Unspec, group, orders);
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        send(&self.socket, &bytes, SendFlags::empty()).map_err(|errno| refusal(group, errno))?;
        // The kernel has answered when `send` returns; packets may have come before the answer.
        let mut early = Vec::new();
        loop {
            let (size, _) = recv(&self.socket, &mut self.buffer, RecvFlags::empty())
                .map_err(|errno| refusal(group, errno))?;
            let buffer = self.buffer[..size].to_vec();
            let message = NetlinkMessage::<NetfilterMessage>::deserialize(&buffer)?;
            if let NetlinkPayload::Error(answer) = message.payload {
                if answer.code.is_some() {
                    return Err(refusal(group, Errno::from_raw_os_error(-answer.raw_code())).into());
                }
                self.early = early;
                return Ok(());
            }
            self.messages(&buffer, &mut |packet| early.push(packet))?;
        }
    }

    /// Sleeps until packets can be read, for `timeout` at most, or until a signal.
    pub fn wait(&self, timeout: Duration) {
        let time = Timespec {
            tv_sec: timeout.as_secs() as i64,
            tv_nsec: timeout.subsec_nanos().into(),
        };
        // What is wrong with the socket, reading it says.
        let _ = poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&time));
    }

    /// Takes what has come; `false` where there is more.
    pub fn drain(&mut self, sink: &mut dyn FnMut(Captured)) -> Result<bool> {
        self.early.drain(..).for_each(&mut *sink);
        for _ in 0..BATCHES {
            match recv(&self.socket, &mut self.buffer, RecvFlags::empty()) {
                Ok((size, _)) => {
                    let buffer = std::mem::take(&mut self.buffer);
                    let taken = self.messages(&buffer[..size], sink);
                    self.buffer = buffer;
                    taken.context("what the kernel sent of an NFLOG group")?;
                }
                Err(Errno::AGAIN) => return Ok(true),
                Err(Errno::INTR) => {}
                Err(Errno::NOBUFS) => self.overruns += 1,
                Err(errno) => return Err(errno).context("NFLOG socket"),
            }
        }
        Ok(false)
    }

    fn messages(&mut self, mut bytes: &[u8], sink: &mut dyn FnMut(Captured)) -> Result<()> {
        let received_ns = now_ns();
        while !bytes.is_empty() {
            let message = NetlinkMessage::<NetfilterMessage>::deserialize(bytes)?;
            let length = message.header.length.next_multiple_of(4) as usize;
            bytes = bytes.get(length.max(4)..).unwrap_or_default();
            if let NetlinkPayload::InnerMessage(message) = message.payload {
                if let NetfilterMessageInner::ULog(ULogMessage::Packet(attributes)) = message.inner
                {
                    sink(self.packet(attributes, received_ns));
                }
            }
        }
        Ok(())
    }

    fn packet(&mut self, attributes: Vec<PacketNla>, received_ns: u64) -> Captured {
        let mut packet = Captured {
            at_ns: received_ns,
            is_estimated: true,
            lost: 0,
            data: Vec::new(),
        };
        for attribute in attributes {
            match attribute {
                PacketNla::Timestamp(time) => {
                    let mut raw = [0; 16];
                    time.emit_value(&mut raw);
                    packet.at_ns = nanoseconds(u128::from_be_bytes(raw));
                    packet.is_estimated = false;
                }
                PacketNla::Seq(seq) => {
                    packet.lost = seq.wrapping_sub(self.next_seq).into();
                    self.next_seq = seq.wrapping_add(1);
                }
                PacketNla::Payload(data) => packet.data = data,
                _ => {}
            }
        }
        self.received += 1;
        self.lost += packet.lost;
        packet
    }
}

/// Nanoseconds of a time as the kernel writes it: 64 bits of seconds, 64 of microseconds.
fn nanoseconds(raw: u128) -> u64 {
    let (seconds, microseconds) = ((raw >> 64) as u64, raw as u64);
    seconds
        .saturating_mul(SECOND_NS)
        .saturating_add(microseconds.saturating_mul(1000))
}

/// Turns the kernel's refusal into what to do about it.
fn refusal(group: u16, errno: Errno) -> UserError {
    let holder = holder(&fs::read_to_string(GROUPS).unwrap_or_default(), group);
    match (errno, holder) {
        // The kernel says EPERM to the second reader of a group.
        (Errno::PERM, Some(port)) | (Errno::EXIST | Errno::BUSY, Some(port)) => {
            let name = fs::read_to_string(format!("/proc/{port}/comm")).unwrap_or_default();
            UserError::GroupInUse {
                group,
                holder: format!(" by process {port} ({})", name.trim()),
            }
        }
        (Errno::EXIST | Errno::BUSY, None) => UserError::GroupInUse {
            group,
            holder: String::new(),
        },
        (Errno::PERM, None) if is_net_admin() => UserError::GroupInUse {
            group,
            holder: String::new(),
        },
        (Errno::PERM | Errno::ACCESS, _) => UserError::NotNetAdmin { group },
        (errno, _) => UserError::NoNflog {
            word: std::io::Error::from(errno).to_string(),
        },
    }
}

/// The port of a group's reader, which in most cases is its process number.
fn holder(groups: &str, group: u16) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        let is_it = fields.next()?.parse() == Ok(group);
        fields.next()?.parse().ok().filter(|_| is_it)
    })
}

fn is_net_admin() -> bool {
    rustix::thread::capabilities(None)
        .is_ok_and(|sets| sets.effective.contains(CapabilitySet::NET_ADMIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_who_reads_a_group() {
        let groups = "    1      0     0 2 65535    100  1\n    5   1234     3 2   128      1  1\n";
        assert_eq!(holder(groups, 5), Some(1234));
        assert_eq!(holder(groups, 1), Some(0));
        assert_eq!(holder(groups, 12), None);
        assert_eq!(holder("", 5), None);
    }

    #[test]
    fn a_time_is_seconds_and_microseconds() {
        let raw = 1_313_702_809 << 64 | 400_123;
        assert_eq!(nanoseconds(raw), 1_313_702_809_400_123_000);
        assert_eq!(nanoseconds(u128::MAX), u64::MAX);
    }
}
