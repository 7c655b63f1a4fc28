# SPDX-License-Identifier: GPL-2.0-or-later
"""Network namespaces that come and go."""
import errno
import fcntl
import os
import random
import select
import socket
import struct
import time

from race import count, player, running, unloads
from readers import COUNTERS, status, until_unloaded
from rules import refused
from system import GONE, PATIENCE_S, enter, enter_new, read_text, run, tried, wait


def totals(name):
    its = status(f"{COUNTERS}/{name}")
    return its["frames"], its["bytes"]


def up(name):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH22x", name.encode(), 1))  # SIOCSIFFLAGS


def reader_within():
    """A task that stays in the namespace a little longer than its parent, and reads there."""
    pid = os.fork()
    if not pid:
        end = time.monotonic() + random.uniform(0, 0.5)
        while time.monotonic() < end:
            read_text(f"{COUNTERS}/one/data")
            status(f"{COUNTERS}/one")
        os._exit(0)
    return pid


@player("init", deleted=3, conserved=3, readers_within=1, outlived=0, refused=0, killed=0)
def namespaces():
    """Namespaces that go with rules in them, with tasks that read, and with files still open."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    while running():
        enter_new()
        up("lo")
        tool = random.choice(("iptables-legacy", "iptables-nft"))
        rule = "-m pktstat --period 100us --samples 100"
        added, said = run(tool + "-restore", "-w", may_fail=True, text=f"""*filter
-A INPUT -p udp {rule} --name one
-A INPUT -p udp {rule} --name two
-A OUTPUT {rule}
COMMIT
""")
        if not added:
            refused(said)
            enter(home)
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(20):
                # Nothing listens there, and every second call reports that.
                tried((errno.ECONNREFUSED,), sender.sendto, b"x" * 72, ("127.0.0.1", 9))
        fd, two = (os.open(f"{COUNTERS}/{name}/data", os.O_RDONLY) for name in ("one", "two"))
        expected = (20, 2000)
        for name in ("one", "two"):
            wait(lambda: totals(name) == expected, lambda: f"{name}: {totals(name)}")
        text = b""

        def all_rows():
            nonlocal text
            text += b"".join(iter(lambda: os.read(fd, 4096), b""))
            lines = [line.split() for line in text.splitlines() if line[:1] != b"#"]
            return tuple(sum(int(line[column]) for line in lines) for column in (1, 2)) == expected

        wait(all_rows, lambda: text)
        count("conserved")
        set_ = select.epoll()
        set_.register(two, select.EPOLLIN)
        within = []
        if random.random() < 0.5:
            within = [reader_within() for _ in range(2)]
            count("readers_within")
        before = unloads()
        enter(home)
        # Now it goes, and takes the files along, under a read and under a poll.
        end = time.monotonic() + PATIENCE_S
        while tried(GONE, os.read, fd, random.choice((1, 100))) is not None:
            assert time.monotonic() < end, "the namespace stays"
        count("deleted")
        for pid in within:
            assert os.waitpid(pid, 0)[1] == 0
        set_.poll(0)
        if random.random() < 0.5 and until_unloaded(before):
            count("outlived")
        os.close(fd)
        set_.close()
        os.close(two)
