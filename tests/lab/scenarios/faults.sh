# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Memory that is not there: in everything that the module does, each allocation fails in turn.
# tests/tools/faults.c knows which errno is right for what, and tries again after each failure;
# that nothing leaked is seen when the run is over. Adding a rule is hostile.c's.
# timeout: 3600

module=$(modinfo -n xt_pktstat)
data=$(proc web data)
debug=/sys/kernel/debug

claim "this kernel lets allocations fail, those that may wait for memory too"
[[ -e /proc/thread-self/fail-nth ]]
let_allocations_fail
for kind in failslab fail_page_alloc; do
	# In tasks that ask for it only, with `faults -o`: each one and not the nth.
	echo Y >$debug/$kind/task-filter
	echo 100 >$debug/$kind/probability
	echo -1 >$debug/$kind/times
done

# What must come to no harm: a counter, and later an interface that is on.
topology 2
n1 "$ipt" -A INPUT -p udp -m pktstat --period 1 --samples 100 --name web
unharmed() {
	send_udp 5 100 >/dev/null
	conserved web INPUT 1
}
unharmed

claim "opening and reading status"
n1 faults read "$(proc web status)"
n1 faults -o read "$(proc web status)"
unharmed

claim "opening and reading data: no frame is lost"
one_more='nsenter --net=/run/netns/n0 udp 10.9.0.2 1 100 >/dev/null'
drain() { n1 faults -b "$one_more" "$@" drain "$data" | grep -v '^#' >>"$(rows_file web)"; }
drain
drain -o
unharmed

claim "starting kstat"
faults -u "echo 0 >$enabled" write "$enabled" 1
faults -o -u "echo 0 >$enabled" write "$enabled" 1
unharmed

claim "learning flows, and reading them"
echo 1 >"$enabled"
echo 1 >"$counter"
echo / >"$nout"
"$ipt" -t mangle -A POSTROUTING -d 127.1.0.0/16 -p udp
faults send 127.1.0.1
learned=$(awk '$3 ~ /^127\.1\./ { f += $5; b += $6 } END { print f, b }' "$nout")
[[ $learned == "$("$ipt" -t mangle -nvxL POSTROUTING 1 | awk 'NF { print $1, $2 }')" ]]
"$ipt" -t mangle -F POSTROUTING
faults read "$nout"
faults -o read "$nout"
unharmed

claim "kstat's other files"
for file in $enabled $counter; do faults read "$file"; done
faults write "$counter" 7
[[ $(<"$counter") == 7 ]]
faults write "$nout" /
[[ $(nout_sum) == "0 0" ]]
faults -u "echo 1 >$enabled" write "$enabled" 0
unharmed

claim "enabling an interface, the first one each time"
ip link add d0 type dummy
ip link add d1 type dummy
hooked=/sys/kernel/tracing/enabled_functions
rest="while grep -q dev_get_stats $hooked; do sleep 0.1; done"
faults -b "$rest" -u "echo -d0 >$orders" write "$orders" +d0
faults -e 5 -o -b "$rest" -u "echo -d0 >$orders" write "$orders" +d0
[[ ! -e /sys/kernel/d0 && -z $(<"$orders") ]]
unharmed

claim "a batch, and the other files of update_stats"
on d0
on d1
echo 77 >"$(stat_file d1 rx_bytes)"
faults write "$(stat_file d0 all)" $'rx_bytes 5\ntx_bytes 6'
faults write "$(stat_file d0 multicast)" 8
for file in rx_bytes multicast all; do faults read "$(stat_file d0 "$file")"; done
faults read "$orders"
[[ $(shown d0 rx_bytes) == 5 && $(shown d0 tx_bytes) == 6 && $(shown d0 multicast) == 8 ]]
faults -u "echo +d0 >$orders" write "$orders" -d0
[[ $(shown d1 rx_bytes) == 77 ]]
unharmed

claim "making a network namespace"
# Most of it is not ours, and the next try goes as far anyway; most of that is tunnels' devices.
echo 1 >/proc/sys/net/core/fb_tunnels_only_for_init_net
faults -e 10 unshare
[[ $(shown d1 rx_bytes) == 77 ]]
unharmed
ip link del d0
ip link del d1
n1 "$ipt" -F INPUT

claim "starting kstat for the first time"
faults -e 5 -o -b 'rmmod xt_pktstat && modprobe xt_pktstat' write "$enabled" 1

claim "loading the module, from before its own code runs to the end"
rmmod xt_pktstat
log_mark
faults -l 150 -e 10 load "$module"
# The first is the kernel's, before; the others are made by the module, early and late.
for kobject in notes kstat update_stats; do logged "kobject_add_internal failed for $kobject "; done
[[ ! -e /proc/net/xt_pktstat && ! -e /proc/kstat && ! -e /sys/kernel/kstat && ! -e /sys/kernel/update_stats ]]
modprobe xt_pktstat

claim "kmemleak has not run out of memory itself"
echo scan >"$debug/kmemleak"
