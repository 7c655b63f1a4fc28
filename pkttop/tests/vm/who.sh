# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2016 # tests/lib.sh sets and evaluates
# Three hosts send to a fourth, one of them in bursts: `pkttop who` says which, by what a rule with
# -j NFLOG captured, and the file that it writes says the same.
# variants: nft4 nft6 legacy4
# timeout: 600
# cpus: 2
# files: pkttop/tests/read_pcapng.py

export LD_LIBRARY_PATH=/t
senders
if ((family == 4)); then
	hosts=(10.9.0 10.9.2 10.9.3) dot=.
else
	hosts=(fd09 fd09:2 fd09:3) dot=::
fi

# who ARG...: of n1, in the background; its output in /run/out and /run/said.
who() {
	echo "pkttop who -N n1 $*" >&7
	pkttop who -N n1 "$@" >/run/out 2>/run/said &
	who=$!
	wait_until 'reads_group || ! kill -0 $who'
}
reads_group() { in_ns n1 cat /proc/net/netfilter/nfnetlink_log | grep -q " $who "; }
# dropped: has the socket been too full for a packet?
dropped() {
	[[ $(in_ns n1 awk -v port=$who '$2 == 12 && $3 == port { print $9 }' /proc/net/netlink) -gt 0 ]]
}
# all_reported: after one packet more, was each either captured or reported lost?
all_reported() {
	in_ns n0 udp "${hosts[0]}${dot}2" 1 100 >/dev/null
	sleep 1
	[[ $(of_bursts 'sum(b["captured_frames"] + b["lost_frames"] for b in bursts)') == "$(totals big | cut -d' ' -f1)" ]]
}
end_who() {
	kill -INT $who
	wait $who
	cat /run/said
}
# of_bursts EXPRESSION: of the JSON objects in /run/out, `bursts`, what Python says.
of_bursts() {
	python3 -c '
import json, sys
bursts = [json.loads(line) for line in open("/run/out")]
def flows(source): return [f for b in bursts for f in b["flows"] if f["source"] == source]
print(eval(sys.argv[1]))' "$1"
}

claim "what stands in its way it says, and what to type"
refused 1 "*no such directory: the module xt_pktstat is not loaded*" n1 env PKTTOP_ROOT=/nowhere pkttop who
refused 1 "*no counter \`in\`; there is none*add it, with a rule that sends its bursts here:*iptables -A INPUT -m pktstat --period 100us --samples 20000 --name in --above * -j NFLOG --nflog-group 5 --nflog-size 128" \
	n1 pkttop who in
n1 "$ipt" -A INPUT -p udp -m pktstat --period 1 --samples 20000 --name in -j NFLOG --nflog-group 5 --nflog-size 128
n1 pkttop who in --recipe | tee /run/recipe
grep -q '^iptables -A INPUT -m pktstat --period 1 --samples 20000 --name in-above --above .* -j NFLOG --nflog-group 5 --nflog-size 128$' /run/recipe
refused 1 "*no counter \`web\`; there are: in*--name web --above*" n1 pkttop who web
who
other=$who
refused 1 "*NFLOG group 5: it is read by process $other (pkttop) already*--group N*" n1 pkttop who in
refused 1 "*NFLOG group 6: reading it takes CAP_NET_ADMIN*" \
	n1 setpriv --bounding-set=-net_admin --inh-caps=-net_admin pkttop who --group 6 in
end_who

claim "when nothing comes it says which rule would send"
who --group 6 in
wait_until 'grep -q "no packet has come by NFLOG group 6" /run/said'
grep -q '^iptables -A INPUT -m pktstat --period 1 .* -j NFLOG --nflog-group 6 --nflog-size 128$' /run/said
end_who
[[ ! -s /run/out ]]

claim "who sent in bursts is named, and what each sent is what it sent"
who --json -f -o /run/who.pcapng in
in_ns n0 udp -b 1 -i 50000 "${hosts[0]}${dot}2" 40 100 >/dev/null &
calm=$!
in_ns n3 udp -b 1 -i 70000 "${hosts[2]}${dot}2" 30 200 >/dev/null &
also=$!
n2 udp -b 300 -i 500000 -p 7 "${hosts[1]}${dot}2" 1200 1400 >/dev/null
wait $calm
wait $also
# The last window has closed, and the last batch has come.
wait_until '[[ $(of_bursts "sum(b[\"captured_frames\"] for b in bursts)") == 1270 ]]'
end_who
grep -q '^pkttop: in: [0-9]* bursts, 1270 packets captured, none lost$' /run/said
for sent in "${hosts[0]}${dot}1 40 $((40 * (100 + header)))" "${hosts[1]}${dot}1 1200 $((1200 * (1400 + header)))" \
	"${hosts[2]}${dot}1 30 $((30 * (200 + header)))"; do
	read -r source frames bytes <<<"$sent"
	[[ $(of_bursts "sum(f['frames'] for f in flows('$source')), sum(f['bytes'] for f in flows('$source'))") == "($frames, $bytes)" ]]
