# SPDX-License-Identifier: GPL-2.0-or-later
"""What races: players, each a process of its own that does one thing over and over, side by side.

usage: races.py SECONDS PLAYER...     (in a guest with the namespaces n0 and n1)

Each player counts what really happened to it, and has a least for some of that. The race lasts
SECONDS, and goes on until all have reached their least: where nothing raced, nothing was shown.
Ends with a line for each player, and with a status other than 0 if one of them saw what must not be.
"""
import collections
import ctypes
import errno
import fcntl
import mmap
import os
import random
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import time
import traceback

# How long to wait for what must come; a loaded machine takes its time.
PATIENCE = 200
# After how long a rule that has the kernel load the module is in the way (s), and what `run` gives
# then. The kernel calls a task hung that waits for 120.
IN_THE_WAY = 40
UNTIED = "killed, for it had all others wait"
COUNTERS = "/proc/net/xt_pktstat"
ORDERS = "/sys/kernel/update_stats/update_stats"
# Of files that go while they are open, or before.
GONE = (errno.EIO, errno.ENOENT)
libc = ctypes.CDLL(None, use_errno=True)


# --- What players are made of. --------------------------------------------------------------------

class Shared:
    """Counts that all processes see: each player writes its own."""

    WIDTH = 16

    def __init__(self, players):
        self.map = mmap.mmap(-1, 8 * self.WIDTH * (players + 1))

    def get(self, player, at):
        return struct.unpack_from("=Q", self.map, 8 * (self.WIDTH * player + at))[0]

    def put(self, player, at, value):
        struct.pack_into("=Q", self.map, 8 * (self.WIDTH * player + at), value)


PLAYERS = {}
shared = me = None


def player(namespace, **least):
    """`least`: what it counts, and how often that has to happen."""

    def register(play):
        PLAYERS[play.__name__] = (play, namespace, list(least), list(least.values()))
        return play

    return register


def count(what, n=1):
    at = names_of[me].index(what)
    shared.put(me, at, shared.get(me, at) + n)


def running():
    return shared.get(len(names_of), 0) == 0


def unloads():
    """How often the module has gone so far."""
    return sum(shared.get(at, names.index("unloaded")) for at, names in enumerate(names_of) if "unloaded" in names)


def nap(most):
    time.sleep(random.uniform(0, most))


def wait(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain: {what()}")
        time.sleep(0.02)


def loads_a_match(pid):
    """Whether that is what it stands in: a rule for nftables, whose lock it has meanwhile."""
    return "nft_match_select_ops+" in (tried((errno.ESRCH,), read_text, f"/proc/{pid}/stack") or "")


def run(*command, text=None, may_fail=False):
    """Whether it ended well, and what it said.

    Whoever loads a match for long may be in a deadlock of the kernel's own (SECURITY.md), and is
    killed, which unties it. All other waits are left to the kernel to complain of.
    """
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True) as process:
        said = None
        while said is None:
            try:
                said = process.communicate(text, timeout=IN_THE_WAY)[0]
            except subprocess.TimeoutExpired:
                text = None  # it has it
                if loads_a_match(process.pid):
                    process.kill()
                    process.wait()
                    said = UNTIED
    if process.returncode and not may_fail:
        raise AssertionError(f"{' '.join(command)}: {process.returncode}: {said}")
    return process.returncode == 0, said


def syscall(number, *args):
    """0, or the errno."""
    return ctypes.get_errno() if libc.syscall(number, *args) < 0 else 0


def enter(fd):
    if libc.setns(fd, 0x40000000):
        raise OSError(ctypes.get_errno(), "setns")


def enter_named(namespace):
    fd = os.open("/proc/1/ns/net" if namespace == "init" else f"/run/netns/{namespace}", os.O_RDONLY)
    enter(fd)
    os.close(fd)


def tried(allowed, act, *args):
    """What `act` gives, or None if it ended with an errno that is right for what is being taken away."""
    try:
        return act(*args)
    except OSError as error:
        if error.errno not in allowed:
            raise
        return None


