# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# --wire counts a super-packet as its segments, each with its own headers.
# variants: legacy4 nft6
# timeout: 300

topology 2
offload on
export ns=n0
n0 "$ipt" -A OUTPUT -p udp -m pktstat --period 100 --samples 100 --name host
n0 "$ipt" -A OUTPUT -p udp -m pktstat --period 100 --samples 100 --name wire --wire
n0 "$ipt" -A OUTPUT -p tcp -m pktstat --period 100 --samples 100 --name tcp --wire

claim "of ordinary packets both count the same"
send_udp 10 100
[[ $(totals host) == "10 $((10 * (100 + header)))" ]]
[[ $(totals wire) == "$(totals host)" ]]

claim "a super-packet of UDP is one for iptables and its segments on the wire"
n0 udp -g 1000 "$addr1" 1 20000
[[ $(totals host) == "11 $((10 * (100 + header) + 20000 + header))" ]]
[[ $(totals wire) == "30 $((10 * (100 + header) + 20 * (1000 + header)))" ]]

claim "its last segment may be shorter"
n0 udp -g 1000 "$addr1" 1 2500
[[ $(totals wire) == "33 $((10 * (100 + header) + 22 * (1000 + header) + 500 + header))" ]]

claim "one that is exactly one segment is one packet"
n0 udp -g 1000 "$addr1" 1 1000
[[ $(totals wire) == "34 $((10 * (100 + header) + 23 * (1000 + header) + 500 + header))" ]]

claim "rows say what the totals say"
conserved host OUTPUT 1
conserved wire

claim "TCP on the wire is what it is with offloads off"
# What the device sent: bytes with its Ethernet headers, packets as the wire has them.
in_ns n1 nc "-$family" -l -N 5000 </dev/null >received &
wait_until 'in_ns n1 ss -Hltn | grep -q :5000'
head -c 1000000 /dev/zero | in_ns n0 nc -N "$addr1" 5000
wait
read -r frames bytes < <(totals tcp)
read -r skbs len < <(counters OUTPUT 3)
echo "    wire $frames $bytes, iptables $skbs $len"
((frames > skbs && bytes > len))
# Each segment more has IP and TCP headers more: 20 or 40, and 20 with 12 of time stamps.
((bytes - len == (frames - skbs) * (header - 8 + 32)))
((frames >= 1000000 / 1448))

# From here on both ends tell what the wire between them brought. n0 makes super-packets, and its
# device cuts them. Either n1 takes each packet as it is, and iptables counts them there, or its
# device puts them together, and --wire takes them apart, as it does at n0.
n0 "$ipt" -F OUTPUT
# More than any sender has under way.
sysctl -qw net.core.netdev_max_backlog=100000
cut=(tx-gre-segmentation tx-gre-csum-segmentation tx-ipxip4-segmentation tx-ipxip6-segmentation
	tx-udp_tnl-segmentation tx-udp_tnl-csum-segmentation tx-udp-segmentation)
# together on|off: what n1's device does.
together() {
	local feature
	together=$1
	offload off
	in_ns n0 ethtool -K v01 tx on gso on >/dev/null
	for feature in "${cut[@]}"; do in_ns n0 ethtool -K v01 "$feature" off >/dev/null; done
	in_ns n1 ethtool -K v10 gro "$1" >/dev/null
}

# tcp ADDRESS [options]: sends 300 kB there, all of which arrive; with options of IP in each packet.
tcp() {
	local server
	in_ns n1 nc "-$family" -l -N 5000 </dev/null >received &
	server=$!
	wait_until 'in_ns n1 ss -Hltn | grep -q :5000'
	in_ns n0 python3 -c '
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.socket(family, socket.SOCK_STREAM) as stream:
    if sys.argv[2:] and family == socket.AF_INET:
        stream.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, b"\1" * 8)
    elif sys.argv[2:]:
        # A header of 16 bytes with an option that nobody knows.
        stream.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, bytes([0, 1, 0x1e, 12]) + bytes(12))
    stream.connect((sys.argv[1], 5000))
    stream.sendall(bytes(300000))
    stream.shutdown(socket.SHUT_WR)
    stream.recv(1)
