# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# bench/machine, which measures a real machine, works and leaves nothing behind. Its figures mean
# nothing here.
# cpus: 2
# files: bench/machine
# timeout: 400

state() {
	cut -d' ' -f1 /proc/modules | grep -E '^(pktgen|xt_pktstat)$' || true
	{ readlink /proc/[0-9]*/ns/net 2>/dev/null || true; } | sort -u | wc -l
	iptables-save -t raw | grep -v '^#'
	nft list ruleset
	grep -c bpf /proc/mounts || true
}
rmmod xt_pktstat
state >before

claim "each case is measured, from a dummy device and through a veth device, on one CPU and on two"
/t/machine --packets 2000 --rounds 2 >figures
cat figures
for title in "received from a dummy device" "sent through a veth device"; do
	[[ $(grep -c "^| $title, ns a packet | 1 CPU | 2 CPUs |$" figures) == 1 ]]
done
number='-?[0-9]+\.[0-9]'
[[ $(grep -cE "^\| [^|]+ \| $number \($number to $number\) \| $number \($number to $number\) \|$" figures) == 24 ]]
grep -q '^| \*\*-m pktstat --wire, 1ms\*\* |' figures
grep -q '^| -m nfacct |' figures
grep -q '^| -m bpf, a counter for each CPU |' figures

claim "nothing is left: modules, rules and mounts are as before"
wait_until 'state >after && cmp -s before after' || diff before after

claim "where there are rules it does not run, and leaves them alone"
modprobe xt_pktstat
iptables -A INPUT -s 192.0.2.1 -j DROP
refused 1 '*this machine has firewall rules*' /t/machine --packets 2000 --rounds 1
iptables -C INPUT -s 192.0.2.1 -j DROP
iptables -D INPUT -s 192.0.2.1 -j DROP