done
# The fullest window was n2's.
worst='max((b for b in bursts if b["peak_bytes"]), key=lambda b: b["peak_bytes"])'
[[ $(of_bursts "${worst}['flows'][0]['source']") == "${hosts[1]}${dot}1" ]]
[[ $(of_bursts "${worst}['flows'][0]['protocol'], ${worst}['flows'][0]['destination_port']") == "('udp', 7)" ]]
[[ $(of_bursts "${worst}['flows'][0]['share'] > 0.9") == True ]]

claim "what the counter says of the bursts is what it counted"
[[ $(totals in) == "1270 $(of_bursts 'sum(b["captured_bytes"] for b in bursts)')" ]]
# A packet is dated a moment after it was counted, on a slow machine in the next window.
counted=$(of_bursts 'sum(b["frames"] for b in bursts)')
((counted <= 1270))
((counted > 1200))
[[ $(of_bursts 'sum(b["merged_windows"] + b["lost_frames"] + b["unreadable_frames"] for b in bursts)') == 0 ]]
[[ $(of_bursts 'any(b["is_estimated"] for b in bursts)') == False ]]

claim "the file says the same"
pkttop who --input /run/who.pcapng --json >/run/again
diff /run/out /run/again
pkttop who --input /run/who.pcapng | tee /run/table
grep -Eq "^ +[0-9.]+% +[0-9]+ frames +[0-9]+ bytes  udp .*${hosts[1]}${dot}1.* > .*${hosts[1]}${dot}2.*[:]7\$" /run/table
[[ $(grep -c ' in  ' /run/table) == "$(wc -l </run/out)" ]]

claim "and so does who reads it and knows nothing of pkttop"
python3 /t/read_pcapng.py /run/who.pcapng >/run/read
[[ $(sed 1q /run/read) == "interface 101 in xt_pktstat period_ns 1000000" ]]
[[ $(grep -c '^packet' /run/read) == 1270 ]]
[[ $(mawk '/^packet/ { bytes += $3 } END { print bytes }' /run/read) == "$(totals in | cut -d' ' -f2)" ]]
[[ $(mawk '/^packet/ && $4 > 128 { print }' /run/read) == "" ]]
[[ $(mawk -v port=7 '/^packet/ && $9 == port { n++ } END { print n }' /run/read) == 1200 ]]
[[ $(mawk '/^comment xt_pktstat window/ { f += $6 } END { print f }' /run/read) == "$counted" ]]
# Each comment is of the window of its packet, or of one without a packet just before it.
[[ $(mawk '/^packet/ { at = substr($2, 1, 13) } /^comment/ { back = at - substr($4, 1, 13); if (back < 0 || back > 1) print }' /run/read) == "" ]]
grep -Eq '^statistics [0-9]{19} 4=1270 7=0$' /run/read

claim "packets that got lost are counted and reported"
n1 "$ipt" -I INPUT -m pktstat --period 1 --samples 20000 --name big -j NFLOG --nflog-group 6
who --group 6 --json -f -o /run/lossy.pcapng --snaplen 65535 big
kill -STOP $who
until dropped; do
	in_ns n0 udp "${hosts[0]}${dot}2" 200 60000 >/dev/null
done
kill -CONT $who
wait_until 'grep -q "packets come faster than they are read" /run/said'
# By the number of the next that comes the gap is seen.
wait_until all_reported
end_who
lost=$(of_bursts 'sum(b["lost_frames"] for b in bursts)')
((lost > 0))
grep -q "packets captured, $lost lost (the socket was full " /run/said
python3 /t/read_pcapng.py /run/lossy.pcapng | mawk '/^packet/ { lost += $5 } END { print lost }' | tee /run/lost
[[ $(</run/lost) == "$lost" ]]

claim "in OUTPUT the kernel does not say when a packet passed, and pkttop says so"
n1 "$ipt" -A OUTPUT -p udp -m pktstat --period 1 --samples 20000 --name out -j NFLOG --nflog-group 7 --nflog-size 128
who --group 7 --json out
n1 udp "${hosts[1]}${dot}1" 20 100 >/dev/null
wait_until '[[ $(of_bursts "sum(b[\"captured_frames\"] for b in bursts)") == 20 ]]'
end_who
[[ $(of_bursts 'all(b["is_estimated"] for b in bursts)') == True ]]
# Each is in a window in which it was counted.
[[ $(of_bursts 'sum(b["frames"] for b in bursts), sum(b["bytes"] for b in bursts)') == "($(totals out | sed 's/ /, /'))" ]]

claim "without nfnetlink_log it says what to load"
if [[ $(modinfo -n nfnetlink_log 2>/dev/null) == /* ]]; then
	n1 "$ipt" -F
	file=$(modinfo -n nfnetlink_log)
	wait_until 'rmmod nft_log xt_NFLOG nfnetlink_log 2>/dev/null; ! grep -q ^nfnetlink_log /proc/modules'
	mv "$file" /run/
	n1 "$ipt" -A INPUT -p udp -m pktstat --period 1 --samples 20000 --name in
	refused 1 "*NFLOG cannot be read: *modprobe nfnetlink_log*" n1 pkttop who in
	mv "/run/${file##*/}" "$file"
fi
