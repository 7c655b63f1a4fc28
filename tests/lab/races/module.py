# SPDX-License-Identifier: GPL-2.0-or-later
"""The module itself, and the CPUs and the clock that it runs with."""
import errno
import os
import random
import subprocess
import time

from race import count, player, running
from system import GONE, nap, read_text, syscall, tried, write_text

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
        # Otherwise iptables loads it.
        nap(random.choice((0, 0.05, 0.5)))
        fd = os.open(KO, os.O_RDONLY)
        error = syscall(313, fd, b"", 0)  # finit_module
        os.close(fd)
        assert error in (0, errno.EEXIST, errno.EBUSY), errno.errorcode[error]
        count("found_loaded" if error else "loaded")
        # Again at once, or later, or as soon as something uses it.
        end = time.monotonic() + random.choice((0, 0.3, 3, 10))
        while running() and time.monotonic() < end and tried((*GONE, errno.ENODEV), read_text, REFERENCES) in ("0\n", None):
            time.sleep(0.01)


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


@player("init", forward=5, back=5)
def clock():
    """The clock is set forward and back, by less than a window and by hours."""
    while running():
        by_s = random.choice((-1, 1)) * random.choice((0.00005, 0.01, 3, 7200))
        time.clock_settime(time.CLOCK_REALTIME, time.time() + by_s)
        count("forward" if by_s > 0 else "back")
        nap(0.5)
