# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Counters belong to the network namespace of their rule.
# variants: legacy6 nft4

topology 3
for where in n1 n2; do
	pp $where "$ipt" -A INPUT -p udp -m pktstat --period 100 --samples 20 --name web
	pp $where "$ipt" -A INPUT -p udp -m pktstat --period 100 --samples 20
done

claim "counters of the same name and number in two namespaces do not meet"
send_udp 5 100
n0 udp "$addr2" 7 100
ns=n1
wait_until '[[ $(totals web) == "5 $((5 * (100 + header)))" && $(totals 0) == "$(totals web)" ]]'
conserved web INPUT 1
ns=n2
wait_until '[[ $(totals web) == "7 $((7 * (100 + header)))" && $(totals 0) == "$(totals web)" ]]'
conserved web INPUT 1

claim "a namespace sees its own ones only"
n1 "$ipt" -A INPUT -m pktstat --period 100 --samples 20 --name alone
in_ns n1 test -d /proc/net/xt_pktstat/alone
! in_ns n2 test -d /proc/net/xt_pktstat/alone || false
[[ -z $(ls /proc/net/xt_pktstat) ]]

claim "a namespace goes away with rules and files in it, and open files end"
mkfifo go
in_ns n2 /t/fd /proc/net/xt_pktstat/web/data all=4096 line all=4096 poll=100 <go >got 2>report &
reader=$!
exec {go}>go
wait_until '[[ -s report ]]'
ip netns del n2
# The reader's task still is in that namespace: it goes when the task does.
echo >&"$go"
wait $reader
cat report
# Its end of the cable takes ours along.
wait_until '! ip -n n1 link show v12 2>/dev/null'

claim "an open file does not keep a namespace"
quiet_ns n2
ip link add v12 netns n1 type veth peer name v21 netns n2
in_ns n2 "$ipt" -A INPUT -m pktstat --period 100 --samples 20 --name web
# Opened from within, by a task that then goes elsewhere.
(exec nsenter --net=/run/netns/n2 bash -c 'exec 5</proc/net/xt_pktstat/web/data
	exec nsenter --net=/run/netns/n1 /t/fd "&5" all=4096 line read=100 poll=100 bad=10 pread=100,0' \
	<go >got 2>report) &
reader=$!
exec {go}>go
wait_until '[[ -s report ]]'
ip netns del n2
wait_until '! ip -n n1 link show v12 2>/dev/null'
echo >&"$go"
wait $reader
echo "    $(xargs <report)"
[[ $(<report) == *"read: "[0E]* ]]

claim "the others never noticed"
export ns=n1
[[ $(totals web) == "5 $((5 * (100 + header)))" ]]
conserved web INPUT 1

claim "a user who is root in a namespace of his own has his own counters there, and sees no other"
# By somebody who is nobody outside.
status=$(XTABLES_LOCKFILE=/tmp/lock.$$ setpriv --reuid 1000 --regid 1000 --clear-groups \
	unshare -Urn bash -ec '
		"$1" -A INPUT -m pktstat --period 100 --samples 20 --name mine
		[[ $(ls /proc/net/xt_pktstat) == mine ]]
		cat /proc/net/xt_pktstat/mine/data /proc/net/xt_pktstat/mine/status
		! cat /proc/1/net/xt_pktstat/web/status || false' - "$ipt")
[[ $status == "# timestamp frames bytes"*"rules: 1"* ]]
for where in n0 n1; do ! in_ns $where test -e /proc/net/xt_pktstat/mine || false; done
