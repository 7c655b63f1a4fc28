# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A deadlock of the kernel's own that loading a match can cause: any match that keeps state in
# network namespaces, `recent` is another. SECURITY.md says when. It is made here on purpose, to show
# that a SIGKILL ends it, and that tests/lab/races sends one where it has to.
# variants: pktstat recent
# files: tests/lab/races

helper=/proc/sys/kernel/modprobe
quiet_ns n1
ip -n n1 link add d0 type dummy
match=(-m pktstat --period 1 --samples 100 --name web)
[[ $VARIANT == pktstat ]] || match=(-m recent --set)
# Loads all else that the rule needs.
in_ns n1 iptables-nft -A INPUT -p udp "${match[@]}"
in_ns n1 iptables-nft -F INPUT

# waits_in PID FUNCTION: whether it waits in this function of the kernel.
waits_in() { grep -q "\<$2+" "/proc/$1/stack"; }
# What the kernel calls to load modules. Fails where the kernel asks for the match's revision, before
# the rule and without the lock; else waits until `may` is there.
cat >/run/scratch/modprobe <<-'END'
	#!/bin/bash
	cd /run/scratch
	stack=$(grep -ls 'nft_match_select_ops+' /proc/[0-9]*/stack)
	[[ $stack ]] || exit 1
	echo "${stack//[!0-9]/}" >asker
	until [[ -e may ]]; do sleep 0.1; done
	echo $$ >pid
	exec modprobe "$@"
END
chmod +x /run/scratch/modprobe

claim "a rule through nftables has the kernel load the module while the namespace's nftables is locked"
rmmod "xt_$VARIANT"
usual=$(<$helper)
echo /run/scratch/modprobe >$helper
if [[ $VARIANT == pktstat ]]; then
	python3 -u /t/races 0 until_killed &
else
	nsenter --net=/run/netns/n1 iptables-nft -A INPUT "${match[@]}" &
fi
adder=$!
wait_until '[[ -s asker ]]'
rule=$(<asker)
waits_in "$rule" nft_match_select_ops
# The one that has been called goes on.
echo "$usual" >$helper

claim "a device that goes waits for nftables, and a namespace that comes for the device"
ip -n n1 link del d0 &
device=$!
wait_until "waits_in $device 'nf_tables_[a-z]*_event'"
unshare -n true &
namespace=$!
wait_until "waits_in $namespace ops_init"

claim "the module waits for the namespace: all three wait for each other"
touch may
wait_until '[[ -s pid ]] && waits_in $(<pid) register_pernet_subsys'
sleep 2
for pid in "$rule" $device $namespace $(<pid); do [[ -e /proc/$pid ]]; done

claim "SIGKILL to the program that adds the rule ends it: all the others finish"
[[ $VARIANT == pktstat ]] || kill -9 "$rule"
wait $adder || [[ $VARIANT == recent && $? == 137 ]]
wait $device
wait $namespace
wait_until '[[ $(</sys/module/xt_$VARIANT/initstate) == live ]]'

claim "and the next rule is added, and counts"
in_ns n1 iptables-nft -F
in_ns n1 iptables-nft -A INPUT -p udp "${match[@]}"
in_ns n1 udp 127.0.0.1 20 100 >/dev/null
export ipt=iptables-nft
[[ $(counters INPUT 1) == "20 2560" ]]
[[ $VARIANT == recent ]] || conserved web INPUT 1
