# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Garbage, and what is nearly right, in every file that can be written. A long run, resumed:
# tests/vm/run -t 3000 -a "pktstat_writes=200000 pktstat_from=60000 pktstat_seed=7" noise
# cpus: 2
# timeout: 300

seed=$(boot_word seed) seed=${seed:-$RANDOM$RANDOM}
writes=$(boot_word writes) writes=${writes:-2000}
from=$(boot_word from)
modprobe dummy
for dev in d0 d1; do ip link add $dev type dummy; done
ip link set lo up
on d0
# So that there is something to publish, and to empty.
while udp 127.0.0.1 1 100; do sleep 0.05; done >/dev/null 2>&1 &

claim "whatever is written: an answer, the right one, and each file reads back as it should"
log_mark
noise -s "$seed" -f "${from:-0}" -n "$writes" d0 d1
wait_until '[[ $(<"$orders") == d0* ]]'

claim "the kernel log says of it what is on already, seldom, and nothing else"
dmesg | tail -n +$((mark + 1)) >said
! grep -v 'xt_pktstat: update_stats: d[01]: is on already$' said || false
(($(wc -l <said) * 100 < writes))
for dev in d0 d1; do ip link del $dev; done
echo 0 >"$enabled"
echo 1 >"$counter"
echo / >"$nout"
echo 64 >/sys/module/xt_pktstat/parameters/max_memory
echo 1024 >/sys/module/xt_pktstat/parameters/max_counters
