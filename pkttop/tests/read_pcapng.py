#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints a pcapng file of UDP packets, one a line, and knows nothing of pkttop: read_pcapng.py FILE

interface TYPE NAME COMMENT
packet TIME_NS BYTES CAPTURED LOST SOURCE PORT DESTINATION PORT
comment TEXT                    of the packet before
statistics TIME_NS KEY=VALUE...
"""
import ipaddress
import struct
import sys

data = open(sys.argv[1], "rb").read()
order = ">" if data[8:12] == bytes.fromhex("1a2b3c4d") else "<"


def unpack(form, at):
    return struct.unpack_from(order + form, data, at)


def options(at, end):
    while at < end:
        code, size = unpack("HH", at)
        if code == 0:
            return
        yield code, data[at + 4 : at + 4 + size]
        at += 4 + (size + 3) // 4 * 4


def number(value):
    return int.from_bytes(value, "big" if order == ">" else "little")


def addresses(packet):
    if packet[0] >> 4 == 4:
        size = packet[0] % 16 * 4
        return packet[12:16], packet[16:20], packet[size : size + 4]
    return packet[8:24], packet[24:40], packet[40:44]


at = 0
while at < len(data):
    kind, size = unpack("II", at)
    end = at + size - 4
    assert unpack("I", end) == (size,), f"block at {at}"
    if kind == 1:
        said = dict(options(at + 16, end))
        assert said[9] == b"\x09", "times are in ns"
        print("interface", *unpack("H", at + 8), said[2].decode(), said[1].decode())
    elif kind == 6:
        interface, high, low, captured, length = unpack("IIIII", at + 8)
        packet = data[at + 28 : at + 28 + captured]
        said = list(options(at + 28 + (captured + 3) // 4 * 4, end))
        source, destination, ports = addresses(packet)
        port, to_port = struct.unpack(">HH", ports)
        lost = sum(number(value) for code, value in said if code == 4)
        print("packet", high << 32 | low, length, captured, lost,
              ipaddress.ip_address(source), port, ipaddress.ip_address(destination), to_port)
        for code, value in said:
            if code == 1:
                print("comment", value.decode())
    elif kind == 5:
        interface, high, low = unpack("III", at + 8)
        print("statistics", high << 32 | low, *(f"{code}={number(value)}" for code, value in options(at + 20, end)))
    at += size
