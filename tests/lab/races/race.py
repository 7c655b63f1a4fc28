# SPDX-License-Identifier: GPL-2.0-or-later
"""What a race is made of: players, each a process of its own, and counts that all of them see."""
import ctypes
import mmap

# The players of this race; which of them this process is; whether the race is over.
entrants = []
me = None


def player(namespace, **least):
    """Makes a function a player: where it plays, and what it counts and how often that has to happen."""

    def mark(play):
        play.namespace, play.least = namespace, least
        return play

    return mark


def shared_words(n):
    """An array of 64-bit words that this process shares with its children."""
    return (ctypes.c_uint64 * n).from_buffer(mmap.mmap(-1, 8 * n))


over = shared_words(1)


class Entrant:
    """A player in this race; one may be in it several times. Only its own process writes `counts`."""

    def __init__(self, play):
        self.play, self.name, self.least = play, play.__name__, play.least
        self.counts = shared_words(len(self.least))

    def result(self):
        return dict(zip(self.least, self.counts))

    def too_few(self):
        """What did not happen often enough."""
        return [f"{self.name}: {what}" for what, n in self.result().items() if n < self.least[what]]


def count(what, n=1):
    me.counts[list(me.least).index(what)] += n


def running():
    return not over[0]


def unloads():
    """How often the module has been unloaded so far."""
    return sum(entrant.result().get("unloaded", 0) for entrant in entrants)
