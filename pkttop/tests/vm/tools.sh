# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2016 # tests/lib.sh sets and evaluates
# pkttop on a counter of a real kernel: what it records, saves, checks and exports is what iptables
# counted.
# timeout: 600

export LD_LIBRARY_PATH=/t
topology 2
sum() { mawk -F, 'NR > 1 { frames += $5; bytes += $6 } END { printf "%d %d\n", frames, bytes }' "$1"; }
rows_in() { [[ -e $1 ]] && (($(wc -l <"$1") > $2)); }
# reads PROCESS COUNTER: has it the history of this counter open?
reads() { find "/proc/$1/fd" -lname "*/$2/history" | grep -q .; }
# scraped NAME: that metric of the exporter in n1.
scraped() {
	in_ns n1 bash -c 'exec 3<>/dev/tcp/127.0.0.1/9777; printf "GET /metrics HTTP/1.0\r\n\r\n" >&3; cat <&3' |
		sed -n "s/^$1{counter=\"web\",netns=\"n1\"} //p"
}

claim "check asks whether rules can be loaded, before there is one"
n1 pkttop check >/run/check || { cat /run/check; false; }
grep -q '^ok    nft_compat .*/nft_compat.ko' /run/check
n1 pkttop check -q
refused 1 "*no counter in this network namespace*iptables -m pktstat*" n1 pkttop -1

claim "one look at a counter shows what went by, from outside the namespace too"
n1 "$ipt" -A INPUT -p udp -m pktstat --period 100us --samples 20000 --name web
send_udp 500 100 -b 50 -i 20000 >/dev/null
pkttop -N n1 -1 -j web | tee /run/look
grep -q '"total_frames":500,"total_bytes":64000,' /run/look
grep -q '"frames":500,"bytes":64000,' /run/look

claim "it can be looked at again, and saved, and data still has it all"
pkttop -N n1 -1 -j web | grep -q '"frames":500,"bytes":64000,'
pkttop save -N n1 -o /run/saved.csv web 2>&1 | tee /run/said
grep -q '^web: .* 500 frames, 64000 bytes, 0 merged: .* UTC$' /run/said
[[ $(sum /run/saved.csv) == "500 64000" ]]
pkttop save -N n1 -q -o /run/saved.jsonl web
pkttop report /run/saved.jsonl | grep -q '500 frames, 64000 bytes'
rows web >/dev/null
[[ $(sum_rows web) == "500 64000" ]]

claim "record keeps every window, and its sum is what iptables counted"
before=$(counters INPUT 1)
pkttop record -N n1 -o /run/web.csv web 2>/run/said &
recorder=$!
wait_until rows_in /run/web.csv 0
send_udp 3000 700 -b 100 -i 10000 >/dev/null
send_udp 1000 100 -b 7 -i 300 >/dev/null
sleep 1
kill -INT $recorder
wait $recorder || { cat /run/said; false; }
cat /run/said
after=$(counters INPUT 1)
[[ $(sum /run/web.csv) == "$((${after% *} - ${before% *})) $((${after#* } - ${before#* }))" ]]
grep -q '0 merged: agrees with status exactly' /run/said

claim "two counters of 10 us under load lose no window"
n1 "$ipt" -A INPUT -p udp -m pktstat --period 10us --samples 100000 --name a
n1 "$ipt" -A INPUT -p udp -m pktstat --period 10us --samples 100000 --name b
pkttop record -N n1 -o /run/fine.csv a b 2>/run/said &
recorder=$!
wait_until rows_in /run/fine.csv 0
send_udp 50000 64 >/dev/null
sleep 1
kill -TERM $recorder
wait $recorder || { cat /run/said; false; }
cat /run/said
wc -l /run/fine.csv
[[ $(sum /run/fine.csv) == "100000 $((100000 * 92))" ]]
(($(grep -c '0 merged: agrees with status exactly' /run/said) == 2))

claim "a recording goes on when its counter goes away, and when it comes back"
pkttop record -N n1 -o /run/gone.csv a b 2>/run/said &
recorder=$!
wait_until rows_in /run/gone.csv 0
n1 "$ipt" -D INPUT 3
gone b
wait_until '! reads $recorder b'
n1 "$ipt" -A INPUT -p udp -m pktstat --period 10us --samples 100000 --name b
wait_until 'reads $recorder b'
send_udp 1000 100 -b 10 -i 1000 >/dev/null
sleep 1
kill -INT $recorder
wait $recorder || { cat /run/said; false; }
cat /run/said
grep -q '^b: .*; the counter went away$' /run/said
[[ $(sum /run/gone.csv) == "2000 $((2000 * 128))" ]]

claim "check holds the loss contract against counters that count, also beside other readers"
pkttop record -N n1 -o /run/held.csv b 2>/dev/null &
recorder=$!
wait_until rows_in /run/held.csv 0
(send_udp 2000 100 -b 10 -i 5000 >/dev/null) &
n1 pkttop check --for 1500ms | tee /run/check
kill -INT $recorder
wait
for name in web a b; do grep -Eq "^ok    $name .*agrees with status" /run/check; done

claim "what is consumed goes to one reader, and check leaves it to that one"
pkttop record -N n1 --consume -o /run/consumed.csv b 2>/run/said &
recorder=$!
wait_until rows_in /run/consumed.csv 0
n1 pkttop check --consume --for 200ms | tee /run/check
kill -INT $recorder
wait $recorder
cat /run/said
grep -Eq '^ok    web .*agrees with status' /run/check
grep -Eq '^note  b .*\(pkttop\) reads it' /run/check
[[ $(status_key web queued) == 0 ]]

claim "over a clock that is set back the comparison goes on"
pkttop record -N n1 -o /run/back.csv web 2>/run/said &
recorder=$!
wait_until rows_in /run/back.csv 0
send_udp 1000 100 -b 10 -i 1000 >/dev/null
wait_until rows_in /run/back.csv 1
date -s "@$(($(date +%s) - 1000))" >/dev/null
send_udp 1000 100 -b 10 -i 1000 >/dev/null
sleep 1
kill -INT $recorder
wait $recorder || { cat /run/said; false; }
cat /run/said
date -s "@$(($(date +%s) + 1000))" >/dev/null
[[ $(sum /run/back.csv) == "2000 $((2000 * 128))" ]]
grep -q '0 merged: agrees with status exactly' /run/said

claim "export shows the worst millisecond, again and again"
pkttop export -N n1 --link 1G web 2>/run/said &
exporter=$!
wait_until '[[ $(scraped xt_pktstat_window_seconds) ]]'
send_udp 300 1400 -b 100 -i 300000 >/dev/null
wait_until '[[ $(scraped xt_pktstat_frames_total) == "$(counters INPUT 1 | cut -d" " -f1)" ]]'
worst=$(scraped xt_pktstat_millisecond_bytes_max)
((worst >= 1428))
[[ $(scraped xt_pktstat_millisecond_bytes_max) == "$worst" ]]
[[ $(scraped xt_pktstat_contract_broken) == 0.0 ]]
kill -TERM $exporter
wait $exporter

claim "who may not read learns which group or perms would"
refused 1 "*status: permission denied (mode 0440, uid 0, *become root*perms=*" \
	n1 setpriv --reuid=65534 --regid=65534 --clear-groups /t/pkttop -1 web
