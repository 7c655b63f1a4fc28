# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The clock is set back: whichever CPU counts next, and whoever reads, goes by the new one.
# variants: nft4
# timeout: 300

topology 2
export ns=n0
n0 "$ipt" -A OUTPUT -p udp -m pktstat --period 1 --samples 1000 --name web
data=$(proc web data)

mkfifo go
# open_reader: reads what there is and then again whenever a line comes.
open_reader() {
	in_ns n0 /t/fd "$data" all=4096 line all=4096 line all=4096 <go >>got 2>report &
	reader=$!
	exec {go}>go
	wait_until '[[ $(wc -l <report) == 1 ]]'
}
# now_ns: by the clock that rows are dated by.
now_ns() { date +%s%N; }

claim "rows after a step back are dated by the new clock, whichever CPU counts"
# The last CPU's window is older than the new time: it does not notice by itself.
last=$((CPUS - 1))
((last > 0)) || skip "one CPU: none counts that never saw the clock before"
n0 taskset -c $last udp "$addr1" 1 100
date -s "+20 minutes" >/dev/null
n0 taskset -c 0 udp "$addr1" 5 100
sleep 0.1
open_reader
grep -v '^#' got >>"$(rows_file web)"
before=$(tail -n 1 got | cut -d' ' -f1)
date -s "-10 minutes" >/dev/null
sleep 0.1
began=$(now_ns)
n0 taskset -c $last udp -i 4000 -b 1 "$addr1" 40 100
ended=$(now_ns)
sleep 0.1
: >got
echo >&"$go"
wait_until '[[ $(wc -l <report) == 2 ]]'
head -n 5 got
[[ $(head -n 1 got) == "# clock set back" ]]
grep -v '^#' got >rest
cat rest >>"$(rows_file web)"
while read -r stamp _; do
	((stamp + 1000000 > began && stamp <= ended && stamp < before)) || { echo "$stamp: not in $began to $ended"; false; }
done <rest
# Not all in one, however late a slow machine sends them.
(($(wc -l <rest) > 1))

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

# sorted FILE: timestamps rise but at the line.
sorted() { awk '/^# clock/ { last = 0; next } !/^#/ { if ($1 <= last) exit 1; last = $1 }' "$1"; }

claim "whoever has half a row in hand gets its other half, then the line, then rows of the new clock"
n0 udp "$addr1" 4 100
sleep 0.1
: >report
in_ns n0 /t/fd "$data" read=30 line all=1 line all=4096 <go >got 2>report &
reader=$!
exec {go}>go
wait_until '[[ $(wc -l <report) == 1 ]]'
half=$(<got)
[[ ${half##*$'\n'} != *" "* ]]
date -s "-1 minute" >/dev/null
for ((cpu = 0; cpu < CPUS; cpu++)); do n0 taskset -c $cpu udp "$addr1" 2 100; done
sleep 0.1
echo >&"$go"
wait_until '[[ $(wc -l <report) == 2 ]]'
[[ $(<got) == "$half"* ]]
[[ $(grep -c '^# clock' got) == 1 ]]
sorted got
echo >&"$go"
wait $reader
grep -v '^#' got >>"$(rows_file web)"
conserved web OUTPUT 1

claim "steps while all CPUs count lose nothing, and each step back has one line"
more_than() { (($(status_key web frames) > $1)); }
for by in -3 -2 +30 -1; do
	pids=() before=$(status_key web frames)
	for ((cpu = 0; cpu < CPUS; cpu++)); do
		# In place of the shell: its number is the sender's.
		(exec nsenter --net=/run/netns/n0 taskset -c $cpu udp -i 10000 -b 1 "$addr1" 6000 100 >/dev/null) &
		pids+=($!)
	done
	wait_until more_than $((before + CPUS))
	date -s "$by seconds" >/dev/null
	wait_until more_than $(($(status_key web frames) + CPUS))
	kill "${pids[@]}"
	wait "${pids[@]}" || true
	sleep 0.1
	in_ns n0 cat "$data" >got
	sorted got
	[[ $by == +* || $(grep -c '^# clock set back$' got) == 1 ]]
	[[ $by == -* || $(grep -c '^# clock' got) == 0 ]]
	grep -v '^#' got >>"$(rows_file web)"
done
conserved web OUTPUT 1

# leap insert|delete|none [SECONDS]: what is to happen at midnight (adjtimex(2)), which is in so many.
leap() {
	python3 - "$@" <<'END'
import ctypes, sys, time
class Timex(ctypes.Structure):
    _fields_ = [("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long),
                ("maxerror", ctypes.c_long), ("esterror", ctypes.c_long), ("status", ctypes.c_int),
                ("rest", ctypes.c_char * 256)]
ADJ_STATUS, STA_UNSYNC = 0x10, 0x40
if len(sys.argv) > 2:
    time.clock_settime(time.CLOCK_REALTIME, (int(time.time()) // 86400 + 1) * 86400 - int(sys.argv[2]))
status = {"insert": 0x10, "delete": 0x20, "none": STA_UNSYNC}[sys.argv[1]]
assert ctypes.CDLL(None).adjtimex(ctypes.byref(Timex(modes=ADJ_STATUS, status=status))) >= 0
END
}
# over_midnight: sends for some seconds around it, and reads.
over_midnight() {
	in_ns n0 cat "$data" | grep -v '^#' >>"$(rows_file web)" || true
	leap "$1" 7
	n0 udp -i 50000 -b 1 "$addr1" 240 100 >/dev/null
	leap none
	sleep 0.1
	in_ns n0 cat "$data" >got
	grep -v '^#' got >>"$(rows_file web)"
	sorted got
}
claim "a second that is inserted comes twice, with the line in between"
over_midnight insert
[[ $(grep -c '^# clock set back$' got) == 1 ]]

claim "one that is left out is a step forward, and has none"
over_midnight delete
[[ $(grep -c '^# clock' got) == 0 ]]
conserved web OUTPUT 1