def read_text(path):
    with open(path, "rb", buffering=0) as file:
        return b"".join(iter(lambda: file.read(4096), b"")).decode()


def write_text(path, text):
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


# --- The module. ----------------------------------------------------------------------------------

KO = subprocess.run(["modinfo", "-n", "xt_pktstat"], capture_output=True, text=True, check=True).stdout.strip()
REFERENCES = "/sys/module/xt_pktstat/refcnt"


@player("init", unloaded=6, loaded=1, found_loaded=0, busy=0)
def loader():
    """Unloads the module whenever that is possible, and loads it again."""
    while running():
        error = syscall(176, b"xt_pktstat", os.O_NONBLOCK)  # delete_module
        if error in (errno.EWOULDBLOCK, errno.EBUSY):
            count("busy")
            nap(0.005)
            continue
        assert error in (0, errno.ENOENT), errno.errorcode[error]
        if not error:
            count("unloaded")
        # Or else iptables does it.
        nap(random.choice((0, 0.05, 0.5)))
        fd = os.open(KO, os.O_RDONLY)
        error = syscall(313, fd, b"", 0)  # finit_module
        os.close(fd)
        assert error in (0, errno.EEXIST, errno.EBUSY), errno.errorcode[error]
        count("found_loaded" if error else "loaded")
        # At once again, or when somebody has it, if anybody wants it.
        end = time.monotonic() + random.choice((0, 0.3, 3, 10))
        while running() and time.monotonic() < end and tried((*GONE, errno.ENODEV), read_text, REFERENCES) in ("0\n", None):
            time.sleep(0.01)


# --- Counters and their readers. ------------------------------------------------------------------

def status(path):
    text = read_text(f"{path}/status")
    pairs = dict(line.split(": ") for line in text.splitlines())
    assert len(pairs) == 9, text
    return {key: int(value) for key, value in pairs.items()}


class Rows:
    """Reads an open `data`. Whole rows only: what was cut off by a close comes again."""

    def __init__(self, name, fd):
        self.name, self.fd, self.rest = name, fd, b""

    def read(self, size):
        """How many rows; None at an end."""
        text = os.read(self.fd, size)
        if not text:
            return None
        *lines, self.rest = (self.rest + text).split(b"\n")
        rows = [line.split() for line in lines if line[:1] != b"#"]
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
    """Waits a while for the module to go: all who hold it must be through with it at the same time."""
    end = time.monotonic() + 10
    while running() and unloads() == before and time.monotonic() < end:
        time.sleep(0.01)
    return unloads() != before


def linger(fd, before):
    """The files are gone: holds an open one until the module is too, or for a while."""
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


# --- Rules. ---------------------------------------------------------------------------------------

def refused(said):
    """A rule was not added: it had to be killed, or else the module went in the middle of it."""
    if said == UNTIED:
        count("untied")
        return
    assert re.search("No chain/target/match by that name|No such file or directory|restore: line 5 failed", said), said
    count("refused")


