# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
kstat_topology
typed() {
	echo "# $*"
	eval "$*"
}

claim "kstat shows who this host sends to"
typed 'echo 1 > /sys/kernel/kstat/enabled'
typed 'ping -q -c 3 -i 0.2 10.9.0.2 >/dev/null'
typed 'udp 10.9.0.2 20 56 >/dev/null'
typed 'cat /proc/kstat/nout'
typed 'echo 0 > /sys/kernel/kstat/enabled'
grep -qx 'icmp 10.9.0.1 10.9.0.2 v10 3 252' /proc/kstat/nout
grep -qx 'udp 10.9.0.1 10.9.0.2 v10 20 1680' /proc/kstat/nout
