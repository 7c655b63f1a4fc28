# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# --wire counts a super-packet as its segments, each with its own headers.
# variants: legacy4 nft6

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
