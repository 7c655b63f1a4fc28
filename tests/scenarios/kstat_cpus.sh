# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# kstat has memory for the CPUs that are there, and follows those that go and come with what they
# counted.
# cpus: 4
# timeout: 300

kstat_topology
cpu_dir=/sys/devices/system/cpu
cpus=$(nproc)
go() { for cpu; do echo 0 >$cpu_dir/cpu"$cpu"/online; done; }
come() { for cpu; do echo 1 >$cpu_dir/cpu"$cpu"/online; done; }
# send CPU FRAMES: to 10.9.0.2.
send() { taskset -c "$1" udp 10.9.0.2 "$2" 100 >/dev/null; }
flow='udp 10.9.0.1 10.9.0.2 v10'
# Frames of the flow, and nothing else.
all_in_flow() {
	[[ $(nout_row "$flow") == "$1 $(($1 * 128))" && $(nout_row 'other * * *') == '' ]]
}

claim "it takes memory for each CPU that is there, and for one that comes"
group=/sys/fs/cgroup/kstat
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
mkdir -p $group
# taken COMMAND...: KiB more after it.
taken() {
	local before after
	before=$(<$group/memory.current)
	bash -c 'echo $$ >'$group'/cgroup.procs; '"$*"
	after=$(<$group/memory.current)
	echo $(((after - before) / 1024))
}
kib=832
is_about() { (($1 >= $2 && $1 < $2 + 600)); }
each=$(taken "echo 1 >$enabled")
echo 0 >"$enabled"
go 1 2 3
# The first start has the ledger too, which stays.
first=$(taken "echo 1 >$enabled")
second=$(taken "echo 1 >$cpu_dir/cpu1/online")
echo "    $cpus CPUs: $each KiB with the ledger, one: $first, another: $second"
is_about "$first" $kib
is_about "$second" $kib
((each >= cpus * kib))
echo 0 >"$enabled"
come 2 3

claim "what a CPU counted stays when it goes, and counts on when it is back"
echo 1 >"$enabled"
for cpu in 1 2 3; do
	send $cpu 10
	go $cpu
done
send 0 5
all_in_flow 35
all_in_flow 35
come 1 2 3
for cpu in 0 1 2 3; do send $cpu 10; done
all_in_flow 75

claim "flows of a CPU that was not there when it was started are distinguished"
echo 0 >"$enabled"
echo / >"$nout"
go 3
echo 1 >"$enabled"
come 3
send 3 10
all_in_flow 10
go 3
# Both buffers.
all_in_flow 10
all_in_flow 10
come 3
send 3 10
all_in_flow 20

claim "steps are exact while CPUs come and go and frames leave"
echo / >"$nout"
echo 7 >"$counter"
for cpu in 0 1; do
	taskset -c $cpu udp -b 1 -i 1000 10.9.0.2 3000 100 >/dev/null &
	senders+=($!)
done
seen=0
for ((round = 0; round < 4; round++)); do
	go 2 3
	come 2
	send 2 1
	now=$(nout_sum)
	((${now% *} % 7 == 0 && ${now% *} >= seen))
	seen=${now% *}
	come 3
	send 3 1
done
wait "${senders[@]}"
echo 1 >"$counter"
all_in_flow $((2 * (3000 + round)))

echo 0 >"$enabled"
rmdir $group
ip link del v10
ip link del v12
