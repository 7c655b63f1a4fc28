# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# update_stats: what is written is what every tool shows, for every kind of device.
# timeout: 600
# cpus: 2

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
