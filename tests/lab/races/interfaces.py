# SPDX-License-Identifier: GPL-2.0-or-later
"""Interfaces that are renamed and removed, update_stats and kstat."""
import errno
import fcntl
import os
import random
import socket
import struct

from race import count, player, running
from system import AWAY, nap, read_text, run, tried, write_text

ORDERS = "/sys/kernel/update_stats/update_stats"
INTERFACES = [f"race{n}" for n in range(6)]


def ioctl_rename(old, new):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8923, struct.pack("16s16s8x", old.encode(), new.encode()))  # SIOCSIFNAME


@player("init", renamed=10, removed=3, moved=3, with_files=5)
def renamer():
    """Interfaces that get other names, go, or move to another namespace; most of them are on."""
    there = []
    while running() or there:
        free = [name for name in INTERFACES if name not in there]
        if running() and len(there) < 3:
            name = random.choice(free)
            run("ip", "link", "add", name, "type", "dummy")
            run("ip", "addr", "add", f"10.77.{name[-1]}.1/24", "dev", name)
            run("ip", "link", "set", name, "up")
            there.append(name)
            continue
        name = random.choice(there)
        if random.random() < 0.8:
            tried(AWAY, write_text, ORDERS, name)
            tried(AWAY, write_text, f"/sys/kernel/{name}/statistics/rx_bytes", "4711")
        if os.path.exists(f"/sys/kernel/{name}"):
            count("with_files")
        what = random.random() if running() else 1
        if what < 0.8:
            new = random.choice(free)
            ioctl_rename(name, new)
            there[there.index(name)] = new
            count("renamed")
            continue
        there.remove(name)
        if what < 0.9:
            run("ip", "link", "set", name, "netns", "n1")
            run("ip", "-n", "n1", "link", "del", name)
            count("moved")
        else:
            run("ip", "link", "del", name)
            count("removed")


@player("init", ordered=3, written=3, read=3, listed=10)
def feeder():
    """Switches update_stats on and off, writes and reads its numbers, and looks at what tools show."""
    while running():
        name = random.choice(INTERFACES)
        directory = f"/sys/kernel/{name}/statistics"
        if tried(AWAY, write_text, ORDERS, random.choice("+-") + name) is None and not os.path.exists(ORDERS):
            nap(0.02)
        elif os.path.exists(directory):
            count("ordered")
        value = random.randrange(1 << 40)
        try:
            write_text(f"{directory}/all", f"rx_bytes {value}\ntx_bytes {value}\n")
            write_text(f"{directory}/{random.choice(('multicast', 'rx_errors', 'tx_packets'))}", str(value))
            count("written")
            assert len(read_text(f"{directory}/all").splitlines()) == 23
            int(read_text(f"{directory}/rx_bytes"))
            count("read")
        except OSError as error:
            assert error.errno in AWAY, error
        tried(AWAY, read_text, ORDERS)
        assert " lo:" in read_text("/proc/1/net/dev")
        if random.random() < 0.1:
            run("ip", "-s", "link")
        count("listed")
        nap(0.05)


@player("init", started=5, stopped=3, read=10, sent=100, rows=5)
def kstat():
    """Starts, stops, reads and empties kstat, and sends what it counts."""
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    while running():
        for _ in range(20):
            address = f"10.77.{random.randrange(6)}.2" if random.random() < 0.8 else "127.0.0.1"
            # Their interface may be away, or go down with what it has in it.
            if tried((errno.ENETUNREACH, errno.ENETDOWN, errno.ENODEV, errno.ECONNREFUSED, errno.EINVAL),
                     sender.sendto, b"x" * 100, (address, 9)):
                count("sent")
        try:
            on = random.random() < 0.7
            write_text("/sys/kernel/kstat/enabled", "1" if on else "0")
            count("started" if on else "stopped")
            write_text("/proc/kstat/counter", random.choice(("1", "1", "7", "1000000000")))
            text = read_text("/proc/kstat/nout")
            assert text.startswith("# protocol source destination device frames bytes\n"), text
            count("read")
            count("rows", len(text.splitlines()) - 1)
            if random.random() < 0.1:
                write_text("/proc/kstat/nout", "/")
        except OSError as error:
            assert error.errno in (*AWAY, errno.EIO), error
        nap(0.05)
