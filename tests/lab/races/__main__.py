# SPDX-License-Identifier: GPL-2.0-or-later
"""Races against the module: players, each a process that does one thing over and over, side by side.

usage: races SECONDS PLAYER...     (in a guest with the namespaces n0 and n1)

Each player counts what really happened to it, and some of that has to happen a number of times. The
race lasts SECONDS, and goes on until all of it has: where nothing raced, nothing was shown. Ends with
a line for each player, and with a status other than 0 if one of them saw what must not be.
"""
import os
import random
import signal
import sys
import time
import traceback

import interfaces
import module
import namespaces
import race
import readers
import rules
import system

PLAYERS = {name: play for file in (interfaces, module, namespaces, readers, rules)
           for name, play in vars(file).items() if hasattr(play, "least")}


def start(entrant):
    pid = os.fork()
    if pid:
        return pid
    race.me = entrant
    random.seed()
    try:
        system.enter_named(entrant.play.namespace)
        entrant.play()
    except BaseException:  # whatever it is
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def too_few():
    return [what for entrant in race.entrants for what in entrant.too_few()]


def run(seconds):
    """Runs the race. Returns the names of those that failed."""
    children = {start(entrant): entrant for entrant in race.entrants}
    began = time.monotonic()
    failed = []
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid:
            entrant = children.pop(pid)
            if status or race.running():
                failed.append(entrant.name)
        took = time.monotonic() - began
        if failed or took > seconds and (not too_few() or took > seconds + 6 * system.PATIENCE_S):
            race.over[0] = 1
        if took > seconds + 8 * system.PATIENCE_S:
            for pid in children:
                os.kill(pid, signal.SIGKILL)
            return failed + [entrant.name for entrant in children.values()]
        if not pid:
            time.sleep(0.05)
    return failed


def main():
    race.entrants += [race.Entrant(PLAYERS[name]) for name in sys.argv[2:]]
    failed = run(int(sys.argv[1]))
    for entrant in race.entrants:
        print(f"    {entrant.name}: " + ", ".join(f"{what} {n}" for what, n in entrant.result().items()))
    for name in failed:
        print(f"    {name} failed")
    for what in too_few():
        print(f"    too few of {what}")
    sys.exit(1 if failed or too_few() else 0)


main()
