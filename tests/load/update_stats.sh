# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# update_stats: what is written is what every tool shows, on every kind of device, and what the
# device counts later is added on top.
# timeout: 900
# cpus: 2
# nics: yes

sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.accept_ra=0
quiet_ns peer

# --- Devices. Each has 10.7.0.1 and fd07::1, and knows who is 10.7.0.2 and fd07::2. ----------------

mac1=02:07:00:00:00:01 mac2=02:07:00:00:00:02

# far DEV: the other end of the wire, in the other namespace.
far() {
	ip link set "$1" netns peer
	in_ns peer sysctl -qw "net.ipv6.conf.${1/./\/}.accept_dad=0"
	ip -n peer link set "$1" address $mac2 up
	speak "-n peer" "$1" 2
}
# speak NETNS DEV NUMBER: addresses and neighbours.
speak() {
	local other=$((3 - $3)) mac=mac$((3 - $3))
	# shellcheck disable=SC2086 # none or two words
	{
		ip $1 addr add "10.7.0.$3/24" dev "$2"
		ip $1 addr add "fd07::$3/64" dev "$2" nodad
		ip $1 neigh replace "10.7.0.$other" lladdr "${!mac}" dev "$2" nud permanent
		ip $1 neigh replace "fd07::$other" lladdr "${!mac}" dev "$2" nud permanent
	}
}
wire() { ip link add "$1" address "${2:-$mac1}" type veth peer name far; }

make_veth() { wire veth0 && far far; }
# Loading the modules makes a dummy0 and a bond0.
make_dummy() { ip link add dummy7 type dummy; }
make_bridge() {
	ip link add bridge0 address $mac1 type bridge mcast_snooping 0
	wire port0 02:07:00:00:00:03
	ip link set port0 master bridge0 up
	far far
}
make_vlan() {
	wire trunk0
	ip link set trunk0 up
	ip link set far netns peer
	ip -n peer link set far up
	ip -n peer link add link far name far.5 type vlan id 5
	ip -n peer link set far.5 netns 1
	ip link add link trunk0 name vlan0 type vlan id 5
	far far.5
}
make_bond() {
	ip link add bond7 address $mac1 type bond mode active-backup miimon 100
	wire slave0
	ip link set slave0 master bond7
	far far
}
make_macvlan() {
	wire lower0 02:07:00:00:00:03
	ip link set lower0 up
	ip link add link lower0 name macvlan0 address $mac1 type macvlan mode bridge
	far far
}
make_virtio() {
	local pci
	modprobe -a virtio_pci virtio_net
	for pci in /sys/class/net/*/device/driver; do
		[[ $(readlink "$pci") != */virtio_net ]] || echo "${pci:15}"
	done
	ip link set eth0 address $mac1
	ip link set eth1 address $mac2
	far eth1
}
# The far end of a tun is a program: whatever comes in goes back where it came from.
make_tun() {
	mkdir -p /dev/net
	[[ -e /dev/net/tun ]] || mknod /dev/net/tun c 10 200
	python3 - >/run/tun.log 2>&1 <<-'END' &
	import fcntl, os, struct
	tun = os.open("/dev/net/tun", os.O_RDWR)
	fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH22x", b"tun0", 0x1001))
	while True:
	    packet = bytearray(os.read(tun, 65536))
	    if packet[0] >> 4 == 4:
	        packet[12:16], packet[16:20] = packet[16:20], packet[12:16]
	        icmp = 20
	    else:
	        packet[8:24], packet[24:40] = packet[24:40], packet[8:24]
	        icmp = 40
	    if packet[icmp] in (8, 128):
	        old = packet[icmp] << 8
	        packet[icmp] = {8: 0, 128: 129}[packet[icmp]]
	        total = (packet[icmp + 2] << 8 | packet[icmp + 3]) + old - (packet[icmp] << 8)
	        total = (total & 0xffff) + (total >> 16)
	        packet[icmp + 2:icmp + 4] = struct.pack("!H", total & 0xffff)
	        os.write(tun, packet)
	END
	tun=$!
	wait_until '[[ -e /sys/class/net/tun0 ]]'
}

rm_dev() {
	case $1 in
	lo) ip link set lo up ;;
	tun0) kill "$tun" ;;
	eth0) ip -n peer link set eth1 netns 1 ;;
	*) ip link del "$1" ;;
	esac
	ip -n peer link del far 2>/dev/null || true
	ip link del far 2>/dev/null || true
}

# --- Tools. ---------------------------------------------------------------------------------------

# From make test-load. It speaks over lo, which is down while lo is looked at.
/t/prometheus-node-exporter --web.listen-address=127.0.0.1:9100 --collector.disable-defaults \
	--collector.netdev --collector.netdev.device-exclude='^$' >/run/exporter.log 2>&1 &
wait_until "grep -q 'Listening on' /run/exporter.log"

