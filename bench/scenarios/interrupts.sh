# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# --wire walks the headers of a super-packet, of which there may be thousands, with interrupts on.
# machine: exact

modprobe tun
quiet_ns n1
export ns=n1
n1 ip6tables-legacy -t raw -A PREROUTING -i t0 -m pktstat --period 100 --samples 100 --name wire --wire
n1 ip6tables-legacy -t raw -A PREROUTING -i t0 -j DROP
# The timer's own interrupts are more than the kernel otherwise allows.
sysctl -qw kernel.perf_event_max_sample_rate=400000
sysctl -qw kernel.perf_cpu_time_max_percent=0

# off HEADERS [MAX_LATENCY]: for how long interrupts are off at most while such a packet is received, ns.
off() { in_ns n1 /t/headers t0 "$1" 50 "${@:2}"; }

claim "the segments of such a packet are counted, each with all its headers"
none=$(off 0)
# 65220 bytes with 40 of IP and 20 of TCP: 66 segments.
[[ $(totals wire) == "$((50 * 66)) $((50 * (65220 + 65 * 60)))" ]]
many=$(off 7900)
# 1960 bytes are left: two.
[[ $(totals wire) == "$((50 * (66 + 2))) $((50 * (65220 + 65 * 60 + 65220 + 60 + 63200)))" ]]

claim "with 7900 headers of options interrupts are off no longer than with none"
echo "    $none ns without, $many ns with them"
((many <= 2 * none))

tracing=/sys/kernel/tracing
if grep -qw irqsoff $tracing/available_tracers; then
	claim "the tracer irqsoff says so too"
	echo 0 >$tracing/options/function-trace
	echo irqsoff >$tracing/current_tracer
	none=$(off 0 $tracing/tracing_max_latency)
	many=$(off 7900 $tracing/tracing_max_latency)
	echo nop >$tracing/current_tracer
	echo "    $none ns without, $many ns with them"
	# It counts whole us.
	((many <= 2 * none + 1000))
fi
