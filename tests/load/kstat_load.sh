# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2086 # paths without blanks
# kstat on four CPUs under load: exact steps, nothing lost, whatever is done to it meanwhile.
# cpus: 4
# timeout: 600

kstat_topology
sysctl -qw net.ipv4.icmp_ratelimit=0
nft -f - <<-END
table inet twin {
	counter sum { }
	chain out {
		type filter hook postrouting priority 400; policy accept;
		counter name sum
	}
}
END
twin_sum() { nft list counter inet twin sum | sed -n 's/.*packets \([0-9]*\) bytes \([0-9]*\).*/\1 \2/p'; }
n0 nft -f - <<-END
table ip quiet {
	chain in {
		type filter hook prerouting priority raw
		udp dport 9 drop
	}
}
END

# load FRAMES: four senders, a CPU and a destination each, in the background.
load() {
	local cpu
	senders=()
	for cpu in 0 1 2 3; do
		ip neigh replace "10.9.0.1$cpu" lladdr 02:00:00:00:00:20 dev v10 nud permanent
		taskset -c $cpu udp -b 20 -i "${2:-2000}" "10.9.0.1$cpu" "$1" 100 >/dev/null &
		senders+=($!)
	done
}
loaded() { kill -0 "${senders[@]}" 2>/dev/null; }
# Until all of the load has been sent.
unload() { wait "${senders[@]}"; }
frames() { local sum; sum=$(nout_sum) && echo "${sum% *}"; }

claim "with counter=10 each view is a multiple of ten, and never less than the one before"
echo 10 >$counter
echo 1 >$enabled
nft reset counters table inet twin
views=0 seen=0 sent=0
while ((views < 10)); do
	load 2000
	sent=$((sent + 8000))
	while loaded; do
		now=$(frames)
		((now % 10 == 0 && now >= seen))
		((now == seen)) || views=$((views + 1))
		seen=$now
	done
	unload
done
echo "    $views views of $sent frames"
[[ $(nout_sum) == "$sent $((sent * 128))" && $(twin_sum) == "$sent $((sent * 128))" ]]
for cpu in 0 1 2 3; do
	[[ $(nout_row "udp 10.9.0.1 10.9.0.1$cpu v10") == "$((sent / 4)) $((sent * 32))" ]]
done

claim "changing the counter under load loses nothing"
changes=0
while ((changes < 20)); do
	load 2000
	sent=$((sent + 8000))
	while loaded; do
		for number in 7 1 1000 1000000000 2; do
			echo $number >$counter
			changes=$((changes + 1))
		done
	done
	unload
done
echo "    $changes changes"
echo 1 >$counter
[[ $(nout_sum) == "$sent $((sent * 128))" && $(twin_sum) == "$sent $((sent * 128))" ]]

claim "reading under load, four readers at once, loses nothing"
load 4000
sent=$((sent + 16000))
for _ in 1 2 3 4; do
	while :; do cat $nout; done >/dev/null &
	readers+=($!)
done
unload
kill "${readers[@]}"
wait "${readers[@]}" || true
[[ $(nout_sum) == "$sent $((sent * 128))" ]]

claim "started and stopped a thousand times under load: what was counted stays"
cycle() {
	local i
	for ((i = 0; i < $1; i++)); do
		echo 0 >$enabled
		echo 1 >$enabled
	done
}
load 100000000 4000
cycle 20
slab() { awk '/^(Slab|Percpu|VmallocUsed|MemFree):/ { print $1, $2 }' /proc/meminfo | xargs; }
free_before=$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo)
last=$(frames)
for ((round = 0; round < 49; round++)); do
	cycle 20
	now=$(frames)
	((now >= last))
	last=$now
done
echo "    $(slab)"
free_after=$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo)
((free_before - free_after < 16384))
kill "${senders[@]}" 2>/dev/null || true
unload || true
((last <= $(twin_sum | cut -d' ' -f1)))
((last > sent))

claim "a burst within a start and a stop is there to the last packet"
echo 0 >$enabled
echo / >$nout
for ((round = 1; round <= 30; round++)); do
	echo 1 >$enabled
	load 25 0
	unload
	echo 0 >$enabled
	[[ $(frames) == $((round * 100)) ]]
done

claim "ten thousand destinations in a table of 4096: the sum is exact"
echo / >$nout
echo 1 >$enabled
nft reset counters table inet twin
ip route add 10.20.0.0/16 via 10.9.0.2
python3 - <<-END &
import os, socket
for cpu in range(4):
    if os.fork() == 0:
        os.sched_setaffinity(0, {cpu})
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for n in range(10000):
            s.sendto(b"x" * 72, ("10.20.%d.%d" % (n // 250, n % 250 + 1), 9))
        os._exit(0)
for cpu in range(4): os.wait()
END
senders=($!)
while loaded; do
	(($(grep -vc '^#' $nout) <= 4097))
done
unload
[[ $(grep -c '^udp ' $nout) == 4096 ]]
[[ $(nout_sum) == "40000 4000000" && $(twin_sum) == "40000 4000000" ]]
other=$(nout_row other)
echo "    other $other"
((${other% *} >= 40000 - 4 * 4096))

claim "the hooks are gone when it is stopped"
echo 0 >$enabled
before=$(nout_sum)
load 100 0
unload
[[ $(nout_sum) == "$before" ]]

nft delete table inet twin
ip link del v10
ip link del v12
