# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Rules that are listed, saved, restored, found and deleted.
# variants: legacy4 legacy6 nft4 nft6

topology 2

n1 "$ipt" -A INPUT -p udp -m pktstat --period 100 --samples 20
n1 "$ipt" -A INPUT -m pktstat --period 250us --samples 1000 --name web --wire
n1 "$ipt" -A INPUT -m pktstat --period 3600s --samples 1 --id 7 -j ACCEPT

claim "-S and -save tell which directory belongs to which rule"
listed=$(n1 "$ipt" -S INPUT)
echo "$listed"
[[ $listed == *"-A INPUT -p udp -m pktstat --period 100 --samples 20 --id 0"* ]]
[[ $listed == *"--period 250us --samples 1000 --name web"* ]]
[[ $listed == *"--period 3600000 --samples 1 --id 7 -j ACCEPT"* ]]
for counter in 0 web 7; do exists "$counter"; done
[[ $(in_ns n1 ls /proc/net/xt_pktstat | xargs -n1 | sort | xargs) == "0 7 web" ]]

claim "-L tells the options and the number too"
[[ $(n1 "$ipt" -nvL INPUT 1) == *"period 100"*"samples 20"* ]]

claim "what was saved restores to the same rules, and the counters never notice"
send_udp 10 100
wait_until '[[ $(totals 0) == "10 $((10 * (100 + header)))" ]]'
saved=$(n1 "$ipt-save" | grep '^-A')
before=$(totals web)
n1 "$ipt-save" | in_ns n1 "$ipt-restore"
[[ $(n1 "$ipt-save" | grep '^-A') == "$saved" ]]
[[ $(totals 0) == "10 $((10 * (100 + header)))" ]]
[[ $(totals web) == "$before" ]]
n1 "$ipt-save" -c | in_ns n1 "$ipt-restore" -c
[[ $(n1 "$ipt-save" | grep '^-A') == "$saved" ]]
[[ $(totals 0) == "10 $((10 * (100 + header)))" ]]
conserved 0

claim "what was saved restores to the same rules where there were none"
save=$(n1 "$ipt-save")
n1 "$ipt" -F INPUT
for counter in 0 web 7; do gone "$counter"; done
in_ns n1 "$ipt-restore" <<<"$save"
[[ $(n1 "$ipt-save" | grep '^-A') == "$saved" ]]
for counter in 0 web 7; do exists "$counter"; done

# ip6tables-legacy 1.8.9 compares for -C through a mask as if a rule were as long as a pointer: with
# any match it finds rules that differ, and none that are the same (mended in 1.8.10). -D is right.
n1 "$ipt" -A FORWARD -m limit --limit 1/s
find=-C
! n1 "$ipt" -C FORWARD -m limit --limit 2/s || find=-D
n1 "$ipt" -F FORWARD

if [[ $find == -C ]]; then
	claim "-C finds a rule by its specification, with and without its number"
	n1 "$ipt" -C INPUT -p udp -m pktstat --period 100 --samples 20
	n1 "$ipt" -C INPUT -p udp -m pktstat --period 100 --samples 20 --id 0
	n1 "$ipt" -C INPUT -p udp -m pktstat --period 0.1s --samples 20 --id 0
	n1 "$ipt" -C INPUT -m pktstat --period 250us --samples 1000 --name web --wire
	n1 "$ipt" -C INPUT -m pktstat --period 3600s --samples 1 --id 7 -j ACCEPT
	n1 "$ipt" -C INPUT -m pktstat --period 3600s --samples 1 -j ACCEPT
fi

claim "$find finds no rule of another specification"
for other in "--period 101 --samples 20" "--period 100 --samples 21" "--period 100 --samples 20 --wire" \
	"--period 100 --samples 20 --name web" "--period 100 --samples 20 --id 1"; do
	# shellcheck disable=SC2086 # words
	refused 1 '*' n1 "$ipt" $find INPUT -p udp -m pktstat $other
done
refused 1 '*' n1 "$ipt" $find INPUT -m pktstat --period 250us --samples 1000 --name web

claim "-D by specification deletes, with and without the number, and the counter goes"
n1 "$ipt" -D INPUT -m pktstat --period 3600s --samples 1 --id 7 -j ACCEPT
gone 7
n1 "$ipt" -D INPUT -p udp -m pktstat --period 100 --samples 20
gone 0
n1 "$ipt" -D INPUT -m pktstat --period 250us --samples 1000 --name web --wire
gone web
[[ $(n1 "$ipt" -S INPUT) != *pktstat* ]]

claim "of two rules that differ in their number only, -D with it deletes that one"
n1 "$ipt" -A INPUT -m pktstat --period 100 --samples 20
n1 "$ipt" -A INPUT -m pktstat --period 100 --samples 20
n1 "$ipt" -A INPUT -m pktstat --period 100 --samples 20
n1 "$ipt" -D INPUT -m pktstat --period 100 --samples 20 --id 1
exists 0
gone 1
exists 2

claim "a new rule takes the lowest free number"
n1 "$ipt" -I INPUT -m pktstat --period 5 --samples 20
[[ $(status_key 1 period_ns) == 5000000 ]]
