# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# When the FIFO is full, windows are merged: consistency is kept, accuracy is lost.
# variants: legacy6

topology 2
export ns=n0
n0 "$ipt" -A OUTPUT -p udp -m pktstat --period 50 --samples 3 --name web

claim "no more windows wait than the FIFO holds, and status says how many were merged"
mapfile -t bursts < <(send_udp 20 100 -b 2 -i 100000 -a 50000000 -o 10000)
# The last window has closed.
sleep 0.06
in_ns n0 cat "$(proc web status)"
(($(status_key web queued) <= 4))
# Ten windows; one or two more if a burst was cut in two by a slow machine.
(($(status_key web merged) >= 6 && $(status_key web merged) <= 9))

claim "the windows that did fit are the oldest, and are exact"
rows web
cat "$(rows_file web)"
read -r last _ < <(sed -n 3p "$(rows_file web)")
frames=0 least=0 most=0
while read -r _ n _; do frames=$((frames + n)); done < <(head -n 3 "$(rows_file web)")
for burst in "${bursts[@]}"; do
	read -r began ended n <<<"$burst"
	# A burst that a slow machine cut in two may be in both.
	((ended >= last + 50000000)) || least=$((least + n))
	((began >= last + 50000000)) || most=$((most + n))
done
((frames >= least && frames <= most))

claim "nothing is lost: the others come with the next row"
send_udp 2 100
conserved web OUTPUT 1
merged=$(status_key web merged)

claim "a reader in time loses no accuracy"
for _ in 1 2 3 4; do
	send_udp 4 100 -b 2 -i 100000
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
