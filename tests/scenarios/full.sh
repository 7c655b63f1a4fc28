# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# When the FIFO is full, windows are merged: consistency is kept, accuracy is lost.
# variants: legacy6

topology 2
export ns=n0
n0 "$ipt" -A OUTPUT -p udp -m pktstat --period 50 --samples 3 --name web

claim "no more windows wait than the FIFO holds, and status says how many were merged"
windows 10 50000000
# The last window has closed.
sleep 0.06
in_ns n0 cat "$(proc web status)"
# Three in the FIFO, and the last one.
[[ $(status_key web queued) == 4 ]]
[[ $(status_key web merged) == 6 ]]

claim "the windows that did fit are the oldest, and are exact"
rows web
[[ $(head -n 3 "$(rows_file web)" | cut -d' ' -f2- | sort -u) == "1 $((100 + header))" ]]
[[ $(sed -n 4p "$(rows_file web)") == *" 7 $((7 * (100 + header)))" ]]
[[ $(wc -l <"$(rows_file web)") == 4 ]]

claim "nothing is lost: the others come with the next row"
send_udp 2 100
conserved web OUTPUT 1
merged=$(status_key web merged)

claim "a reader in time loses no accuracy"
for _ in 1 2 3 4; do
	windows 3 50000000
	conserved web OUTPUT 1
done
[[ $(status_key web merged) == "$merged" ]]
conserved web OUTPUT 1

claim "a FIFO of one window works"
n0 "$ipt" -I OUTPUT -p udp -m pktstat --period 10 --samples 1 --name one
for _ in 1 2 3; do
	send_udp 50 100 -b 2 -i 11000
	conserved one OUTPUT 1
done
