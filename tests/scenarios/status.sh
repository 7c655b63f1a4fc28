# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The directory of a counter and its status.
# variants: nft6

topology 2
n1 "$ipt" -A INPUT -p udp -m pktstat --period 1000 --samples 20 --name web
status=$(proc web status)

claim "status is one key and value a line"
in_ns n1 cat "$status"
[[ $(in_ns n1 sed 's/:.*//' "$status" | xargs) == \
	"period_ns samples wire rules frames bytes queued merged memory" ]]
[[ $(in_ns n1 grep -cvE '^[a-z_]+: [0-9]+$' "$status") == 0 ]]

claim "it tells the rule's options"
[[ $(status_key web period_ns) == 1000000000 ]]
[[ $(status_key web samples) == 20 ]]
[[ $(status_key web wire) == 0 ]]
[[ $(status_key web rules) == 1 ]]

claim "it tells what was counted, what waits, and what it costs"
# In one window, even if the machine has never sent a packet before.
n0 taskset -c 0 udp -a 1000000000 "$addr1" 7 100
wait_until '[[ $(status_key web queued) == 1 ]]'
[[ $(totals web) == "7 $((7 * (100 + header)))" ]]
[[ $(status_key web merged) == 0 ]]
memory=$(status_key web memory)
((memory > 0 && memory < 1000000))

claim "reading it changes nothing"
before=$(in_ns n1 cat "$status")
[[ $(in_ns n1 cat "$status") == "$before" ]]
[[ $(in_ns n1 dd if="$status" bs=1 2>/dev/null) == "$before" ]]
[[ $(rows web) == *" 7 $((7 * (100 + header)))" ]]
[[ $(status_key web queued) == 0 ]]
[[ $(totals web) == "7 $((7 * (100 + header)))" ]]

claim "larger FIFOs cost more"
n1 "$ipt" -A INPUT -p udp -m pktstat --period 1000 --samples 2000 --name big
(($(status_key big memory) > memory))

claim "the files are for the owner and the group of the namespace's root to read"
[[ $(in_ns n1 stat -c '%a %u %g' "$status") == "440 0 0" ]]
[[ $(in_ns n1 stat -c '%a %u %g' "$(proc web data)") == "440 0 0" ]]
[[ $(in_ns n1 ls "/proc/net/xt_pktstat/web" | xargs) == "data history status" ]]
refused 1 '*' in_ns n1 setpriv --reuid 1000 --regid 1000 --clear-groups cat "$status"
refused 1 '*' in_ns n1 setpriv --reuid 1000 --regid 1000 --clear-groups cat "$(proc web data)"
