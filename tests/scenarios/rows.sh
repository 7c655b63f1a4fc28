# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What the rows say: their windows, their order, their sums.
# variants: legacy6 nft4

topology 2
# On its way out a datagram is counted before its sender goes on: no softirq may come late.
export ns=n0
period=100000000
n0 "$ipt" -A OUTPUT -p udp -m pktstat --period 100 --samples 100 --name out

# in_window FROM TO: how many frames the rows have from the window of FROM to that of TO.
in_window() {
	awk -v from=$(($1 / period)) -v to=$(($2 / period)) -v period=$period '
		{ n = int($1 / 1e8) } n >= from && n <= to { frames += $2 } END { print frames + 0 }' "$(rows_file out)"
}

claim "a counter without a frame has the header and no row"
[[ $(in_ns n0 cat "$(proc out data)") == "# timestamp frames bytes" ]]

claim "each burst is dated in its own window"
# One after the other, so that no two of them share a window on a slow machine.
bursts=()
for _ in 1 2 3 4 5; do bursts+=("$(send_udp 10 100 -a $period -o 20000)"); done
conserved out OUTPUT 1
cat "$(rows_file out)"
windows=0
for burst in "${bursts[@]}"; do
	read -r began ended _ <<<"$burst"
	[[ $(in_window "$began" "$ended") == 10 ]]
	((windows += ended / period - began / period + 1))
done

claim "a window without a frame has no row"
(($(wc -l <"$(rows_file out)") <= windows))
[[ $(awk '$2 == 0' "$(rows_file out)") == '' ]]

claim "timestamps are multiples of the period and strictly increase"
last=0
while read -r stamp frames bytes; do
	((stamp % period == 0 && stamp > last))
	((bytes == frames * (100 + header)))
	last=$stamp
done <"$(rows_file out)"

claim "a burst at the very edge of a window is in it, not in the one before"
mapfile -t bursts < <(send_udp 20 100 -b 2 -i 100000 -a $period)
conserved out OUTPUT 1
for burst in "${bursts[@]}"; do
	read -r began ended _ <<<"$burst"
	# Two bursts may share a window on a slow machine, so at least.
	(($(in_window "$began" "$ended") >= 2))
done

claim "a window that has closed can be read though no packet followed it"
send_udp 1 100
wait_until '[[ $(rows out) == *" 1 $((100 + header))" ]]'

claim "sums agree for many windows of 1 ms"
n0 "$ipt" -I OUTPUT 1 -p udp -m pktstat --period 1 --samples 1000 --name fast
send_udp 2000 10 -b 5 -i 1000
conserved fast OUTPUT 1
conserved out OUTPUT 2
(($(wc -l <"$(rows_file fast)") > 20))

claim "sums agree for windows shorter than a packet's way"
n0 "$ipt" -I OUTPUT 1 -p udp -m pktstat --period 1us --samples 1000 --name faster
send_udp 2000 10 -b 5 -i 1000
conserved faster OUTPUT 1
last=0
while read -r stamp _; do
	((stamp % 1000 == 0 && stamp > last))
	last=$stamp
done <"$(rows_file faster)"
