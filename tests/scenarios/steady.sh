# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Changes to other rules never disturb a counter: its number, its FIFO, its totals.
# variants: legacy4 legacy6 nft4 nft6
# timeout: 300

topology 2
n1 "$ipt" -A INPUT -p udp -m pktstat --period 1us --samples 5
n1 "$ipt" -A INPUT -p udp -m pktstat --period 50 --samples 1000
n1 "$ipt" -A INPUT -p udp -m pktstat --period 50 --samples 1000 --name web
# Not the lowest free number any more, if it were asked for anew.
n1 "$ipt" -D INPUT 1
gone 0

frames=0
# undisturbed WORD...: after this change, both counters still are what they were, and count on.
undisturbed() {
	in_ns n1 "$@"
	echo "[n1] $*"
	frames=$((frames + 3))
	in_ns n0 udp "$addr1" 3 100 >/dev/null
	wait_until '[[ $(totals 1) == "$frames $((frames * (100 + header)))" ]]'
	wait_until '[[ $(totals web) == "$frames $((frames * (100 + header)))" ]]'
	exists 1
	[[ $(status_key 1 rules) == 1 && $(status_key web rules) == 1 ]]
}

claim "adding, replacing and deleting other rules"
undisturbed "$ipt" -A INPUT -p udp
undisturbed "$ipt" -I INPUT 1 -p sctp -j DROP
undisturbed "$ipt" -R INPUT 1 -p dccp -j DROP
undisturbed "$ipt" -I INPUT 1 -m pktstat --period 1 --samples 1
[[ $(n1 "$ipt" -S INPUT 1) == *"--id 0" ]]
undisturbed "$ipt" -D INPUT 1
gone 0
undisturbed "$ipt" -A OUTPUT -m pktstat --period 1 --samples 1 --name other
undisturbed "$ipt" -F OUTPUT

claim "new chains and policies"
undisturbed "$ipt" -N chain
undisturbed "$ipt" -I INPUT 1 -j chain
undisturbed "$ipt" -P FORWARD DROP

claim "a refused change"
! n1 "$ipt" -A INPUT -m pktstat --period 1 --samples 1 --name web || false
! n1 "$ipt" -I INPUT 1 -j nowhere || false
undisturbed "$ipt" -S INPUT

claim "zeroing iptables' own counters"
undisturbed "$ipt" -Z
undisturbed "$ipt" -Z INPUT 2

claim "restoring other tables, and other rules of the same one"
undisturbed "$ipt" -t mangle -A POSTROUTING -p sctp
n1 "$ipt-save" | sed '/-p udp$/d; s/-p dccp/-p gre/' >save
undisturbed "$ipt-restore" save
undisturbed "$ipt-restore" -n <<-END
	*filter
	-A OUTPUT -p gre
	COMMIT
END

claim "replacing and moving the rule itself with one of the same counter"
number=$(n1 "$ipt" -S INPUT | grep '^-A' | grep -n -- '--id 1' | cut -d: -f1)
undisturbed "$ipt" -R INPUT "$number" -p udp -m pktstat --period 50 --samples 1000 --id 1 -m comment --comment new

claim "and nothing of all that was lost or counted twice"
conserved 1
conserved web
[[ $(sum_rows 1) == "$frames $((frames * (100 + header)))" ]]
