# SPDX-License-Identifier: GPL-2.0-or-later
"""Calls of the system, and programs that are run."""
import ctypes
import errno
import os
import random
import subprocess
import time

# How long to wait for what must come (s); a loaded machine is slow.
PATIENCE_S = 200
# After how long a program that adds a rule, and has the kernel load the module for it, is killed. The
# kernel calls a task hung that waits for 120 s.
LOAD_TIMEOUT_S = 40
# What `run` then returns as its output.
KILLED = "killed: it waited for the module while others waited for it"
# Of files that go while they are open, or before; of interfaces or of the module's files when they go.
GONE = (errno.EIO, errno.ENOENT)
AWAY = (errno.ENOENT, errno.ENODEV, errno.EEXIST)
libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


def nap(most):
    time.sleep(random.uniform(0, most))


def wait(condition, describe):
    """Until it is true. `describe` says what there is instead, if it does not come."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain: {describe()}")
        time.sleep(0.02)


def syscall(number, *args):
    """0, or the errno."""
    return ctypes.get_errno() if libc.syscall(number, *args) < 0 else 0


def enter(fd):
    if libc.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def enter_new():
    if libc.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")


def enter_named(namespace):
    fd = os.open("/proc/1/ns/net" if namespace == "init" else f"/run/netns/{namespace}", os.O_RDONLY)
    enter(fd)
    os.close(fd)


def tried(allowed, act, *args):
    """What `act` returns, or None if it ended with one of the errnos `allowed`."""
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


def loads_a_match(pid):
    """Whether it waits for a match's module to be loaded; meanwhile it has the lock of nftables."""
    return "nft_match_select_ops+" in (tried((errno.ESRCH,), read_text, f"/proc/{pid}/stack") or "")


def run(*command, text=None, may_fail=False):
    """Whether it ended well, and what it printed.

    A program that loads a match for long may be in a deadlock of the kernel's own (SECURITY.md): it
    is killed, which ends the deadlock. Any other wait is left to the kernel to report.
    """
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True) as process:
        output = None
        while output is None:
            try:
                output = process.communicate(text, timeout=LOAD_TIMEOUT_S)[0]
            except subprocess.TimeoutExpired:
                text = None  # it has been written
                if loads_a_match(process.pid):
                    process.kill()
                    process.wait()
                    output = KILLED
    if process.returncode and not may_fail:
        raise AssertionError(f"{' '.join(command)}: {process.returncode}: {output}")
    return process.returncode == 0, output
