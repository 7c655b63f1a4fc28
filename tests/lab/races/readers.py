# SPDX-License-Identifier: GPL-2.0-or-later
"""Readers of a counter's files."""
import collections
import os
import random
import select
import subprocess
import time

from race import count, player, running, unloads
from system import GONE, nap, read_text, tried

COUNTERS = "/proc/net/xt_pktstat"


def status(path):
    text = read_text(f"{path}/status")
    pairs = dict(line.split(": ") for line in text.splitlines())
    assert len(pairs) == 9, text
    return {key: int(value) for key, value in pairs.items()}


class Rows:
    """Reads an open `data`. Whole rows only: what was cut off by a close comes again."""

    def __init__(self, name, fd):
        self.name, self.fd, self.rest, self.newest_ns = name, fd, b"", 0

    def read(self, size):
        """How many rows; None at an end."""
        text = os.read(self.fd, size)
        if not text:
            return None
        *lines, self.rest = (self.rest + text).split(b"\n")
        rows = []
        for line in lines:
            if line == b"# clock set back":
                self.newest_ns = 0
            if line[:1] != b"#":
                rows.append(line.split())
                began_ns = int(rows[-1][0])
                assert began_ns > self.newest_ns, (self.newest_ns, line)
                self.newest_ns = began_ns
        if rows:
            sums = [sum(int(row[column]) for row in rows) for column in (1, 2)]
            with open(f"rows.{self.name}", "ab", buffering=0) as log:
                log.write(b"%d %d\n" % tuple(sums))
        return len(rows)


def rows_read(name):
    try:
        lines = read_text(f"rows.{name}").splitlines()
    except FileNotFoundError:
        lines = []
    return tuple(sum(int(line.split()[column]) for line in lines) for column in (0, 1))


def open_some():
    """An open `data` and its counter's name, or None."""
    names = tried(GONE, os.listdir, COUNTERS)
    if not names:
        nap(0.05)
        return None, None
    name = random.choice(names)
    return name, tried(GONE, os.open, f"{COUNTERS}/{name}/data", os.O_RDONLY)


def until_unloaded(before):
    """Waits a while for the module to go, which it can only when nothing uses it."""
    end = time.monotonic() + 10
    while running() and unloads() == before and time.monotonic() < end:
        time.sleep(0.01)
    return unloads() != before


def linger(fd, before):
    """After the files are gone: keeps one open until the module is gone too, or for a while."""
    if until_unloaded(before):
        count("outlived")
    assert tried(GONE, os.read, fd, 100) is None
    assert tried(GONE, os.pread, fd, 100, 0) is None


@player("n1", rows=20, statuses=5, opened=5, ended=3, outlived=1)
def reader():
    """Reads data and status, in all sizes, also of counters that go meanwhile."""
    while running():
        name, fd = open_some()
        if fd is None:
            continue
        count("opened")
        before = unloads()
        rows = Rows(name, fd)
        end = time.monotonic() + random.choice((0, 0, 0.5, 5))
        while True:
            if tried(GONE, status, f"{COUNTERS}/{name}"):
                count("statuses")
            try:
                got = rows.read(random.choice((1, 7, 100, 4096, 65536)))
            except OSError as error:
                assert error.errno in GONE, error
                count("ended")
                linger(fd, before)
                break
            count("rows", got or 0)
            if time.monotonic() > end:
                break
            nap(0.05)
        os.close(fd)


def poll_once(fd, how, timeout):
    """Whether it says readable."""
    if how == "poll":
        set_ = select.poll()
        set_.register(fd, select.POLLIN)
        return bool(set_.poll(timeout * 1000))
    if how == "select":
        return bool(select.select([fd], [], [], timeout)[0])
    with select.epoll() as set_:
        set_.register(fd, select.EPOLLIN)
        return bool(set_.poll(timeout))


@player("n1", woken=5, rows=5, armed=5, ended=3, outlived=1)
def poller():
    """Waits in poll, select and epoll, and leaves descriptors in epoll sets that nobody waits for."""
    armed = collections.deque()
    while running():
        name, fd = open_some()
        if fd is None:
            continue
        before = unloads()
        rows = Rows(name, fd)
        end = time.monotonic() + random.choice((0, 1, 5))
        while True:
            if poll_once(fd, random.choice(("poll", "select", "epoll")), random.choice((0, 0.05, 10))):
                count("woken")
            try:
                count("rows", rows.read(4096) or 0)
            except OSError as error:
                assert error.errno in GONE, error
                count("ended")
                linger(fd, before)
                break
            if time.monotonic() > end:
                break
        set_ = select.epoll()
        set_.register(fd, select.EPOLLIN)
        armed.append((set_, fd))
        count("armed")
        while len(armed) > 6:
            set_, fd = armed.popleft()
            # Either of them may go first.
            if random.random() < 0.5:
                set_.close()
            os.close(fd)
            set_.close()


@player("n1", rows=5, ended=3)
def waiter():
    """Waits until a counter goes, in ways that Python does not know, and reads all its windows."""
    while running():
        names = tried(GONE, os.listdir, COUNTERS)
        if not names:
            nap(0.05)
            continue
        name = random.choice(names)
        command = "/t/waiter", random.choice(("multishot", "edge", "exclusive")), f"{COUNTERS}/{name}/data"
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            rows = Rows(name, process.stdout.fileno())
            while (got := rows.read(65536)) is not None:
                count("rows", got)
            said = process.stderr.read()
        if process.returncode:
            # It went before it was open.
            assert any(os.strerror(error) in said for error in GONE), said
        else:
            count("ended")
