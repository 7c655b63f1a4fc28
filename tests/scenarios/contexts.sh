# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Wherever a packet is counted: by a task that sends, with softirqs that count on the same CPU in
# between, by all CPUs at once, in chains of routing and of bridging. (tests/scenarios/traffic.sh
# has every kind of packet in each table and chain.)
# variants: legacy4 nft6
# cpus: 2
# timeout: 300

topology 3
# No queue runs over.
sysctl -qw net.core.netdev_max_backlog=100000
# What comes in counts on a CPU that it chooses, whatever runs there: as a softirq.
# The kernel reads 32 CPUs at a time.
all=$(printf %x $(((1 << $(nproc)) - 1)) | sed -E ':again; s/^([0-9a-f]+)([0-9a-f]{8})/\1,\2/; t again')
for dev in v10 v12; do
	ip netns exec n1 bash -c "echo $all >/sys/class/net/$dev/queues/rx-0/rps_cpus"
done

# everybody FRAMES ADDRESS OPTION...: from n0, a sender on each CPU; and from n1 meanwhile, where
# the counters are, to n0.
everybody() {
	local cpu senders=()
	for ((cpu = 0; cpu < $(nproc); cpu++)); do
		in_ns n0 taskset -c $cpu udp -b 50 -i 2000 "${@:3}" -p $((2000 + cpu)) "$2" "$1" 100 >/dev/null &
		senders+=($!)
		in_ns n1 taskset -c $cpu udp -b 50 -i 2000 "${@:3}" -p $((3000 + cpu)) "$addr0" "$1" 100 >/dev/null &
		senders+=($!)
	done
	wait "${senders[@]}"
}
# sum: of lines of `packets bytes`.
sum() { awk '{ f += $1; b += $2 } END { print f + 0, b + 0 }'; }

claim "tasks that send and softirqs that come count for one counter on every CPU at once"
for rule in '-t raw -A PREROUTING' '-t mangle -A INPUT' '-A INPUT' '-A OUTPUT' '-t raw -A OUTPUT'; do
	# shellcheck disable=SC2086 # words
	in_ns n1 "$ipt" $rule -p udp -m pktstat --period 1us --samples 500 --name all
done
n1 "$ipt" -A OUTPUT -p udp -m pktstat --period 100us --samples 500 --name out
n1 "$ipt" -A INPUT -p udp -m pktstat --period 100us --samples 500 --name in
everybody 2000 "$addr1"
n=$((2000 * $(nproc)))
[[ $(totals out) == "$n $((n * (100 + header)))" ]]
wait_until '[[ $(counters INPUT 2) == "$n $((n * (100 + header)))" ]]'
counted=$({
	counters -t raw PREROUTING 1
	counters -t mangle INPUT 1
	counters INPUT 1
	counters OUTPUT 1
	counters -t raw OUTPUT 1
} | sum)
[[ $counted == "$((5 * n)) $((5 * n * (100 + header)))" ]]
wait_until '[[ $(totals all) == "$counted" ]]'
conserved all
conserved out OUTPUT 2
conserved in INPUT 2

claim "what is forwarded is counted on its way, by whichever CPU it takes"
n1 "$ipt" -A FORWARD -p udp -m pktstat --period 100us --samples 500 --name fwd
n1 "$ipt" -t mangle -A FORWARD -p udp -m pktstat --period 1 --samples 500 --name fwd.mangle
n1 "$ipt" -t mangle -A POSTROUTING -p udp -d "$addr2" -m pktstat --period 1s --samples 500 --name post
everybody 1000 "$addr2"
n=$((1000 * $(nproc)))
wait_until '[[ $(counters FORWARD 1) == "$n $((n * (100 + header)))" ]]'
wait_until '[[ $(counters -t mangle POSTROUTING 1) == "$(counters FORWARD 1)" ]]'
conserved fwd FORWARD 1
[[ $(totals fwd.mangle) == "$(totals fwd)" && $(totals post) == "$(totals fwd)" ]]
conserved fwd.mangle
conserved post

claim "what is bridged is counted where br_netfilter shows it to iptables"
for table in filter mangle raw; do in_ns n1 "$ipt" -t $table -F; done
for counter in all out in fwd fwd.mangle post; do gone "$counter"; done
modprobe br_netfilter
ip -n n1 link add br0 type bridge
for dev in v10 v12; do
	ip -n n1 addr flush dev $dev
	ip -n n1 link set $dev master br0
done
ip -n n1 link set br0 up
in_ns n1 sysctl -qw net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1
# The same net on both sides of it.
ip -n n0 addr flush dev v01
ip -n n2 addr flush dev v21
case $family in
4)
	addr2=10.9.0.3
	ip -n n0 addr add 10.9.0.1/24 dev v01
	ip -n n2 addr add 10.9.0.3/24 dev v21
	;;
6)
	addr2=fd09::3
	ip -n n0 addr add fd09::1/64 dev v01 nodad
	ip -n n2 addr add fd09::3/64 dev v21 nodad
	;;
esac
ip -n n0 neigh replace "$addr2" lladdr 02:00:00:00:02:01 dev v01 nud permanent
n1 "$ipt" -t raw -A PREROUTING -p udp -m pktstat --period 100us --samples 500 --name bridge.pre
n1 "$ipt" -A FORWARD -p udp -m pktstat --period 1us --samples 500 --name bridge.fwd
n1 "$ipt" -t mangle -A POSTROUTING -p udp -m pktstat --period 100 --samples 500 --name bridge.post
n0 udp "$addr2" 500 100
n0 udp -g 1000 "$addr2" 3 5000
wait_until '[[ $(counters FORWARD 1) == "503 "* ]]'
for at in 'raw PREROUTING bridge.pre' 'filter FORWARD bridge.fwd' 'mangle POSTROUTING bridge.post'; do
	read -r table chain counter <<<"$at"
	wait_until '[[ $(totals '"$counter"') == "$(counters -t '"$table $chain"' 1)" ]]'
	[[ $(totals "$counter") == "503 $((500 * (100 + header) + 3 * (5000 + header)))" ]]
	conserved "$counter"
done
