# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Every kind of packet, in every table and chain: the totals are what iptables counts.
# variants: legacy4 legacy6 nft4 nft6
# timeout: 400

topology 3
where=('raw PREROUTING' 'mangle PREROUTING' 'nat PREROUTING' 'filter INPUT' 'mangle INPUT' 'filter FORWARD'
	'mangle FORWARD' 'filter OUTPUT' 'raw OUTPUT' 'mangle POSTROUTING' 'nat POSTROUTING' 'security INPUT')
for at in "${where[@]}"; do
	read -r table chain <<<"$at"
	# Not n1: a transcript of these is one line.
	in_ns n1 "$ipt" -t "$table" -A "$chain" -m pktstat --period 100 --samples 100 --name "$table.$chain"
done
echo "[n1] $ipt -t TABLE -A CHAIN -m pktstat --period 100 --samples 100 --name TABLE.CHAIN: ${where[*]}"

# agree: each counter and its rule have the same numbers, if not at once: they are not read at one moment.
agree() { wait_until '[[ $(we_say) == "$(rules_say "$ipt")" ]]'; }
[[ $(we_say | wc -l) == "${#where[@]}" ]]
ping=(ping -q -i 0.02)

claim "in every table and chain, of small packets and large, whole and in fragments"
n0 "${ping[@]}" -c 3 "$addr1"
n0 "${ping[@]}" -c 3 -s 60000 "$addr1"
n0 "${ping[@]}" -c 3 -s 3000 "$addr2"
send_udp 10 0
send_udp 10 1400
send_udp 3 60000
n0 udp "$addr2" 10 100
agree

claim "where connections are tracked, too, and in the nat table"
# Fragments do not get past this any more: tracking puts them together.
n1 "$ipt" -t raw -A OUTPUT -m conntrack --ctstate NEW
n0 "${ping[@]}" -c 3 -s 60000 "$addr1"
n0 "${ping[@]}" -c 3 -s 3000 "$addr2"
send_udp 10 1400
agree
! we_say | grep ' 0 0$' || false

# tcp BYTES ADDRESS NS: sends them and sees them arrive.
tcp() {
	in_ns "$3" nc "-$family" -l -N 5000 </dev/null >received &
	local server=$!
	wait_until 'in_ns '"$3"' ss -Hltn | grep -q :5000'
	head -c "$1" /dev/zero | in_ns n0 nc -N "$2" 5000
	wait $server
	[[ $(stat -c %s received) == "$1" ]]
}

for switch in on off; do
	claim "of TCP, sent and forwarded, with offloads $switch"
	offload $switch
	tcp 2000000 "$addr1" n1
	tcp 1000000 "$addr2" n2
	agree
done

claim "of UDP in super-packets"
offload on
send_udp 5 20000 -g 1000
agree

claim "of packets whose sender chose a time of his own"
n1 udp -t 9223372036854775807 "$addr0" 5 100
n1 udp -t 1 "$addr0" 5 100
agree

claim "and every row that all this made adds up to it"
for at in "${where[@]}"; do
	read -r table chain <<<"$at"
	in_ns n1 "$ipt" -t "$table" -I "$chain" -j RETURN
done
for at in "${where[@]}"; do
	read -r table chain <<<"$at"
	wait_until 'drained '"$table.$chain"
done
[[ $(we_say) == "$(rules_say "$ipt")" ]]
