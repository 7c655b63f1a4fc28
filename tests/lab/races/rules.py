# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules that are added, changed and deleted, with a counter that loses nothing meanwhile."""
import os
import random
import re

from race import count, player, running, unloads
from readers import COUNTERS, Rows, rows_read, status, until_unloaded
from system import KILLED, nap, run, wait

MODULE = "/sys/module/xt_pktstat"


def refused(said):
    """A rule was not added: its program was killed, or the module was unloaded in the middle of it."""
    if said == KILLED:
        count("killed")
        return
    assert re.search("No chain/target/match by that name|No such file or directory|restore: line 5 failed", said), said
    count("refused")


class Rules:
    """Rules of one iptables, all in the chain `race`, where packets are sent or not; one has a counter."""

    def __init__(self, backend, family):
        self.tool = ("iptables-" if family == 4 else "ip6tables-") + backend
        self.prefix = f"{backend}{family}."
        self.n = 0

    def ipt(self, *words):
        run(self.tool, "-w", *words)

    def add(self):
        """A rule and its counter. The module may be unloaded at any moment before it is used."""
        self.n += 1
        self.name = f"{self.prefix}{self.n}"
        self.match = ["-m", "pktstat", "--period", random.choice(("1us", "100us", "1", "20")),
                      "--samples", random.choice(("3", "100", "2000")), "--name", self.name]
        before, was_loaded = unloads(), os.path.exists(MODULE)
        added, said = run(self.tool, "-w", "-A", "race", "-p", "udp", *self.match, may_fail=True)
        self.unloaded_meanwhile = not was_loaded or unloads() != before
        if not added:
            refused(said)
            if said == KILLED:
                # It may be there all the same.
                self.ipt("-F", "race")
        return added

    def status(self):
        return status(f"{COUNTERS}/{self.name}")

    def totals(self):
        its = self.status()
        return its["frames"], its["bytes"]

    def iptables_totals(self):
        """What iptables counted."""
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
        wait(lambda: self.iptables_totals() == self.totals(), lambda: f"{self.name}: {self.iptables_totals()} {self.status()}")
        wait(self.drained, lambda: f"{self.name}: rows {rows_read(self.name)} {self.status()}")
        if os.path.exists(f"rows.{self.name}"):
            os.unlink(f"rows.{self.name}")
        count("conserved")
        count("frames", self.totals()[0])

    def change(self):
        """Changes other rules, which the counter must not notice."""
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
        """Replaces the whole table by itself, while its counters stand still."""
        saved = run(self.tool + "-save", "-c", "-t", "filter")[1]
        if "[unsupported revision]" in saved:
            assert self.unloaded_meanwhile, saved
            count("revision0")
            return
        run(self.tool + "-restore", "-c", "-w", text=saved)
        count("swapped")

    def check_is_revision0(self, said):
        """Why -D did not find the rule: it is of revision 0.

        Where the kernel has no module when iptables asks for its revisions, and it was unloaded again
        when that made the kernel load it, iptables takes revision 0 for granted. Its rule is deleted by
        number only, or with its chain, and iptables-legacy-save cannot print it.
        """
        assert "does a matching rule exist" in said, said
        assert self.unloaded_meanwhile, said
        if "nft" in self.tool:
            expressions = run("nft", "--debug=netlink", "list", "chain", "ip", "filter", "race")[1]
            assert "name pktstat rev 0" in expressions, expressions
        count("revision0")

    def delete(self):
        which = random.randrange(4)
        if which == 0:
            deleted, said = run(self.tool, "-w", "-D", "race", "-p", "udp", *self.match, may_fail=True)
            if not deleted:
                self.check_is_revision0(said)
                self.ipt("-F", "race")
        elif which == 1:
            self.ipt("-R", "race", "1", "-p", "udp")
            self.ipt("-F", "race")
        elif which == 2:
            run(self.tool + "-restore", "-w", text="*filter\n:race - [0:0]\nCOMMIT\n")
        else:
            self.ipt("-F", "race")
        count("deleted")


def play(rules, changes):
    rules.ipt("-N", "race")
    while running():
        if not rules.add():
            continue
        count("added")
        rules.ipt("-A", "INPUT", "-j", "race")
        wait(lambda: rules.status()["frames"] > 0, lambda: f"traffic for {rules.name}")
        for _ in range(changes and random.randrange(1, 4)):
            rules.change()
        nap(1)
        rules.ipt("-D", "INPUT", "-j", "race")
        if changes:
            rules.swap()
        rules.conserved()
        rules.delete()
        if random.random() < 0.7:
            until_unloaded(unloads())


@player("n1", added=3, conserved=3, deleted=3, frames=3, refused=0, revision0=0)
def legacy6():
    play(Rules("legacy", 6), 0)


@player("n1", added=3, conserved=3, deleted=3, frames=3, refused=0, killed=0, revision0=0)
def nft4():
    play(Rules("nft", 4), 0)


@player("n1", added=3, changed=5, swapped=3, conserved=3, deleted=3, frames=3, refused=0, revision0=0)
def changes_legacy6():
    play(Rules("legacy", 6), 1)


@player("n1", added=3, changed=5, swapped=3, conserved=3, deleted=3, frames=3, refused=0, killed=0, revision0=0)
def changes_nft4():
    play(Rules("nft", 4), 1)


@player("n1", killed=1)
def until_killed():
    """Adds rules until a program was killed, which scenarios/deadlock.sh brings about."""
    rules = Rules("nft", 4)
    rules.ipt("-N", "race")
    while running():
        rules.add()