class Tables:
    """iptables of a backend and a family, and a counter in a chain that packets are sent to or not."""

    def __init__(self, backend, family):
        self.tool = ("iptables-" if family == 4 else "ip6tables-") + backend
        self.prefix = f"{backend}{family}."
        self.n = 0

    def ipt(self, *words):
        run(self.tool, "-w", *words)

    def add(self):
        """A rule and its counter. While nobody has the module it may be gone at any moment."""
        self.n += 1
        self.name = f"{self.prefix}{self.n}"
        self.match = ["-m", "pktstat", "--period", random.choice(("1us", "100us", "1", "20")),
                      "--samples", random.choice(("3", "100", "2000")), "--name", self.name]
        added, said = run(self.tool, "-w", "-A", "race", "-p", "udp", *self.match, may_fail=True)
        if not added:
            refused(said)
            if said == UNTIED:
                # It may be there all the same.
                self.ipt("-F", "race")
        return added

    def status(self):
        return status(f"{COUNTERS}/{self.name}")

    def totals(self):
        its = self.status()
        return its["frames"], its["bytes"]

    def says(self):
        """What iptables itself counted."""
        line = run(self.tool, "-w", "-nvxL", "race", "1")[1].split()
        return int(line[0]), int(line[1])

    def drained(self):
        fd = os.open(f"{COUNTERS}/{self.name}/data", os.O_RDONLY)
        rows = Rows(self.name, fd)
        while rows.read(65536) is not None:
            pass
        os.close(fd)
        return rows_read(self.name) == self.totals()

    def conserved(self):
        """The loss contract. No packet comes here any more."""
        wait(lambda: self.says() == self.totals(), lambda: f"{self.name}: {self.says()} {self.status()}")
        wait(self.drained, lambda: f"{self.name}: rows {rows_read(self.name)} {self.status()}")
        if os.path.exists(f"rows.{self.name}"):
            os.unlink(f"rows.{self.name}")
        count("conserved")
        count("frames", self.totals()[0])

    def change(self):
        """Changes that are none to the counter."""
        which = random.randrange(5)
        if which == 0:
            self.ipt("-A", "race", "-p", "sctp")
            self.ipt("-R", "race", "2", "-p", "gre")
            self.ipt("-D", "race", "-p", "gre")
        elif which == 1:
            self.ipt("-I", "race", "1", "-p", "gre")
            self.ipt("-D", "race", "1")
        elif which == 2:
            self.ipt("-t", "raw", "-A", "OUTPUT", "-p", "gre", *self.match)
            self.ipt("-t", "raw", "-F", "OUTPUT")
        elif which == 3:
            run(self.tool + "-restore", "-w", "-n", text="*filter\n-A race -p sctp\n-D race -p sctp\nCOMMIT\n")
        else:
            self.ipt("-N", "new")
            self.ipt("-A", "race", "-j", "new")
            self.ipt("-D", "race", "-j", "new")
            self.ipt("-X", "new")
        count("changed")

    def swap(self):
        """The whole table for itself, with its counters: they stand still."""
        saved = run(self.tool + "-save", "-c", "-t", "filter")[1]
        run(self.tool + "-restore", "-c", "-w", text=saved)
        count("swapped")

    def delete(self):
        which = random.randrange(4)
        if which == 0:
            self.ipt("-D", "race", "-p", "udp", *self.match)
        elif which == 1:
            self.ipt("-R", "race", "1", "-p", "udp")
            self.ipt("-F", "race")
        elif which == 2:
            run(self.tool + "-restore", "-w", text="*filter\n:race - [0:0]\nCOMMIT\n")
        else:
            self.ipt("-F", "race")
        count("deleted")


def rules(tables, changes):
    tables.ipt("-N", "race")
    while running():
        if not tables.add():
            continue
        count("added")
        tables.ipt("-A", "INPUT", "-j", "race")
        wait(lambda: tables.status()["frames"] > 0, lambda: f"traffic for {tables.name}")
        for _ in range(changes and random.randrange(1, 4)):
            tables.change()
        nap(1)
        tables.ipt("-D", "INPUT", "-j", "race")
        if changes:
            tables.swap()
        tables.conserved()
        tables.delete()
        if random.random() < 0.7:
            until_unloaded(unloads())


@player("n1", added=3, conserved=3, deleted=3, frames=3, refused=0)
def legacy6():
    rules(Tables("legacy", 6), 0)


@player("n1", added=3, conserved=3, deleted=3, frames=3, refused=0, untied=0)
def nft4():
    rules(Tables("nft", 4), 0)


@player("n1", added=3, changed=5, swapped=3, conserved=3, deleted=3, frames=3, refused=0)
def changes_legacy6():
    rules(Tables("legacy", 6), 1)


@player("n1", added=3, changed=5, swapped=3, conserved=3, deleted=3, frames=3, refused=0, untied=0)
def changes_nft4():
    rules(Tables("nft", 4), 1)


@player("n1", untied=1)
def tied():
    """Adds rules until one had to be killed: scenarios/deadlock sees to it."""
    tables = Tables("nft", 4)
    tables.ipt("-N", "race")
    while running():
        tables.add()


# --- Namespaces. ----------------------------------------------------------------------------------

