# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The module goes and comes again, over and over, against whatever may go on at the same time. Each
# variant is a race of two minutes (pktstat_race_seconds), under traffic; tests/lab/races has the
# players, and `together` has all of them. Each must have done its part, and everything must work
# afterwards.
# variants: readers pollers rules namespaces interfaces hotplug clock together
# cpus: 3
# timeout: 2400
# files: tests/lab/races

seconds=$(boot_word race_seconds)
modprobe -a dummy veth
topology 2
# Packets come as softirqs on every CPU.
ip netns exec n1 bash -c 'echo 7 >/sys/class/net/v10/queues/rx-0/rps_cpus'

players=(loader)
case $VARIANT in
readers) players+=(legacy6 nft4 reader reader reader) ;;
pollers) players+=(legacy6 nft4 poller poller waiter waiter) ;;
rules) players+=(changes_legacy6 changes_nft4 reader) ;;
namespaces) players+=(namespaces namespaces) ;;
interfaces) players+=(renamer feeder kstat) ;;
hotplug) players+=(legacy6 nft4 reader hotplug) ;;
clock) players+=(legacy6 nft4 reader waiter clock) ;;
together) players+=(changes_legacy6 changes_nft4 reader poller waiter namespaces renamer feeder kstat hotplug clock) ;;
esac

claim "the module is loaded and unloaded against $VARIANT for ${seconds:-120} s, and all that was counted is right"
for to in "$addr1" fd09::2; do
	# Itself in the background, not a shell that waits for it.
	nsenter --net=/run/netns/n0 udp -b 2 -i 50000 "$to" 1000000000 100 >/dev/null &
	senders+=($!)
done
python3 -u /t/races "${seconds:-120}" "${players[@]}"
kill "${senders[@]}"
wait "${senders[@]}" || true
[[ $(nproc) == $(nproc --all) ]]

claim "nothing uses the module, and it leaves nothing behind"
for ipt in ip6tables-legacy iptables-nft; do in_ns n1 $ipt -F; done
wait_until 'rmmod xt_pktstat 2>/dev/null || [[ ! -e /sys/module/xt_pktstat ]]'
for left in /proc/net/xt_pktstat /proc/kstat /sys/kernel/{kstat,update_stats} /sys/kernel/race?; do [[ ! -e $left ]]; done
! in_ns n1 test -e /proc/net/xt_pktstat || false
! grep '^dev_get_stats ' /sys/kernel/tracing/enabled_functions || false
modprobe xt_pktstat

claim "a new counter counts what is sent, as iptables does"
for ipt in iptables-legacy iptables-nft; do
	n1 $ipt -A INPUT -p udp -m pktstat --period 10 --samples 100 --name fresh
	rm -f "$(rows_file fresh)"
	send_udp 50 100 -b 5 -i 2000 >/dev/null
	wait_until '[[ $(totals fresh) == "50 6400" ]]'
	conserved fresh INPUT 1
	n1 $ipt -F INPUT
	wait_until gone fresh
done

claim "so do kstat and update_stats"
ip link add d0 type dummy
on d0
echo 1000 >"$(stat_file d0 tx_errors)"
[[ $(shown d0 tx_errors) == 1000 ]]
off d0
[[ $(shown d0 tx_errors) == 0 ]]
ip link del d0
echo 1 >"$counter"
echo / >"$nout"
echo 1 >"$enabled"
udp 127.0.0.1 20 100 >/dev/null
[[ $(nout_row "udp 127.0.0.1 127.0.0.1 lo") == "20 2560" ]]
echo 0 >"$enabled"
