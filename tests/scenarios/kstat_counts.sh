# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What kstat counts twice, what not at all, and what stopping it does to other programs: as the man
# page says.
# timeout: 300

kstat_topology
echo 1 >"$enabled"
sums() {
	echo / >"$nout"
	# A sender hears of what is dropped.
	"$@" >/dev/null || true
	nout_row 'udp 10.9.0.1 10.9.0.2 v10'
}
# received NAMESPACE DEVICE: how many packets it has received.
received() { in_ns "$1" awk "\$1 == \"$2:\" { print \$3 }" /proc/net/dev; }
# last_drops: a chain of kstat's own priority that drops what leaves.
last_drops() {
	nft -f - <<-END
		table ip last {
			chain post {
				type filter hook postrouting priority 2147483647
				oif v10 udp dport 9 drop
			}
		}
	END
}

claim "what a chain of the same priority drops counts if it was there before, and not if it came later"
[[ $(sums udp 10.9.0.2 3 100) == "3 384" ]]
last_drops
[[ $(sums udp 10.9.0.2 1 100) == "" ]]
echo 0 >"$enabled"
echo 1 >"$enabled"
[[ $(sums udp 10.9.0.2 1 100) == "1 128" ]]
nft delete table ip last

claim "what AF_PACKET sends is not counted"
send_frames() {
	python3 -c '
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
packet = bytes.fromhex("4500001c00000000401166cd0a0900010a09000200090009000800 00".replace(" ", ""))
for _ in range(5): s.sendto(packet, ("v10", 0x800, 0, 0, bytes.fromhex("020000000020")))'
}
before=$(cat /sys/class/net/v10/statistics/tx_packets)
[[ $(sums send_frames) == "" ]]
(($(cat /sys/class/net/v10/statistics/tx_packets) - before >= 5))

claim "what an IPsec policy takes passes twice and counts twice, as it was and as it leaves"
secured() {
	ip xfrm policy add src 10.9.0.1 dst 10.9.0.2 dir out tmpl proto esp mode transport
	udp 10.9.0.2 4 100
	ip xfrm policy deleteall
}
if ! modprobe -a esp4 xfrm_user authenc crypto_null 2>/dev/null; then
	skip "IPsec: this kernel has no module for it"
else
	ip xfrm state add src 10.9.0.1 dst 10.9.0.2 proto esp spi 9 mode transport \
		enc 'ecb(cipher_null)' '' auth digest_null ''
	[[ $(sums secured) == "4 512" ]]
	# Of each payload: SPI and number, UDP's header and the data, two bytes of ESP's, in fours.
	[[ $(nout_row 'esp 10.9.0.1 10.9.0.2 v10') == "4 $((4 * (20 + 8 + 8 + 100 + 4)))" ]]
	ip xfrm state deleteall
fi

claim "bridged packets count where br_netfilter hands them to iptables"
if ! modprobe br_netfilter 2>/dev/null || ! ip link add br0 type bridge; then
	skip "bridged packets: this kernel has no module for them"
else
	for port in v10 v12; do ip link set $port master br0; done
	ip link set br0 up
	ip -n n2 addr add 10.9.0.9/24 dev v21
	ip -n n0 neigh replace 10.9.0.9 lladdr 02:00:00:00:00:22 dev v01 nud permanent
	for handed in 1 0; do
		sysctl -qw net.bridge.bridge-nf-call-iptables=$handed
		before=$(received n2 v21)
		wait_until '[[ $(bridge link show dev v12) == *forwarding* ]]'
		sums in_ns n0 udp 10.9.0.9 5 100
		counted=$(nout_row 'udp 10.9.0.2 10.9.0.9 br0')
		(($(received n2 v21) - before >= 5))
		case $handed in
		1) [[ $counted == "5 640" ]] ;;
		0) [[ $counted == "" ]] ;;
		esac
	done
	ip link del br0
	ip -n n2 addr del 10.9.0.9/24 dev v21
fi

