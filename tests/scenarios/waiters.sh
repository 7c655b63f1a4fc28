# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Readers that wait in other ways, and are not to miss anything.
# variants: nft4
# timeout: 400

topology 2
n1 "$ipt" -A INPUT -p udp -m pktstat --period 300 --samples 100 --name web
data=$(proc web data)

# waits FILE VERB: a reader that has read all there is and waits; its number goes to `readers`.
waits() {
	local n=${#readers[@]}
	in_ns n1 /t/fd "$1" all=4096 "$2" >/dev/null 2>"report.$n" &
	readers+=($!)
	wait_until "[[ -s report.$n ]]"
}
# all_woken: all readers come back, and say that there is something.
all_woken() {
	local n
	wait "${readers[@]}"
	for n in "${!readers[@]}"; do [[ $(<"report.$n") == *": 1"* ]]; done
}

claim "who waits exclusively is woken too, each of them"
readers=()
for _ in 1 2 3; do waits "$data" exclusive; done
sleep 0.3
send_udp 1 100
all_woken

claim "and hears that the counter goes"
n1 "$ipt" -A INPUT -p udp -m pktstat --period 300 --samples 100 --name short
rows web >/dev/null
readers=()
for _ in 1 2; do waits "$(proc short data)" exclusive; done
sleep 0.3
n1 "$ipt" -D INPUT 2
all_woken

claim "who waits for changes hears of the window that was open while he read"
n1 "$ipt" -A INPUT -p udp -m pktstat --period 3s --samples 100 --name long
send_udp 1 100 -a 3000000000 -o 10000
wait_until '[[ $(status_key long queued) == 1 ]]'
send_udp 1 100 -a 3000000000 -o 10000
# The first is there; all of it is read; nothing is sent any more.
in_ns n1 /t/fd "$(proc long data)" edge=1000 all=4096 edge all=4096 2>report >got
echo "    $(xargs <report)"
[[ $(grep -vc '^#' got) == 2 ]]
[[ $(grep -c "^edge: 1" report) == 2 ]]

claim "so does one with half a row in hand"
send_udp 1 100 -a 3000000000 -o 10000
wait_until '[[ $(status_key long queued) == 1 ]]'
send_udp 1 100 -a 3000000000 -o 10000
in_ns n1 /t/fd "$(proc long data)" read=30 edge=1000 all=4096 edge all=4096 2>report >got
[[ $(grep -vc '^#' got) == 2 ]]

claim "a clock that is set forward past a window's end wakes"
n1 "$ipt" -A INPUT -p udp -m pktstat --period 3600s --samples 100 --name hour
send_udp 1 100
readers=()
for verb in poll select epoll exclusive edge; do waits "$(proc hour data)" "$verb"; done
sleep 0.3
date -s "+2 hours" >/dev/null
all_woken

claim "one that is set back wakes: what was open will never go on"
in_ns n1 cat "$(proc hour data)" >/dev/null
send_udp 1 100
readers=()
for verb in poll edge; do waits "$(proc hour data)" "$verb"; done
sleep 0.3
date -s "-2 hours" >/dev/null
all_woken

# followed KIND N: three wait for N counters, and between them hear of every window, the last one too,
# after which nothing comes; and each hears that the counters go.
heard() { [[ $(sed '/^#/d' got.? | awk '{ sum += $2 } END { print sum + 0 }') == "$1" ]]; }
followed() {
	local i files=() pids=()
	for ((i = 1; i <= $2; i++)); do
		files+=("$(proc "many$i" data)")
		echo "-A INPUT -p udp -m pktstat --period 100 --samples 100 --name many$i"
	done >rules
	{ echo '*filter'; cat rules; echo COMMIT; } | n1 "$ipt-restore"
	rm -f got.?
	for i in 1 2 3; do
		in_ns n1 /t/waiter "$1" "${files[@]}" >"got.$i" 2>"report.$i" &
		pids+=($!)
	done
	for i in 1 2 3; do wait_until "[[ \$(grep -c '^# timestamp' got.$i) == $2 ]]"; done
	send_udp 4 100 -b 1 -i 130000
	wait_until heard $((4 * $2))
	n1 "$ipt" -F INPUT
	wait "${pids[@]}"
	for i in 1 2 3; do [[ $(<"report.$i") == "all $2 have gone" ]]; done
}
n1 "$ipt" -F INPUT
kinds=(poll select epoll exclusive edge multishot)
for kind in "${kinds[@]}"; do
	claim "$kind, of 1, 2 and 65 counters: all windows are heard of, and by each waiter the end"
	for many in 1 2 65; do followed "$kind" "$many"; done
done

if ! kernel_is 5.12; then
	skip "nobody is woken for another counter: before 5.12 who found nothing looks ten times a second"
else
	claim "nobody is woken for another counter, however he waits"
	quiet=()
	for i in {1..65}; do
		echo "-A INPUT -s 192.0.2.1 -m pktstat --period 100 --samples 10 --name quiet$i"
		quiet+=("$(proc "quiet$i" data)")
	done >rules
	for i in 1 2 3; do echo "-A INPUT -p udp -m pktstat --period 100 --samples 100 --name busy$i"; done >>rules
	{ echo '*filter'; cat rules; echo COMMIT; } | n1 "$ipt-restore"
	pids=()
	for kind in "${kinds[@]}"; do
		# In place of the shell: its number is the reader's.
		(exec nsenter --net=/run/netns/n1 /t/waiter "$kind" "${quiet[@]}" >"got.$kind" 2>&1) &
		pids+=($!)
	done
	# switches: how often each has gone to sleep.
	switches() {
		local pid
		for pid in "${pids[@]}"; do awk '/^voluntary_ctxt_switches/ { print $2 }' "/proc/$pid/status"; done | xargs
	}
	# sleeping: whether all wait, and no look of theirs is still to come (it would in 100 ms).
	sleeping() {
		local kind
		for kind in "${kinds[@]}"; do
			[[ $(grep -c '^# timestamp' "got.$kind") == 65 ]] || return 1
		done
		before=$(switches)
		sleep 0.5
		[[ $(switches) == "$before" ]]
	}
	wait_until sleeping
	for i in 1 2 3; do
		in_ns n1 /t/fd "$(proc "busy$i" data)" until=$((25 + 5 * 20)) >/dev/null 2>"report.$i" &
	done
	send_udp 12 100 -b 1 -i 110000
	wait_until '[[ -s report.1 && -s report.2 && -s report.3 ]]'
	[[ $(switches) == "$before" ]]
	# They were awake enough to hear of theirs.
	n1 "$ipt" -F INPUT
	wait "${pids[@]}"
	for kind in "${kinds[@]}"; do [[ $(tail -n 1 "got.$kind") == "all 65 have gone" ]]; done
fi

if [[ ! -w /sys/power/pm_test || $(</sys/power/mem_sleep) != *deep* ]]; then
	skip "a machine that slept past a window's end: this one cannot stop its clock and go on"
else
	claim "a machine that slept past a window's end wakes"
	n1 "$ipt" -F INPUT
	n1 "$ipt" -A INPUT -p udp -m pktstat --period 600s --samples 100 --name night
	seconds=$(date +%s)
	date -s "@$((seconds + 600 - seconds % 600 - 25))" >/dev/null
	send_udp 1 100
	readers=()
	for verb in poll select epoll exclusive edge; do waits "$(proc night data)" "$verb"; done
	# Instead of the machine going off the kernel does nothing for as long, with its clock stopped.
	echo 25 >/sys/module/suspend/parameters/pm_test_delay
	echo core >/sys/power/pm_test
	left=$((600 - $(date +%s) % 600))
	echo mem >/sys/power/state
	echo none >/sys/power/pm_test
	# By a timer they would be woken so late after it.
	began=$(uptime)
	all_woken
	(($(uptime) - began < left / 2))
fi