# all_tools_show DEV: every tool shows what is in /run/wanted, lines of name and value.
all_tools_show() {
	python3 - "$1" <<-'END'
	import json, re, subprocess, sys
	from urllib.request import urlopen
	dev = sys.argv[1]
	wanted = {name: int(value) for name, value in map(str.split, open("/run/wanted"))}
	assert len(wanted) == 23, wanted
	bad = []
	def check(tool, shown, least):
	    if len(shown) < least:
	        bad.append(f"{tool} shows only {shown}")
	    bad.extend(f"{tool}: {name} is {value} and not {wanted[name]}"
	        for name, value in shown.items() if name in wanted and value != wanted[name])
	def run(*command):
	    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
	def numbers(text):
	    return {name: int(value) for name, value in map(str.split, text.splitlines())}

	for dir in (f"/sys/class/net/{dev}", f"/sys/kernel/{dev}"):
	    check(dir, {name: int(open(f"{dir}/statistics/{name}").read()) for name in wanted}, 23)
	check("all", numbers(open(f"/sys/kernel/{dev}/statistics/all").read()), 23)

	def keys(stats):
	    return {name if name in wanted else f"{way}_{name}": value
	        for way in ("rx", "tx") for name, value in stats[way].items()}
	check("ip -j", keys(json.loads(run("ip", "-j", "-s", "-s", "link", "show", "dev", dev))[0]["stats64"]), 19)
	words = re.findall(r"\d+", re.sub(r"(?s).*?RX:[^\n]*\n", "", run("ip", "-s", "link", "show", "dev", dev), 1))
	if words[:2] != [str(wanted["rx_bytes"]), str(wanted["rx_packets"])]:
	    bad.append(f"ip -s: {words}")

	w = wanted
	sums = [w["rx_bytes"], w["rx_packets"], w["rx_errors"], w["rx_dropped"] + w["rx_missed_errors"],
	    w["rx_fifo_errors"], w["rx_length_errors"] + w["rx_over_errors"] + w["rx_crc_errors"] + w["rx_frame_errors"],
	    w["rx_compressed"], w["multicast"], w["tx_bytes"], w["tx_packets"], w["tx_errors"], w["tx_dropped"],
	    w["tx_fifo_errors"], w["collisions"], w["tx_carrier_errors"] + w["tx_aborted_errors"]
	    + w["tx_window_errors"] + w["tx_heartbeat_errors"], w["tx_compressed"]]
	line = next(line for line in open("/proc/net/dev") if line.split(":")[0].strip() == dev)
	if [int(word) for word in line.split(":")[1].split()] != sums:
	    bad.append(f"/proc/net/dev: {line} and not {sums}")
	text = run("ifconfig", dev)
	for start, names in (("RX packets", ("rx_packets", "rx_bytes")), ("TX packets", ("tx_packets", "tx_bytes"))):
	    shown = re.search(start + r" (\d+)  bytes (\d+)", text)
	    if [int(group) for group in shown.groups()] != [wanted[name] for name in names]:
	        bad.append(f"ifconfig: {shown[0]}")
	if dev != "lo":
	    text = urlopen("http://127.0.0.1:9100/metrics").read().decode()
	    metrics = {f"{way}_{name}": re.search(rf'^node_network_{word}_{short}_total{{device="{dev}"}} (\S+)$', text, re.M)
	        for way, word in (("rx", "receive"), ("tx", "transmit"))
	        for name, short in (("bytes", "bytes"), ("packets", "packets"), ("errors", "errs"))}
	    check("node_exporter", {name: int(float(found[1])) for name, found in metrics.items() if found}, 6)
	print("\n".join(bad))
	sys.exit(bool(bad))
	END
}

# Every sum of /proc/net/dev stays below what awk can count exactly.
wanted_values() { all_shown "$1" | awk '{ printf "%s %.0f\n", $1, 4000000000000 + NR * 1000000007 }'; }

# --- Every kind of device. ------------------------------------------------------------------------

# A bond that is down still shows what its slave receives.
down() {
	ip link set "$1" down
	[[ $1 != bond7 ]] || ip link set slave0 down
}
up() {
	ip link set "$1" up
	[[ $1 != bond7 ]] || ip link set slave0 up
}