' "$@"
	wait $server
	[[ $(stat -c %s received) == 300000 ]]
}

sent() { ns=n0 totals wire; }
received() {
	case $together in
	on) totals wire ;;
	off) counters -t raw PREROUTING 1 ;;
	esac
}
# super: whether there were super-packets where we look for them.
super() {
	local packets skbs bytes
	read -r packets bytes < <(totals wire)
	case $together in
	on) read -r skbs _ < <(counters -t raw PREROUTING 1) ;;
	off) read -r skbs _ < <(ns=n0 counters -t mangle POSTROUTING 1) ;;
	esac
	echo "    wire $packets $bytes, in $skbs packets of iptables"
	((packets > skbs))
}
# agree PROTOCOL COMMAND...: what goes over the cable by it is the same sum at both ends. What the
# kernel itself says over a young tunnel may come after one rule and before the other: then again.
agree() {
	local round
	for round in 1 2 3; do
		in_ns n0 "$ipt" -t mangle -F
		in_ns n1 "$ipt" -t raw -F
		n0 "$ipt" -t mangle -A POSTROUTING -o v01 -p "$1" -m pktstat --period 100 --samples 100 --name wire --wire
		n1 "$ipt" -t raw -A PREROUTING -i v10 -p "$1" -m pktstat --period 100 --samples 100 --name wire --wire
		# A device that is in time for each packet puts none together.
		until "${@:2}" >/dev/null && super; do sleep 0.1; done
		! wait_until '[[ $(sent) == "$(received)" ]]' || return 0
		echo "    round $round: sent $(sent), received $(received)"
	done
	return 1
}

claim "both ends agree on TCP and UDP that the sender's device cuts, with options of IP too"
export ns=n1
together off
agree tcp tcp "$addr1"
agree tcp tcp "$addr1" options
agree udp in_ns n0 udp -g 1000 "$addr1" 5 20300

# Before 5.13 a cable puts nothing together.
both=(off on)
kernel_is 5.13 || both=(off)

if [[ ${both[*]} == *on ]]; then
	claim "and on TCP that the receiver's device puts together"
	together on
	agree tcp tcp "$addr1"
	# Of IPv4 with options it puts nothing together.
	[[ $family == 4 ]] || agree tcp tcp "$addr1" options
fi

# tunnel KIND OPTION...: between n0 and n1, and the addresses in it.
case $family in
4) inner0=10.9.9.1/24 inner1=10.9.9.2/24 ;;
6) inner0=fd09:9::1/64 inner1=fd09:9::2/64 ;;
esac
tunnel() {
	local end here there inner
	for end in n0 n1; do
		case $end in
		n0) here=$addr0 there=$addr1 inner=$inner0 ;;
		n1) here=$addr1 there=$addr0 inner=$inner1 ;;
		esac
		ip -n $end link del tunnel 2>/dev/null || true
		ip -n $end link add tunnel type "$@" local "$here" remote "$there"
		ip -n $end addr add "$inner" dev tunnel
		# With some bytes for what is around: nothing goes in fragments, which are packets to one end only.
		ip -n $end link set tunnel mtu 1400 up
	done
}
# Whatever is in the tunnel, and what the tunnel is in, is repeated for each segment.
for together in "${both[@]}"; do
	claim "and in tunnels, with super-packets at the $([[ $together == on ]] && echo receiver || echo sender)"
	together "$together"
	case $family in
	4)
		tunnel ipip
		agree ipencap tcp "${inner1%/*}"
		tunnel gre
		agree gre tcp "${inner1%/*}"
		;;
	6)
		tunnel ip6tnl mode ip6ip6
		agree ipv6 tcp "${inner1%/*}"
		tunnel ip6gre
		agree gre tcp "${inner1%/*}"
		;;
	esac
	# Its device puts nothing together that has a checksum of its own.
	[[ $together == on ]] || {
		tunnel vxlan id 9 dstport 4789
		agree udp tcp "${inner1%/*}"
	}
done