leave() {
	ip link del v10
	ip link del v12
}
if ! modprobe -a vrf nft_queue nfnetlink_queue nft_flow_offload nf_flow_table_inet 2>/dev/null; then
	skip "VRF, flowtables, XDP, NFQUEUE: this kernel has not all of them"
	leave
	return 0
fi

claim "what leaves by a VRF passes twice and counts twice, once for each device"
ip link add vrf0 type vrf table 77
ip link set vrf0 up
ip link set v10 master vrf0
ip neigh replace 10.9.0.2 lladdr 02:00:00:00:00:20 dev v10 nud permanent
in_vrf() {
	python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"vrf0")
for _ in range(4): s.sendto(b"x" * 100, ("10.9.0.2", 9))'
}
[[ $(sums in_vrf) == "4 512" ]]
[[ $(nout_row 'udp 10.9.0.1 10.9.0.2 vrf0') == "4 512" ]]
ip link set v10 nomaster
ip link del vrf0
ip addr replace 10.9.0.1/24 dev v10

claim "what a flowtable forwards is not counted, but for the first two packets that add it"
nft -f - <<-END
	table ip fast {
		flowtable f {
			hook ingress priority 0
			devices = { v10, v12 }
		}
		chain forward {
			type filter hook forward priority 0
			udp dport 9 flow add @f
		}
	}
END
for counted in "2 256" "20 2560"; do
	before=$(received n2 v21)
	sums in_ns n0 udp 10.9.2.2 20 100
	wait_until '(($(received n2 v21) - before >= 20))'
	[[ $(nout_row 'udp 10.9.0.2 10.9.2.2 v12') == "$counted" ]]
	nft flush chain ip fast forward
done
nft delete table ip fast

claim "what XDP sends back is not counted"
python3 -c '
import ctypes, os, socket, struct, time
def bpf(command, *words):
    attributes = ctypes.create_string_buffer(struct.pack(*words), 128)
    fd = ctypes.CDLL(None).syscall({"x86_64": 321, "aarch64": 280}[os.uname().machine], command, attributes, 128)
    assert fd >= 0
    return fd
# r0 = XDP_TX; exit
code = ctypes.create_string_buffer(bytes.fromhex("b700000003000000 9500000000000000"))
license = ctypes.create_string_buffer(b"GPL")
program = bpf(5, "IIQQ", 6, 2, ctypes.addressof(code), ctypes.addressof(license))
link = bpf(28, "IIII", program, socket.if_nametoindex("v10"), 37, 2)
time.sleep(1000)' &
wait_until '[[ $(ip link show v10) == *xdpgeneric* ]]'
before=$(received n0 v01)
[[ $(sums in_ns n0 udp 10.9.0.1 5 100) == "" ]]
wait_until '(($(received n0 v01) - before >= 5))'
[[ $(grep -vc '^#' "$nout") == 0 ]]
kill %%

claim "stopping drops what waits in an NFQUEUE"
# queued NUMBER: so many packets wait.
queued() { [[ $(awk '{ print $3 }' /proc/net/netfilter/nfnetlink_queue) == "$1" ]]; }
python3 -c '
import socket, struct, time
def config(kind, value):
    attribute = struct.pack("=HH", 4 + len(value), kind) + value
    attribute += bytes(-len(attribute) % 4)
    return struct.pack("=IHHIIBBH", 20 + len(attribute), 3 << 8 | 2, 1, 0, 0, 0, 0, 0) + attribute
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
s.send(config(1, struct.pack(">BBH", 1, 0, 0)))
s.send(config(2, struct.pack(">IB", 0, 1)))
time.sleep(100)' &
wait_until 'queued 0'
nft -f - <<-END
	table ip waits {
		chain out {
			type filter hook output priority 0
			oif v10 udp dport 9 queue num 0
		}
	}
END
udp 10.9.0.2 4 100 >/dev/null
wait_until 'queued 4'
echo 0 >"$enabled"
queued 0
nft delete table ip waits
kill %%
leave
