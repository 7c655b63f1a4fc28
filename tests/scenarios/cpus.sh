# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# All CPUs that there are count for the same counter: two, or as many as tests/vm/run -c says.
# variants: legacy4 nft4
# cpus: 2
# timeout: 300

topology 2
export ns=n0
n0 "$ipt" -A OUTPUT -p udp -m pktstat --period 100 --samples 1000 --name web
n0 "$ipt" -A OUTPUT -p udp -m pktstat --period 1 --samples 1000 --name fast

# send_on_each FRAMES OPTION...: each CPU sends that many at the same time.
send_on_each() {
	local cpu senders=()
	for ((cpu = 0; cpu < CPUS; cpu++)); do
		in_ns n0 taskset -c $cpu udp "${@:2}" -p $((1000 + cpu)) "$addr1" "$1" 100 >/dev/null &
		senders+=($!)
	done
	wait "${senders[@]}"
}

claim "a window has one row, whichever CPU counted"
send_on_each 20 -b 1 -i 100000 -a 100000000 -o 20000
rows web >/dev/null
conserved web OUTPUT 1
cat "$(rows_file web)"
[[ $(cut -d' ' -f1 "$(rows_file web)" | uniq -d) == '' ]]
# The same second, the same bursts: on a quick machine all rows have a frame of each.
(($(awk '$2 > 1' "$(rows_file web)" | wc -l) >= 1))

each=$((8000 / CPUS))
claim "nothing is lost while $CPUS CPUs send and two readers read"
for who in one two; do
	while [[ ! -e stop ]]; do
		in_ns n0 /t/fd "$(proc fast data)" "all=$((RANDOM % 50 + 1))" 2>/dev/null | sed '/^#/d' >>$who
	done &
	readers+=($!)
done
send_on_each $each -b 10 -i 1000
touch stop
wait "${readers[@]}"
cat one two >"$(rows_file fast)"
conserved fast OUTPUT 2
conserved web OUTPUT 1

claim "the totals of all of it are exact"
[[ $(totals web) == "$((CPUS * (20 + each))) $((CPUS * (20 + each) * (100 + header)))" ]]

claim "nothing is lost when a CPU goes away and comes back"
send_on_each 10
echo 0 >/sys/devices/system/cpu/cpu1/online
send_udp 10 100
conserved web OUTPUT 1
echo 1 >/sys/devices/system/cpu/cpu1/online
send_on_each 10
conserved web OUTPUT 1
conserved fast OUTPUT 2

claim "changes to other rules on one CPU take nothing from what another counts"
in_ns n0 taskset -c 1 udp -b 1 -i 1000 "$addr1" 3000 100 >/dev/null &
sender=$!
while kill -0 $sender 2>/dev/null; do
	in_ns n0 "$ipt" -I OUTPUT 1 -p sctp
	in_ns n0 "$ipt" -D OUTPUT 1
done
wait $sender
conserved web
conserved fast
# iptables-nft and -legacy keep a rule's own counters across such changes; this match must not
# count less than they do.
[[ $(totals web) == "$(totals fast)" ]]