# holds KIND DEV ADDRESS4 ADDRESS6
holds() {
	local kind=$1 dev=$2 reader
	claim "$kind: all 23 values are shown at once by every tool"
	[[ $kind == lo ]] || "make_$kind"
	# Nothing moves while it is down, so the sums below are exact.
	down "$dev"
	all_shown "$dev" >/run/before
	on "$dev"
	all_shown "$dev" >/run/now
	cmp /run/before /run/now
	wanted_values "$dev" >/run/wanted
	cat /run/wanted >"$(stat_file "$dev" all)"
	all_tools_show "$dev"
	# One by one too, and other values.
	awk '{ printf "%s %.0f\n", $1, $2 + 5 }' /run/wanted >/run/wanted2
mv /run/wanted2 /run/wanted
	while read -r name value; do echo "$value" >"$(stat_file "$dev" "$name")"; done </run/wanted
	all_tools_show "$dev"

	claim "$kind: real traffic of both families is added on top, and never takes away"
	if [[ $dev != lo ]]; then
		[[ $dev == tun0 ]] || ip link set "$dev" arp on
		speak "" "$dev" 1 2>/dev/null || tun_speaks
	fi
	up "$dev"
	monotonic "$dev" &
	reader=$!
	wait_until "ping -q -c 1 -W 1 $3 || [[ $kind == dummy ]]"
	ping -q -c 100 -i 0.002 -s 300 "$3" || [[ $kind == dummy ]]
	ping -q -c 100 -i 0.002 -s 300 "$4" || [[ $kind == dummy ]]
	touch /run/enough
	wait $reader
	down "$dev"
	all_shown "$dev" >/run/after
	off "$dev"
	all_shown "$dev" >/run/own
	# What the device counted meanwhile is what the shown values grew by.
	python3 - "$kind" <<-'END'
	import sys
	before, own, wanted, after = ({name: int(value) for name, value in map(str.split, open(f"/run/{file}"))}
	    for file in ("before", "own", "wanted", "after"))
	for name in wanted:
	    grown, counted = after[name] - wanted[name], own[name] - before[name]
	    assert grown == counted, f"{name} grew by {grown} and the device counted {counted}"
	ways = ("tx",) if sys.argv[1] == "dummy" else ("rx", "tx")
	for way in ways:
	    print(way, after[f"{way}_packets"] - wanted[f"{way}_packets"], "packets")
	    assert own[f"{way}_packets"] - before[f"{way}_packets"] >= 200, way
	END
	[[ ! -e /sys/kernel/$dev ]]
	rm_dev "$dev"
}
tun_speaks() {
	ip addr add 10.7.0.1/24 dev tun0 || true
	ip addr add fd07::1/64 dev tun0 nodad || true
}

# monotonic DEV: reads until /run/enough; no value ever falls, none is below what was written.
monotonic() {
	rm -f /run/enough
	python3 - "$1" <<-'END'
	import os, sys
	last = {name: int(value) for name, value in map(str.split, open("/run/wanted"))}
	reads = 0
	while not os.path.exists("/run/enough"):
	    for name in last:
	        value = int(open(f"/sys/class/net/{sys.argv[1]}/statistics/{name}").read())
	        assert value >= last[name], f"{name} fell from {last[name]} to {value}"
	        last[name] = value
	    reads += 1
	print(reads, "times read, never less")
	END
}

holds veth veth0 10.7.0.2 fd07::2
holds dummy dummy7 10.7.0.2 fd07::2
holds tun tun0 10.7.0.2 fd07::2
holds bridge bridge0 10.7.0.2 fd07::2
holds vlan vlan0 10.7.0.2 fd07::2
holds bond bond7 10.7.0.2 fd07::2
holds macvlan macvlan0 10.7.0.2 fd07::2
holds virtio eth0 10.7.0.2 fd07::2
holds lo lo 127.0.0.1 ::1

# --- Devices that ask each other. -----------------------------------------------------------------

claim "a bond sees what is written to its slave, and falls with nothing"
make_bond
ip link set bond7 up
ip link set slave0 up
bond=$(shown bond7 rx_bytes)
on slave0
before=$(shown slave0 rx_bytes)
echo $((before + 7000000000)) >"$(stat_file slave0 rx_bytes)"
risen=$(shown bond7 rx_bytes)
((risen >= bond + 7000000000 && risen < bond + 7000100000))
echo 0 >"$(stat_file slave0 rx_bytes)"
(($(shown bond7 rx_bytes) >= risen))
off slave0
(($(shown bond7 rx_bytes) >= risen))

claim "a bond that is on itself shows its own value and its slave's growth"
on bond7
on slave0
echo 5000000000000 >"$(stat_file bond7 rx_bytes)"
echo $(($(shown slave0 rx_bytes) + 1000000000000)) >"$(stat_file slave0 rx_bytes)"
((risen = $(shown bond7 rx_bytes)))
((risen >= 6000000000000 && risen < 6000000100000))
[[ $(<"$orders") == $'bond7\nslave0' ]]
off bond7
off slave0

claim "a value near the end of 64 bits wraps, as the kernel's counters do"
on lo
echo 18446744073709551615 >"$(stat_file lo tx_packets)"
[[ $(shown lo tx_packets) == 18446744073709551615 ]]
ip link set lo up
ping -q -c 1 127.0.0.1
(($(shown lo tx_packets) >= 0 && $(shown lo tx_packets) < 100))
off lo
