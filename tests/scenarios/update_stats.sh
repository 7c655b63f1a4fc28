# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# update_stats: what is written is what every tool shows, for every kind of device.
# timeout: 600
# cpus: 2
# nics: yes

claim "a written value is shown"
ip link add veth0 type veth peer name veth1
echo veth0 >/sys/kernel/update_stats/update_stats
[[ $(</sys/kernel/update_stats/update_stats) == veth0 ]]
echo 123456789012 >/sys/kernel/veth0/statistics/rx_bytes
[[ $(</sys/class/net/veth0/statistics/rx_bytes) == 123456789012 ]]
[[ $(</sys/kernel/veth0/statistics/rx_bytes) == 123456789012 ]]
ip -s link show veth0
grep -q ' veth0: *123456789012 ' /proc/net/dev
cat /sys/kernel/veth0/statistics/all
echo -veth0 >/sys/kernel/update_stats/update_stats
[[ $(</sys/class/net/veth0/statistics/rx_bytes) == 0 ]]
[[ ! -e /sys/kernel/veth0 ]]
ip link del veth0

modprobe -a virtio_pci virtio_net 2>/dev/null || true
nic=''
for dev in /sys/class/net/*; do
	[[ $(readlink -f "$dev/device/driver") != */virtio_net ]] || nic=${dev##*/}
done
# queues DEV VALUE: whether the kernel's statistics of its queues (qstats-get) say so.
queues() {
	python3 -c '
import socket, struct, sys
def attribute(kind, value):
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)
def ask(family, flags, command, attributes):
    length = 20 + len(attributes)
    s.send(struct.pack("=IHHIIBBH", length, family, flags | 1, 1, 0, command, 1, 0) + attributes)
    reply = s.recv(1 << 16)
    if struct.unpack_from("=H", reply, 4)[0] == 2:
        sys.exit("not known")
    return reply
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
reply, at = ask(16, 0, 3, attribute(2, b"netdev\0")), 20
while True:
    length, kind = struct.unpack_from("=HH", reply, at)
    if kind == 1:
        break
    at += (length + 3) & ~3
reply = ask(struct.unpack_from("=H", reply, at + 4)[0], 0x300, 12, b"")
assert attribute(1, struct.pack("=I", socket.if_nametoindex(sys.argv[1]))) in reply
print("shown" if struct.pack("=Q", int(sys.argv[2])) in reply else "not shown")
' "$@" 2>&1 || true
}
if [[ ! $nic ]]; then
	skip "what ethtool -S and the statistics of queues show: this machine has no card that has them"
	return 0
fi
claim "ethtool -S and the statistics of queues do not show it: they are the driver's own"
echo "$nic" >/sys/kernel/update_stats/update_stats
echo 123456789012 >"/sys/kernel/$nic/statistics/rx_bytes"
[[ $(<"/sys/class/net/$nic/statistics/rx_bytes") == 123456789012 ]]
ethtool -S "$nic" >said
[[ $(grep -c ': [0-9]' said) != 0 ]]
[[ $(grep -c 123456789012 said) == 0 ]]
shown=$(queues "$nic" 123456789012)
echo "    qstats-get: $shown"
# virtio_net has them since 6.11.
if kernel_is 6.11; then [[ $shown == "not shown" ]]; else [[ $shown == @(not shown|not known) ]]; fi
echo "-$nic" >/sys/kernel/update_stats/update_stats
