# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Readers that wait.
# variants: nft4
# timeout: 300

topology 2
n1 "$ipt" -A INPUT -p udp -m pktstat --period 300 --samples 100 --name web
data=$(proc web data)

claim "nobody is woken while there is nothing to read"
for verb in poll select epoll; do
	[[ $(in_ns n1 /t/fd "$data" all=4096 $verb=400 2>&1 >got) == *"$verb: 0" ]]
done

claim "a row that is there wakes at once"
for verb in poll select epoll; do
	send_udp 1 100
	wait_until '[[ $(status_key web queued) == 1 ]]'
	report=$(in_ns n1 /t/fd "$data" $verb all=4096 2>&1 >got)
	[[ $report == "$verb: 1"* ]]
	[[ $(wc -l <got) == 2 ]]
	grep -v '^#' got >>"$(rows_file web)"
done

claim "a window that closes without a packet wakes a waiting reader"
for verb in poll select epoll; do
	: >report
	in_ns n1 /t/fd "$data" all=4096 $verb all=4096 2>report >got &
	reader=$!
	wait_until '[[ -s report ]]'
	send_udp 1 100
	wait $reader
	[[ $(<report) == *"$verb: 1"* ]]
	[[ $(tail -n 1 got) == *" 1 $((100 + header))" ]]
	grep -v '^#' got >>"$(rows_file web)"
done

claim "so does one that was open already when the reader came to wait"
n1 "$ipt" -A INPUT -p udp -m pktstat --period 2s --samples 100 --name long
for verb in poll select epoll; do
	send_udp 1 100 -a 2000000000 -o 10000
	wait_until '[[ $(status_key long frames) != 0 ]]'
	in_ns n1 /t/fd "$(proc long data)" $verb all=4096 2>report >got
	[[ $(<report) == "$verb: 1"* ]]
	[[ $(tail -n 1 got) == *" 1 $((100 + header))" ]]
done
n1 "$ipt" -D INPUT 2
rows web >/dev/null

claim "a row promised is a row read"
[[ $(grep -c . "$(rows_file web)") == 9 ]]
conserved web INPUT 1

claim "a reader that only polls and reads follows the traffic and gets all of it"
in_ns n1 /t/fd "$data" until=$((25 + 10 * 20)) >got 2>report &
reader=$!
send_udp 40 100 -b 2 -i 310000
wait $reader
grep -v '^#' got >>"$(rows_file web)"
conserved web INPUT 1

claim "many wait, and all are woken"
readers=()
for i in 1 2 3 4 5; do
	in_ns n1 /t/fd "$data" poll >/dev/null 2>"report.$i" &
	readers+=($!)
done
sleep 0.5
send_udp 1 100
wait "${readers[@]}"
for i in 1 2 3 4 5; do [[ $(<"report.$i") == "poll: 1"* ]]; done

claim "deleting the rule wakes who waits, and leaves no way back"
: >report
in_ns n1 /t/fd "$data" all=4096 poll read=100 epoll=100 poll=100 >got 2>report &
reader=$!
wait_until '[[ -s report ]]'
sleep 0.5
n1 "$ipt" -F INPUT
wait $reader
cat report
gone web