def up(name):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH22x", name.encode(), 1))  # SIOCSIFFLAGS


def reader_within():
    """A task that lives in the namespace a little longer than who made it, and reads there."""
    pid = os.fork()
    if not pid:
        end = time.monotonic() + random.uniform(0, 0.5)
        while time.monotonic() < end:
            read_text(f"{COUNTERS}/one/data")
            status(f"{COUNTERS}/one")
        os._exit(0)
    return pid


@player("init", deleted=3, conserved=3, readers_within=1, outlived=0, refused=0, untied=0)
def namespaces():
    """Namespaces that go with rules in them, with tasks that read, and with files still open."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    while running():
        if libc.unshare(0x40000000):
            raise OSError(ctypes.get_errno(), "unshare")
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
                # Nobody listens there, and every second call is told so.
                tried((errno.ECONNREFUSED,), sender.sendto, b"x" * 72, ("127.0.0.1", 9))
        fd, two = (os.open(f"{COUNTERS}/{name}/data", os.O_RDONLY) for name in ("one", "two"))
        expected = (20, 2000)
        for name in ("one", "two"):
            wait(lambda: (lambda its: (its["frames"], its["bytes"]) == expected)(status(f"{COUNTERS}/{name}")),
                 lambda: f"{name}: {status(f'{COUNTERS}/{name}')}")
        text = b""

        def all_rows():
            nonlocal text
            text += b"".join(iter(lambda: os.read(fd, 4096), b""))
            lines = [line.split() for line in text.splitlines()[1:]]
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
        end = time.monotonic() + PATIENCE
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


# --- Interfaces. ----------------------------------------------------------------------------------

INTERFACES = [f"race{n}" for n in range(6)]
# Of an interface or of the module's files when they go.
AWAY = (errno.ENOENT, errno.ENODEV, errno.EEXIST)


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
    """Switches interfaces on and off, writes and reads their numbers, and looks at what all see."""
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


# --- CPUs. ----------------------------------------------------------------------------------------

@player("init", went=5, came=5)
def hotplug():
    """All CPUs but the first go and come."""
    cpus = [f"/sys/devices/system/cpu/cpu{n}/online" for n in range(1, os.cpu_count())]
    assert cpus
    while running():
        away = random.sample(cpus, random.randrange(1, len(cpus) + 1))
        for online, what in (("0", "went"), ("1", "came")):
            for cpu in away:
                write_text(cpu, online)
                count(what)
            nap(0.3)


# --- The race. ------------------------------------------------------------------------------------

seconds = int(sys.argv[1])
players = [PLAYERS[name] for name in sys.argv[2:]]
names_of = [names for _, _, names, _ in players]
shared = Shared(len(players))


def start(at):
    global me
    pid = os.fork()
    if pid:
        return pid
    me = at
    random.seed()
    try:
        enter_named(players[at][1])
        players[at][0]()
    except BaseException:  # whatever it is, it is told
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def lacking():
    """Who has not reached the least."""
    return [f"{sys.argv[2 + at]}: {name}" for at, (_, _, names, least) in enumerate(players)
            for place, name in enumerate(names) if shared.get(at, place) < least[place]]


children = {start(at): at for at in range(len(players))}
began = time.monotonic()
failed = []
while children:
    pid, ended = os.waitpid(-1, os.WNOHANG)
    if pid:
        at = children.pop(pid)
        if ended or running():
            failed.append(sys.argv[2 + at])
    took = time.monotonic() - began
    if failed or took > seconds and (not lacking() or took > seconds + 6 * PATIENCE):
        shared.put(len(players), 0, 1)
    if took > seconds + 8 * PATIENCE:
        failed += [sys.argv[2 + at] for at in children.values()]
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        break
    if not pid:
        time.sleep(0.05)
for at, names in enumerate(names_of):
    print(f"    {sys.argv[2 + at]}: " + ", ".join(f"{name} {shared.get(at, place)}" for place, name in enumerate(names)))
for what in failed:
    print(f"    {what} failed")
for what in lacking():
    print(f"    too few of {what}")
sys.exit(1 if failed or lacking() else 0)
