# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The clock is set back: whichever CPU counts next, and whoever reads, goes by the new one.
# variants: nft4
# timeout: 300
# cpus: 2

topology 2
export ns=n0
n0 "$ipt" -A OUTPUT -p udp -m pktstat --period 1 --samples 1000 --name web
data=$(proc web data)

mkfifo go
# open_reader: reads what there is and then again whenever told to.
open_reader() {
	in_ns n0 /t/fd "$data" all=4096 line all=4096 line all=4096 <go >>got 2>told &
	reader=$!
	exec {go}>go
	wait_until '[[ $(wc -l <told) == 1 ]]'
}
# now_ns: by the clock that rows are dated by.
now_ns() { date +%s%N; }

claim "rows after a step back are dated by the new clock, though the CPU that counts never saw the old"
# CPU 1's window is older than the new time: it does not notice by itself.
n0 taskset -c 1 udp "$addr1" 1 100
date -s "+20 minutes" >/dev/null
n0 taskset -c 0 udp "$addr1" 5 100
sleep 0.1
open_reader
grep -v '^#' got >>"$(rows_file web)"
before=$(tail -n 1 got | cut -d' ' -f1)
date -s "-10 minutes" >/dev/null
sleep 0.1
began=$(now_ns)
n0 taskset -c 1 udp -i 4000 -b 1 "$addr1" 40 100
ended=$(now_ns)
sleep 0.1
: >got
echo >&"$go"
wait_until '[[ $(wc -l <told) == 2 ]]'
head -n 5 got
[[ $(head -n 1 got) == "# clock set back" ]]
grep -v '^#' got >rest
cat rest >>"$(rows_file web)"
while read -r stamp _; do
	((stamp + 1000000 > began && stamp <= ended && stamp < before)) || { echo "$stamp: not in $began to $ended"; false; }
done <rest
# Each in a window of its own, as it was sent.
(($(wc -l <rest) > 20))

claim "a reader who comes later has no such line, for all his rows are of one clock"
n0 udp "$addr1" 3 100
sleep 0.1
in_ns n0 cat "$data" >late
[[ $(head -n 1 late) == "# timestamp"* && $(grep -c '^#' late) == 1 ]]
grep -v '^#' late >>"$(rows_file web)"

claim "nothing is lost, and the line comes once for each step that lies between two rows"
n0 udp "$addr1" 2 100
sleep 0.05
date -s "-5 seconds" >/dev/null
sleep 0.05
n0 udp "$addr1" 2 100
sleep 0.1
: >got
echo >&"$go"
wait $reader
[[ $(grep -c '^# clock set back$' got) == 1 ]]
grep -v '^#' got >>"$(rows_file web)"
conserved web OUTPUT 1
