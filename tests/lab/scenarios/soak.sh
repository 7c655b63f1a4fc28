# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A long time on a short period: the kernel's own packet generator on two CPUs, a window of 100 us
# and a reader that is too slow for it. Then four counts agree to the frame and the byte: the
# generator's, iptables', the totals, and the rows.
# cpus: 2
# timeout: 3600

packets=$(boot_word soak_packets)
packets=${packets:-100000}
payload=46
quiet_ns n1
ip -n n1 link add sink type dummy
ip -n n1 link set sink address 02:00:00:00:00:01 up
modprobe -q pktgen || true

# pktgen FILE WORDS...: a command to pktgen, which answers in the same file.
pktgen() { in_ns n1 bash -c 'echo "${*:2}" >"/proc/net/pktgen/$1" && grep -q "^Result: OK" "/proc/net/pktgen/$1"' - "$@"; }
for cpu in 0 1; do
	pktgen kpktgend_$cpu "add_device sink@$cpu"
	for words in "count $((packets / 2))" "pkt_size $((14 + 28 + payload))" "xmit_mode netif_receive" "burst 1" \
		"delay 0" "dst 10.9.9.9" "src_min 10.9.8.$cpu" "dst_mac 02:00:00:00:00:01"; do
		pktgen "sink@$cpu" "$words"
	done
done
sent() { in_ns n1 cat /proc/net/pktgen/sink@{0,1} | awk '$1 == "pkts-sofar:" { n += $2 } END { print n + 0 }'; }

claim "$packets packets from two CPUs through a rule with windows of 100 us, and a slow reader"
n1 "$ipt" -t raw -A PREROUTING -p udp -m pktstat --period 100us --samples 100 --name soak -j DROP
cat >slow.py <<-'END'
	# Reads a page, takes a rest, and so on; each eighth rest lasts until the FIFO has run over. At the
	# end reads what there is left, and prints sums and rows.
	import os, time
	frames = bytes_ = rows = reads = 0
	rest, last = b"", 0
	def merged():
	    with open("/proc/net/xt_pktstat/soak/status") as status:
	        return next(line for line in status if line.startswith("merged:"))
	fd = os.open("/proc/net/xt_pktstat/soak/data", os.O_RDONLY)
	while True:
	    over = os.path.exists("over")
	    text = os.read(fd, 4096)
	    if over and not text:
	        break
	    *lines, rest = (rest + text).split(b"\n")
	    for line in lines:
	        if line[:1] == b"#":
	            continue
	        timestamp, f, b = map(int, line.split())
	        assert timestamp > last and timestamp % 100000 == 0, line
	        last = timestamp
	        frames, bytes_, rows = frames + f, bytes_ + b, rows + 1
	    reads += 1
	    before = merged()
	    while not os.path.exists("over"):
	        time.sleep(0.01)
	        if reads % 8 or merged() != before:
	            break
	assert not rest
	print(frames, bytes_, rows)
END
in_ns n1 python3 slow.py >sums &
reader=$!
began=$(uptime)
# Ends when all are sent.
echo start | in_ns n1 tee /proc/net/pktgen/pgctrl >/dev/null
echo "    $(sent) packets in $(($(uptime) - began)) s"
[[ $(sent) == "$packets" ]]

claim "the rows that were read, those that were left, the totals, iptables and pktgen agree exactly"
touch over
wait $reader
read -r frames bytes rows <sums
echo "    rows $rows, merged $(status_key soak merged), $frames $bytes, totals $(totals soak)," \
	"$ipt $(counters -t raw PREROUTING 1), sent $(sent)"
[[ "$frames $bytes" == "$packets $((packets * (28 + payload)))" ]]
[[ $(totals soak) == "$frames $bytes" ]]
[[ $(counters -t raw PREROUTING 1) == "$frames $bytes" ]]
[[ $(status_key soak queued) == 0 ]]

claim "both CPUs were in it, there were many windows, and some were merged"
((rows > 100))
(($(status_key soak merged) > 0))
