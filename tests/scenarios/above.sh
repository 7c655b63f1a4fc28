# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# --above: the rule matches only in windows that have carried more than the rate, and counts all.
# variants: legacy4 legacy6 nft4 nft6
# cpus: 2
# timeout: 300

topology 2
export ns=n0
frame=$((100 + header))

# matched COUNTER: frames and bytes, as status says.
matched() { in_ns $ns awk '/^matched_/ { print $2 }' "$(proc "$1" status)" | xargs; }
# next_window: the clock goes to 1 s after the next 100 s.
next_window() { date -s "@$(($(date +%s) / 100 * 100 + 101))" >/dev/null; }
# on_cpu CPU FRAMES [OPTION OF udp...]
on_cpu() { in_ns n0 taskset -c "$1" udp -p $((1000 + $1)) "${@:3}" "$addr1" "$2" 100 >/dev/null; }

claim "on one CPU the first packet above is the first to match, by frames"
next_window
n0 "$ipt" -A OUTPUT -p udp -m pktstat --period 100s --samples 20 --name frames --above 1pps
on_cpu 0 100
[[ $(counters OUTPUT 1) == '0 0' && $(matched frames) == '0 0' ]]
on_cpu 0 50
[[ $(counters OUTPUT 1) == "50 $((50 * frame))" && $(matched frames) == "50 $((50 * frame))" ]]
[[ $(totals frames) == "150 $((150 * frame))" ]]

claim "status says the rate as the rule does"
[[ $(status_key frames above) == 1pps ]]
n0 "$ipt" -S OUTPUT | grep -q -- '--name frames --above 1pps'

claim "the window after it begins anew"
next_window
on_cpu 0 100
[[ $(matched frames) == "50 $((50 * frame))" ]]
on_cpu 0 1
[[ $(matched frames) == "51 $((51 * frame))" ]]

claim "what a window had does not count in the next one"
next_window
on_cpu 0 80
next_window
on_cpu 0 80
[[ $(matched frames) == "51 $((51 * frame))" ]]
[[ $(totals frames) == "411 $((411 * frame))" ]]
n0 "$ipt" -F OUTPUT

claim "the same by bytes"
next_window
# 100000 bytes in 100 s.
n0 "$ipt" -A OUTPUT -p udp -m pktstat --period 100s --samples 20 --name bytes --above 8kbit
below=$((100000 / frame))
on_cpu 0 $below
[[ $(counters OUTPUT 1) == '0 0' ]]
on_cpu 0 7
[[ $(counters OUTPUT 1) == "7 $((7 * frame))" && $(matched bytes) == "7 $((7 * frame))" ]]
n0 "$ipt" -F OUTPUT

claim "on two CPUs none matches early, and an eighth of the rate late at most"
next_window
n0 "$ipt" -A OUTPUT -p udp -m pktstat --period 100s --samples 20 --name frames --above 10pps
for cpu in 0 1; do on_cpu $cpu 900 & done
wait
read -r frames _ < <(counters OUTPUT 1)
echo "    $frames of 800 frames above matched"
((frames <= 800 && frames >= 800 - 1000 / 8))
[[ $(matched frames) == "$frames $((frames * frame))" ]]

claim "rules of one counter share what is counted and what is above"
n0 "$ipt" -A OUTPUT -p udp -m pktstat --period 100s --samples 20 --name frames --above 10pps
next_window
on_cpu 0 600
read -r first _ < <(counters OUTPUT 1)
read -r second _ < <(counters OUTPUT 2)
echo "    $first and $second matched"
# Each packet counts in both: 1200 of them, and the first above is the second rule's 501st.
((first - frames == 100 && second == 100))
[[ $(matched frames) == "$((first + second)) $(((first + second) * frame))" ]]

bad_rule=1
[[ $backend == legacy ]] || bad_rule=4
claim "rules that disagree about it are refused, and the kernel's log says so"
refused_and_logged "xt_pktstat.*above" "$bad_rule" '*' \
	n0 "$ipt" -A INPUT -m pktstat --period 100s --samples 20 --name frames --above 11pps
refused_and_logged "xt_pktstat.*above" "$bad_rule" '*' \
	n0 "$ipt" -A INPUT -m pktstat --period 100s --samples 20 --name frames
n0 "$ipt" -F OUTPUT

claim "a super-packet counts as its segments, with --wire"
offload on
next_window
n0 "$ipt" -A OUTPUT -p udp -m pktstat --period 100s --samples 20 --name wire --wire --above 1pps
on_cpu 0 90
in_ns n0 taskset -c 0 udp -g 1000 "$addr1" 1 10000 >/dev/null
[[ $(matched wire) == '0 0' ]]
in_ns n0 taskset -c 0 udp -g 1000 "$addr1" 1 20000 >/dev/null
[[ $(matched wire) == "20 $((20 * (1000 + header)))" ]]
on_cpu 0 1
[[ $(matched wire) == "21 $((20 * (1000 + header) + frame))" ]]
[[ $(totals wire) == "121 $((91 * frame + 30 * (1000 + header)))" ]]
[[ $(counters OUTPUT 1) == "2 $((20000 + header + frame))" ]]
n0 "$ipt" -F OUTPUT

# with_revision_0 COMMAND...: iptables-nft's first question is for revision 1 (a message of
# NFNL_SUBSYS_NFT_COMPAT), which this kernel, it seems, does not know.
with_revision_0() {
	in_ns n0 strace -o asked -e trace=sendto,recvmsg -e inject=recvmsg:error=EPROTONOSUPPORT:when=1 "$@"
	[[ $(sed 's/.*nlmsg_type=\(0x[0-9a-f]*\).*/\1/; q' asked) == 0xb00 ]]
	grep -q INJECTED asked
}
if [[ $backend == nft ]]; then
	claim "a rule of revision 0 is shown as it is, and restored"
	n0 "$ipt" -N old
	with_revision_0 "$ipt" -A old -p udp -m pktstat --period 100 --samples 20 --name old
	[[ $(in_ns n0 nft --debug=netlink list ruleset) == *"name pktstat rev 0"* ]]
	n0 "$ipt-save" -t filter >saved
	grep -qx -- '-A old -p udp -m pktstat --period 100 --samples 20 --name old' saved
	n0 "$ipt-restore" <saved
	n0 "$ipt" -D old -p udp -m pktstat --period 100 --samples 20 --name old
	n0 "$ipt" -X old
fi

# iptables-legacy asks with getsockopt(2).
if [[ $backend == legacy ]]; then
	# The first question is for revision 1, which this kernel, it seems, does not know.
	unknown='inject=getsockopt:error=EPROTONOSUPPORT:when=1'

	claim "rules of an extension without --above work as before"
	in_ns n0 strace -o asked -e "$unknown" "$ipt" -A OUTPUT -p udp -m pktstat --period 100 --samples 20 --name old
	grep -q INJECTED asked
	send_udp 10 100
	[[ $(totals old) == "10 $((10 * frame))" && $(counters OUTPUT 1) == "10 $((10 * frame))" ]]
	n0 "$ipt" -A OUTPUT -p udp -m pktstat --period 100 --samples 20 --name old
	[[ $(status_key old rules) == 2 ]]
	n0 "$ipt" -D OUTPUT 1
	[[ $(status_key old rules) == 1 ]]

	claim "with a module without --above, iptables says that it is too old"
	refused 2 '*pktstat: --above takes a newer xt_pktstat module than the one that is loaded*' \
		in_ns n0 strace -o asked -e "$unknown" "$ipt" -A OUTPUT -m pktstat --period 100 --samples 20 --above 5gbit
fi
