# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2016 # tests/lib.sh sets and evaluates
# Twenty pkttop at once on one counter, and somebody who reads `data`: each gets all of it.
# timeout: 600
# cpus: 2

export LD_LIBRARY_PATH=/t
topology 2
sum() { mawk -F, 'NR > 1 { frames += $5; bytes += $6 } END { printf "%d %d\n", frames, bytes }' "$1"; }

n1 "$ipt" -A INPUT -p udp -m pktstat --period 1 --samples 10000 --name web
claim "what went by before they come is in none of their recordings"
send_udp 300 100 -b 10 -i 1000 >/dev/null
wait_until '[[ $(counters INPUT 1) == "300 38400" ]]'
# The window with the last of them has closed.
wait_until '[[ $(in_ns n1 cat "$(proc web history)" | grep -v "^#" | mawk "{ f += \$2 } END { print f }") == 300 ]]'

claim "twelve record, five check, one exports and two watch, while data is drained"
recorders=() others=()
for number in {1..12}; do
	pkttop record -N n1 -o "/run/$number.csv" web 2>"/run/$number.said" &
	recorders+=($!)
done
pkttop export -N n1 web 2>/dev/null &
others+=($!)
for number in 1 2; do
	pkttop -N n1 --ndjson -d 100ms web >/run/watched.$number &
	others+=($!)
done
for number in {1..12}; do
	wait_until "[[ -s /run/$number.csv ]]"
done
(while [[ ! -e /run/stop ]]; do
	in_ns n1 cat "$(proc web data)"
	sleep 0.05
done >/run/data) &
drain=$!
send_udp 2000 700 -b 20 -i 10000 >/dev/null &
sender=$!
checks=()
for number in {1..5}; do
	pkttop check -N n1 --for 1h web >"/run/checked.$number" &
	checks+=($!)
done
wait $sender
# Then it is quiet for more than a window.
sleep 1
kill -INT "${recorders[@]}" "${others[@]}" "${checks[@]}"
wait "${recorders[@]}" "${others[@]}" "${checks[@]}"
: >/run/stop
wait $drain
in_ns n1 cat "$(proc web data)" >>/run/data
cat /run/*.said /run/checked.*

claim "each agrees exactly, and has what iptables counted since it came"
[[ $(counters INPUT 1) == "2300 $((300 * 128 + 2000 * 728))" ]]
for number in {1..12}; do
	[[ $(sum "/run/$number.csv") == "2000 $((2000 * 728))" ]]
	grep -q ' 0 merged: agrees with status exactly$' "/run/$number.said"
done
for number in {1..5}; do
	grep -Eq '^ok    web .*agrees with status exactly$' "/run/checked.$number"
done
for number in 1 2; do
	tail -n 1 /run/watched.$number | grep -q '"total_frames":2300,'
	seen=$(sed 's/.*"frames":\([0-9]*\),.*/\1/' /run/watched.$number | mawk '{ f += $1 } END { print f }')
	[[ $seen == 2300 ]]
done

claim "and so has who drained data"
[[ $(mawk '!/^#/ { f += $2; b += $3 } END { print f, b }' /run/data) == "$(counters INPUT 1)" ]]
