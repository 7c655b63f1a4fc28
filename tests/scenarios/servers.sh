# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A machine with many CPUs: what a counter takes there, and that its windows are of all of them.
# variants: nft4
# cpus: 48
# timeout: 400

topology 2
export ns=n0
n0 "$ipt" -A OUTPUT -p udp -m pktstat --period 100us --samples 100000 --name in
n0 "$ipt" -A OUTPUT -p udp -m pktstat --period 200 --samples 100 --name slow
frame=$((100 + header))

claim "100000 windows of 100 us take less than 8 MiB"
memory=$(status_key in memory)
((memory < 8 << 20))

claim "a window has one row, whichever CPUs counted"
cpus=$(nproc)
for ((cpu = 0; cpu < cpus; cpu++)); do
	in_ns n0 taskset -c $cpu udp -b 1 -i 300000 -a 1000000000 -o 20000 -p $((1000 + cpu)) "$addr1" 4 100 >/dev/null &
done
wait
sleep 0.3
in_ns n0 cat "$(proc slow history)" | tee got
[[ $(sed 1,2d got | cut -d' ' -f1 | uniq -d) == '' ]]
[[ $(totals slow) == "$((4 * cpus)) $((4 * cpus * frame))" ]]
[[ $(awk '!/^#/ { frames += $2 } END { print frames }' got) == $((4 * cpus)) ]]
conserved slow OUTPUT 2
conserved in OUTPUT 1

claim "--above: of 48 CPUs none matches early, and an eighth of the rate late at most"
date -s "@$(($(date +%s) / 100 * 100 + 101))" >/dev/null
# 2400 frames in 100 s.
n0 "$ipt" -A OUTPUT -p udp -m pktstat --period 100s --samples 20 --name above --above 24pps
for ((cpu = 0; cpu < cpus; cpu++)); do
	in_ns n0 taskset -c $cpu udp -p $((1000 + cpu)) "$addr1" 100 100 >/dev/null &
done
wait
read -r frames _ < <(counters OUTPUT 3)
above=$((100 * cpus - 2400))
echo "    $frames of $above frames above matched"
((frames <= above && frames >= above - 2400 / 8))
[[ $(status_key above matched_frames) == "$frames" ]]
n0 "$ipt" -D OUTPUT 3

claim "what CPUs have closed is collected though nobody reads, and nothing runs when nothing comes"
tracing=/sys/kernel/tracing
[[ -d $tracing/events ]] || mount -t tracefs tracefs $tracing
echo 1 >$tracing/events/workqueue/workqueue_execute_start/enable
for ((cpu = 0; cpu < cpus; cpu += 16)); do
	in_ns n0 taskset -c $cpu udp -b 1 -i 400 -p $((1000 + cpu)) "$addr1" 1500 100 >/dev/null &
done
wait
wait_until "grep -q pktstat_work_runs $tracing/trace"
sleep 1
echo >$tracing/trace
sleep 10
echo 0 >$tracing/events/workqueue/workqueue_execute_start/enable
refused 1 '' grep pktstat $tracing/trace
refused 1 '' grep pktstat /proc/timer_list
[[ $(status_key in merged) == 0 ]]
conserved in OUTPUT 1
conserved slow OUTPUT 2

claim "nothing is lost when CPUs go away with what they counted, and come back"
[[ -w /sys/devices/system/cpu/cpu1/online ]]
for cpu in 1 2 3; do
	in_ns n0 taskset -c $cpu udp -p $((1000 + cpu)) "$addr1" 10 100 >/dev/null
	echo 0 >/sys/devices/system/cpu/cpu$cpu/online
done
send_udp 10 100
conserved in OUTPUT 1
for cpu in 1 2 3; do
	echo 1 >/sys/devices/system/cpu/cpu$cpu/online
	in_ns n0 taskset -c $cpu udp -p $((1000 + cpu)) "$addr1" 10 100 >/dev/null
done
conserved in OUTPUT 1
conserved slow OUTPUT 2

claim "a CPU that comes while a window is open counts in the same window"
hour=3600
# Ten minutes past an hour.
date -s "@$((($(date +%s) / hour + 1) * hour + 600))" >/dev/null
n0 "$ipt" -A OUTPUT -p udp -m pktstat --period ${hour}s --samples 2 --name hours
in_ns n0 taskset -c 1 udp -p 1001 "$addr1" 10 100 >/dev/null
echo 0 >/sys/devices/system/cpu/cpu1/online
in_ns n0 taskset -c 0 udp -p 1000 "$addr1" 10 100 >/dev/null
echo 1 >/sys/devices/system/cpu/cpu1/online
in_ns n0 taskset -c 1 udp -p 1001 "$addr1" 10 100 >/dev/null
date -s "@$(($(date +%s) + hour))" >/dev/null
in_ns n0 cat "$(proc hours history)" | tee got
[[ $(sed 1,2d got | cut -d' ' -f2-) == "30 $((30 * frame))" ]]
conserved hours OUTPUT 3
