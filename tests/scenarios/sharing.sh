# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Rules that name the same counter.
# variants: legacy4 legacy6 nft4 nft6

topology 2

claim "rules of one name share one counter, in any table and chain"
n1 "$ipt" -A INPUT -p udp -m pktstat --period 100 --samples 20 --name web
n1 "$ipt" -t mangle -A PREROUTING -p udp -m pktstat --period 0.1s --samples 20 --name web
[[ $(status_key web rules) == 2 ]]
send_udp 10 100
wait_until '[[ $(totals web) == "20 $((20 * (100 + header)))" ]]'
conserved web

claim "rules of one number share it too"
n1 "$ipt" -A INPUT -p udp -m pktstat --period 100 --samples 20 --id 5
n1 "$ipt" -A INPUT -p udp -m pktstat --period 100 --samples 20 --id 5 -j ACCEPT
[[ $(status_key 5 rules) == 2 ]]

# disagree WORD WHAT OPTION...: refused by the kernel, with a line in its log that has WHAT.
disagree() { refused_and_logged "xt_pktstat.*$1" "$bad_rule" '*' n1 "$ipt" -A INPUT -m pktstat "${@:2}"; }
# What iptables ends with when the kernel says EINVAL.
bad_rule=1
[[ $backend == legacy ]] || bad_rule=4

claim "rules that disagree are refused, and the kernel's log says in what"
disagree period --period 101 --samples 20 --name web
disagree samples --period 100 --samples 21 --name web
disagree wire --period 100 --samples 20 --name web --wire
disagree period --period 101 --samples 20 --id 5

claim "what was refused left nothing behind"
[[ $(status_key web rules) == 2 ]]
[[ $(n1 "$ipt" -S INPUT | grep -c pktstat) == 3 ]]

claim "a counter lives as long as a rule refers to it"
before=$(totals web)
n1 "$ipt" -D INPUT -p udp -m pktstat --period 100 --samples 20 --name web
[[ $(status_key web rules) == 1 && $(totals web) == "$before" ]]
n1 "$ipt" -t mangle -F PREROUTING
gone web
exists 5

claim "a name is free again when its last rule has gone"
n1 "$ipt" -A INPUT -m pktstat --period 7 --samples 3 --name web --wire
[[ $(status_key web period_ns) == 7000000 && $(totals web) == "0 0" ]]

claim "what one family counts, the other shares by name"
other=ip6tables-$backend
[[ $family == 4 ]] || other=iptables-$backend
n1 "$other" -A INPUT -m pktstat --period 7 --samples 3 --name web --wire
[[ $(status_key web rules) == 2 ]]
n1 "$other" -F INPUT
[[ $(status_key web rules) == 1 ]]
