# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2016 # tests/lib.sh sets and evaluates
# Three namespaces as hosts send to a fourth in the same millisecond, and their recordings show it.
# The recordings go to the log, for examples/incast/try.py on the outside.
# timeout: 600
# cpus: 2

export LD_LIBRARY_PATH=/t
senders

claim "each sender counts what it sends, and the receiver what it gets, in windows of the same clock"
for sender in n0 n2 n3; do
	pp $sender "$ipt" -A OUTPUT -p udp -m pktstat --period 100us --samples 20000 --name out
done
n1 "$ipt" -A INPUT -p udp -m pktstat --period 100us --samples 20000 --name in
recorders=()
for host in n0 n1 n2 n3; do
	pkttop record -N $host --host $host -o /run/$host.csv 2>/run/$host.said &
	recorders+=($!)
done
for host in n0 n1 n2 n3; do
	wait_until '[[ -s /run/$host.csv ]]'
done
# Now and then each for itself, and twice all of them, in each of 50 ms.
alone() { in_ns "$1" udp "$2" 40 1400 -b 20 -i 77000 -a 1000000000 -o "$3"; }
alone n0 10.9.0.2 150000
alone n2 10.9.2.2 350000
alone n3 10.9.3.2 550000
# One process with a socket in each namespace: however slow the machine, the three send within the
# same millisecond, or nearly so.
python3 - <<-END
	import ctypes, os, socket, time

	def socket_in(netns, address):
	    if ctypes.CDLL(None).setns(os.open("/run/netns/" + netns, os.O_RDONLY), 0x40000000):
	        raise OSError("setns")
	    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM), (address, 9)

	senders = [socket_in("n0", "10.9.0.2"), socket_in("n2", "10.9.2.2"), socket_in("n3", "10.9.3.2")]
	for _ in range(2):
	    begin = (time.time_ns() // 10**9 + 2) * 10**9
	    for number in range(50):
	        while time.time_ns() < begin + number * 10**6:
	            pass
	        for _ in range(2):
	            for sender, receiver in senders:
	                sender.sendto(bytes(1400), receiver)
END
sleep 1
kill -INT "${recorders[@]}"
wait "${recorders[@]}"
cat /run/n?.said
# What was sent was got, window for window counted twice: 3 * (40 + 200).
sums=$(cat /run/n[023].csv | mawk -F, '$2 == "out" { frames += $5 } END { print frames }')
[[ $sums == 720 ]]
[[ $(mawk -F, '$2 == "in" { frames += $5 } END { print frames }' /run/n1.csv) == 720 ]]
for host in n0 n1 n2 n3; do
	grep -q 'agrees with status exactly' /run/$host.said
done

for host in n0 n1 n2 n3; do
	echo "recording $host.csv"
	sed 's/^/| /' /run/$host.csv
done

# By the second: a slow machine stretches a burst. By the millisecond is try.py's part.
claim "in the two seconds of the incast three hosts sent at once, and in no other"
cat /run/n[023].csv | mawk -F, '
	$2 == "out" && $5 { sent[sprintf("%.0f", int($4 / 1e9)) " " $1] += $5 }
	END { for (key in sent) { split(key, part, " "); hosts[part[1]]++ } for (at in hosts) if (hosts[at] == 3) print at }
' | sort | tee /run/incasts
(($(wc -l </run/incasts) == 2))
