# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
typed() {
	echo "# $*"
	eval "$*"
}

claim "update_stats makes a written counter what every tool shows"
typed 'ip link add eth9 type dummy'
typed 'echo eth9 > /sys/kernel/update_stats/update_stats'
typed 'echo 123456789 > /sys/kernel/eth9/statistics/rx_bytes'
typed 'ip -s link show eth9'
typed 'grep eth9 /proc/net/dev'
[[ $(awk '/eth9:/ { print $2 }' /proc/net/dev) == 123456789 ]]
typed 'echo -eth9 > /sys/kernel/update_stats/update_stats'
[[ $(awk '/eth9:/ { print $2 }' /proc/net/dev) == 0 ]]
ip link del eth9
