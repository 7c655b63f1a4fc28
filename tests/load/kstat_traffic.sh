# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2086 # paths without blanks
# kstat on traffic of every kind, against nft's own counters at the same place.
# cpus: 2
# timeout: 400

kstat_topology
modprobe -a nf_tables nft_chain_nat nft_nat 2>/dev/null || true

# The same flows, counted by nft: `compare` wants both the same, to the byte.
nft_flows() {
	nft -f - <<-END
	table inet twin {
		set v4 { type inet_proto . ipv4_addr . ipv4_addr . ifname; flags dynamic; size 60000; counter; }
		set v6 { type inet_proto . ipv6_addr . ipv6_addr . ifname; flags dynamic; size 60000; counter; }
		counter sum { }
		chain out {
			type filter hook postrouting priority 400; policy accept;
			counter name sum
			meta nfproto ipv4 update @v4 { meta l4proto . ip saddr . ip daddr . oifname }
			meta nfproto ipv6 update @v6 { meta l4proto . ip6 saddr . ip6 daddr . oifname }
		}
	}
	END
}
twin_sum() { nft list counter inet twin sum | sed -n 's/.*packets \([0-9]*\) bytes \([0-9]*\).*/\1 \2/p'; }
# Both sides in one form: protocol source destination device frames bytes.
twin_rows() {
	nft -j list table inet twin | python3 -c '
import json, sys
names = {"ipv6-icmp": "icmpv6", "igmp": "2"}
for item in json.load(sys.stdin)["nftables"]:
    for elem in item.get("set", {}).get("elem", []):
        elem = elem["elem"]
        proto, src, dst, dev = elem["val"]["concat"]
        count = elem["counter"]
        print(names.get(proto, proto), src, dst, dev, count["packets"], count["bytes"])' | sort
}
compare() {
	# Strays may come between two looks: look until nothing does.
	wait_until '[[ $(grep -v "^#" $nout | sort) == "$(twin_rows)" ]]'
	grep -v '^#' $nout | sort
	[[ $(nout_sum) == "$(twin_sum)" ]]
}
sent() { cat "/sys/class/net/$1/statistics/tx_packets"; }

nft_flows
echo 1 >$enabled
echo / >$nout
nft reset counters table inet twin
nft flush set inet twin v4
nft flush set inet twin v6

claim "local UDP, IPv4 and IPv6, on loopback too"
before=$(sent v12)
udp 10.9.2.2 50 100 >/dev/null
udp fd09:2::2 40 100 >/dev/null
udp 127.0.0.1 30 100 >/dev/null
[[ $(nout_row 'udp 10.9.2.1 10.9.2.2 v12') == "50 6400" ]]
[[ $(nout_row 'udp fd09:2::1 fd09:2::2 v12') == "40 5920" ]]
[[ $(nout_row 'udp 127.0.0.1 127.0.0.1 lo') == "30 3840" ]]
compare
(($(sent v12) - before >= 90))

claim "ICMP and ICMPv6"
ping -qc 5 -i 0.2 10.9.0.2 >/dev/null
ping -qc 5 -i 0.2 fd09:0::2 >/dev/null
[[ $(nout_row 'icmp 10.9.0.1 10.9.0.2 v10') == "5 420" ]]
[[ $(nout_row 'icmpv6 fd09::1 fd09::2 v10') == "5 520" ]]
compare

claim "forwarded, both ways and both families"
n0 udp 10.9.2.2 25 100 >/dev/null
n2 udp fd09:0::2 25 100 >/dev/null
[[ $(nout_row 'udp 10.9.0.2 10.9.2.2 v12') == "25 3200" ]]
[[ $(nout_row 'udp fd09:2::2 fd09::2 v10') == "25 3700" ]]
compare

claim "NAT: what leaves is shown"
nft -f - <<-END
table ip nat_test {
	chain post {
		type nat hook postrouting priority srcnat;
		ip daddr 10.9.2.2 udp dport 77 snat to 10.9.2.99
	}
}
END
n0 udp -p 77 10.9.2.2 12 100 >/dev/null
[[ $(nout_row 'udp 10.9.2.99 10.9.2.2 v12') == "12 1536" ]]
[[ $(nout_row 'udp 10.9.0.2 10.9.2.2 v12') == "25 3200" ]]
compare
nft delete table ip nat_test

claim "TCP with segments left to the device: a packet is what netfilter sees"
ethtool -K v10 tx on tso on gso on >/dev/null
n0 ethtool -K v01 gro on >/dev/null
n0 iperf3 -s -1 >/dev/null &
wait_until "n0 ss -ltn | grep -q 5201"
iperf3 -c 10.9.0.2 -n 4M >/dev/null
wait
compare
row=$(nout_row 'tcp 10.9.0.1 10.9.0.2 v10')
((${row#* } > 4194304 && ${row#* } / ${row% *} > 1500))

claim "a UDP super-packet is one packet with all its bytes"
udp -g 500 10.9.0.2 10 5000 >/dev/null
[[ $(nout_row 'udp 10.9.0.1 10.9.0.2 v10') == "10 50280" ]]
compare

claim "multicast, with nobody listening here and with somebody"
ip route add 239.1.2.0/24 dev v10
udp 239.1.2.3 10 100 >/dev/null
[[ $(nout_row 'udp 10.9.0.1 239.1.2.3 v10') == "10 1280" ]]
ip -6 route add ff15::/16 dev v10 table local
udp ff15::7 10 100 >/dev/null
[[ $(nout_row 'udp fd09::1 ff15::7 v10') == "10 1480" ]]
compare
python3 - <<-END &
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
             socket.inet_aton("239.1.2.3") + socket.inet_aton("10.9.0.1"))
time.sleep(30)
END
wait_until "ip maddr show dev v10 | grep -q 239.1.2.3"
udp 239.1.2.3 10 100 >/dev/null
compare
kill %%
ip route del 239.1.2.0/24

claim "fragments: IPv6 of any size is distinguished by the protocol that it carries"
udp 10.9.0.2 5 4000 >/dev/null
udp fd09::2 5 4000 >/dev/null
n2 udp fd09::2 5 4000 >/dev/null
compare
! grep -q '^44 ' $nout || false

claim "protocols without a name of their own, and raw ones with"
python3 - <<-END
import socket
for number in (89, 132, 47, 50, 51, 33, 136, 253):
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, number)
    s.sendto(b"x" * 60, ("10.9.0.2", 0))
END
for row in 89 sctp gre esp ah dccp udplite 253; do
	[[ $(nout_row "$row 10.9.0.1 10.9.0.2 v10") == "1 80" ]]
done

claim "another namespace's packets do not count"
echo / >$nout
n0 ping -qc 2 -i 0.2 127.0.0.1 >/dev/null
n0 udp 127.0.0.1 20 10 >/dev/null
! grep -q '127\.0\.0\.1' $nout || false

nft delete table inet twin
echo 0 >$enabled
ip link del v10
ip link del v12
