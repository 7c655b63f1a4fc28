# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The packages, in a root that they are installed in.
# timeout: 900

export DEBIAN_FRONTEND=noninteractive
loaded() { [[ -d /sys/module/xt_pktstat ]]; }
rule=(INPUT -p icmp -m pktstat --period 1 --samples 100 --name ping)
ns_frames() { sed -n 's/^frames: //p' /proc/net/xt_pktstat/ping/status; }

for ipt in iptables iptables-legacy; do
	claim "$ipt -A INPUT -m pktstat loads the module by itself, and it counts"
	! loaded || false
	$ipt -A "${rule[@]}"
	loaded
	ping -q -c 3 -i 0.2 127.0.0.1
	wait_until '[[ $(ns_frames) == 6 ]]'
	sleep 0.1
	cat /proc/net/xt_pktstat/ping/status
	[[ $(awk '!/^#/ { sum += $2 } END { print sum }' /proc/net/xt_pktstat/ping/data) == 6 ]]
	[[ $ipt == iptables ]] || break

	claim "without rules it unloads, with a rule it does not"
	refused 1 '*in use*' modprobe -r xt_pktstat
	$ipt -F INPUT
	wait_until 'modprobe -r xt_pktstat'
	! loaded || false
done

claim "a rule in place keeps the module from being removed, in so many words"
refused 1 '*1 iptables rule*iptables-save | grep pktstat*' dpkg -r xt-pktstat-dkms
loaded

claim "a rule in place keeps the extension from being removed"
refused 1 '*can neither print nor save*' dpkg -r --force-depends xt-pktstat-iptables
iptables-legacy -C "${rule[@]}"

claim "after the rule is gone, apt purge unloads the module and leaves no file"
iptables-legacy -F INPUT
apt-get -qy purge xt-pktstat-dkms xt-pktstat-iptables xt-pktstat-tools
! loaded || false
left=$(find / -xdev \( -path /var/log -o -path /tmp -o -path /var/lib/apt \) -prune -o \
	\( -iname '*pktstat*' -o -iname '*pkttop*' \) -print)
[[ $left == "" ]]
