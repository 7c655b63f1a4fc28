#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Shows that incast.sql finds an incast: pip install duckdb; examples/incast/try.py [DIRECTORY [GBIT]]

With a DIRECTORY of recordings it asks those; GBIT/s are a burst there (5). Without, it records three made-up hosts that burst
each 200, 300 and 400 ms, and so all together each 1.2 s, and a fourth that hears them all; and it
fails unless exactly those milliseconds are found.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

import duckdb

HERE = pathlib.Path(__file__).resolve().parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent.parent / "target")) / "debug"
EVERY_MS = {"alpha": 200, "beta": 300, "gamma": 400}
TOGETHER_MS = 1200
BURST_MS = 3


def record(directory):
    """Three feeds and three recorders, each as if on a host of its own."""
    feeds, recorders = [], []
    for host, every in EVERY_MS.items():
        root = directory / host
        root.mkdir()
        feeds.append(subprocess.Popen([TARGET / "examples/feed", root, f"out:100us:{every}ms"]))
    time.sleep(0.5)
    for host in EVERY_MS:
        output = directory / f"{host}.csv"
        recorders.append(
            subprocess.Popen([TARGET / "pkttop", "record", "--root", directory / host, "--host", host, "--for", "4s", "-o", output])
        )
    status = [recorder.wait() for recorder in recorders]
    for feed in feeds:
        feed.kill()
    assert status == [0, 0, 0], status


def ask(directory, burst_gbit_per_s="5.0"):
    """Runs the query in the directory."""
    os.chdir(directory)
    query = (HERE / "incast.sql").read_text().replace("5.0 AS gbit", f"{float(burst_gbit_per_s)} AS gbit")
    windows = "read_csv('*.csv')"
    if not list(directory.glob("*.csv")):
        query = query.replace(windows, "read_parquet('*.parquet')")
        windows = "read_parquet('*.parquet')"
    began = time.monotonic()
    answer = duckdb.sql(query)
    print(answer)
    rows = answer.fetchall()
    seconds = time.monotonic() - began
    count = duckdb.sql(f"SELECT count(*) FROM {windows}").fetchall()[0][0]
    print(f"{len(rows)} milliseconds of incast among {count} windows, {seconds:.2f} s")
    return rows


def main():
    if len(sys.argv) > 1:
        return 0 if ask(pathlib.Path(sys.argv[1]).resolve(), *sys.argv[2:3]) else 1
    with tempfile.TemporaryDirectory() as scratch:
        directory = pathlib.Path(scratch)
        record(directory)
        rows = ask(directory)
        os.chdir("/")
    for at, senders, who, sent, _received in rows:
        milliseconds = int(at.timestamp()) * 1000 + at.microsecond // 1000
        assert milliseconds % TOGETHER_MS < BURST_MS, (at, who)
        assert (senders, who) == (3, "alpha beta gamma"), (at, who)
        assert abs(sent - 27) < 0.1, sent
    assert len(rows) in (9, 12), f"{len(rows)}, not three or four times three in four seconds"
    return 0


if __name__ == "__main__":
    sys.exit(main())
