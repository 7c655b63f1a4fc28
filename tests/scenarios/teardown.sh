# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A reader who is kept waiting for ever, by the page that he reads into, keeps nobody else waiting.
# variants: nft4

topology 3
n2 "$ipt" -A INPUT -m pktstat --period 100 --samples 20 --name web
stuck_in() {
	# In place of the shell: its number is the reader's.
	(exec nsenter --net=/run/netns/n2 /t/stuck "/proc/net/xt_pktstat/web/$1" /run/netns/n1 >"said.$1") &
	readers+=($!)
	wait_until "[[ -s said.$1 ]]"
}
log_mark
readers=()
for file in data status; do stuck_in $file; done
sleep 0.5

claim "another namespace's rules do not wait for his to be destroyed, and others hear that it goes"
in_ns n2 /t/fd /proc/net/xt_pktstat/web/data poll read=100 2>report >/dev/null &
reader=$!
sleep 0.5
n2 "$ipt" -F INPUT
wait $reader
echo "    $(xargs <report)"
[[ $(<report) == "poll: 1"*"read: EIO" ]]
n1 "$ipt" -A INPUT -m pktstat --period 100 --samples 20 --name other
export ns=n1
wait_until exists other
n1 "$ipt" -F INPUT
wait_until gone other

claim "the name is taken until he has gone, and others are free"
refused 4 '*' in_ns n2 "$ipt" -A INPUT -m pktstat --period 100 --samples 20 --name web
logged 'counter web has gone, and a read of it has not ended'
n2 "$ipt" -A INPUT -m pktstat --period 100 --samples 20 --name free
ns=n2
exists free

claim "another namespace's teardown does not wait for him"
ip netns del n2
quiet_ns n3
ip link add v13 netns n1 type veth peer name v31 netns n3
ip netns del n3
wait_until '! ip -n n1 link show v13 2>/dev/null'

claim "his own comes when he has gone"
ip -n n1 link show v12 >/dev/null
kill -9 "${readers[@]}"
wait_until '! ip -n n1 link show v12 2>/dev/null'
