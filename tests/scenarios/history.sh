# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The last windows of a counter, for as many readers as like.
# variants: legacy6 nft4
# cpus: 2
# timeout: 400

topology 2
n1 "$ipt" -A INPUT -p udp -m pktstat --period 20 --samples 5 --name web
history=$(proc web history)
frame=$((100 + header))

# closed N: N frames in N windows, which have ended.
closed() {
	windows "$1" 20000000
	sleep 0.06
}
# adds_up FILE: what a reader of `history` got: its line `before`, and its rows.
adds_up() {
	awk '/^# before/ { f += $3; b += $4 } !/^#/ { f += $2; b += $3 } END { print f + 0, b + 0 }' "$1"
}

claim "it begins with the header and the totals before the first row"
closed 3
in_ns n1 cat "$history" | tee got
[[ $(sed -n 1p got) == "# timestamp frames bytes" ]]
[[ $(sed -n 2p got) == "# before 0 0" ]]
[[ $(sed 1,2d got | cut -d' ' -f2- | uniq -c | xargs) == "3 1 $frame" ]]

claim "reading takes nothing away, neither from it nor from data"
[[ $(in_ns n1 cat "$history") == "$(<got)" ]]
[[ $(status_key web queued) == 3 ]]
rows web
conserved web INPUT 1
[[ $(in_ns n1 cat "$history") == "$(<got)" ]]

claim "one byte at a time gets the same"
in_ns n1 /t/fd "$history" all=1 2>/dev/null >one
diff got one

claim "it has the last windows, whether data was read or not"
closed 7
in_ns n1 cat "$history" | tee got
[[ $(sed -n 2p got) == "# before 5 $((5 * frame))" ]]
[[ $(sed 1,2d got | cut -d' ' -f2- | uniq -c | xargs) == "5 1 $frame" ]]
[[ $(adds_up got) == "$(totals web)" ]]

claim "a reader that stalls gets what it missed in one row, and a line says of how many windows"
mkfifo go
in_ns n1 /t/fd "$history" read=1 line all=4096 <go >stalled 2>report &
reader=$!
exec {go}>go
wait_until '[[ -s report ]]'
closed 500
echo >&"$go"
wait $reader
cat stalled
# Seven of ten came with the line before: those that the ring had then.
[[ $(sed -n 3p stalled) == "# merged 500" ]]
[[ $(sed -n 4p stalled | cut -d' ' -f2-) == "501 $((501 * frame))" ]]
[[ $(sed 1,4d stalled | cut -d' ' -f2- | uniq -c | xargs) == "4 1 $frame" ]]
[[ $(adds_up stalled) == "$(totals web)" ]]

claim "data merged what did not fit, and says so too"
in_ns n1 cat "$(proc web data)" | tee got
grep -v '^#' got >>"$(rows_file web)"
# Seven windows and five hundred, of which data keeps five and one of all the others.
[[ $(grep -c '^# merged' got) == 1 ]]
[[ $(sed -n 7p got) == "# merged $((507 - 6))" ]]
[[ $(sed -n 8p got | cut -d' ' -f2) == "$((507 - 5))" ]]
[[ $(status_key web merged) == $((507 - 6)) ]]
conserved web INPUT 1

claim "a window that closes wakes the readers that wait, at both files"
for file in data history; do
	for verb in poll select epoll; do
		: >report
		in_ns n1 /t/fd "$(proc web $file)" all=4096 $verb all=4096 2>report >got &
		reader=$!
		wait_until '[[ -s report ]]'
		send_udp 1 100
		wait $reader
		[[ $(<report) == *"$verb: 1"* ]]
		[[ $(tail -n 1 got) == *" 1 $frame" ]]
		[[ $file == history ]] || grep -v '^#' got >>"$(rows_file web)"
	done
done
conserved web INPUT 1

claim "a hundred readers and data's own get all of it, while rules change"
n1 "$ipt" -A INPUT -p udp -m pktstat --period 1 --samples 50 --name fast
cat >readers.py <<'END'
# Reads `history` a hundred times at once, each reader as it likes, until `stop` is there.
import os, random, select, sys, time
path = "/proc/net/xt_pktstat/fast/"
files = [os.open(path + "history", os.O_RDONLY) for _ in range(100)]
texts = [b""] * len(files)
open("ready", "w")
def read(i, size):
    got = os.read(files[i], size)
    texts[i] += got
    return got
while not os.path.exists("stop"):
    for i in random.sample(range(len(files)), 10):
        # One in ten has read a byte, and waits.
        if i % 10 == 0:
            texts[i] or read(i, 1)
        elif i % 10 == 1:
            select.select([files[i]], [], [], 0.01)
        else:
            read(i, random.choice([1, 20, 100, 4096]))
time.sleep(0.1)
totals = [int(line.split()[1]) for line in open(path + "status") if line.startswith(("frames", "bytes"))]
merged = 0
for i in range(len(files)):
    while read(i, 4096):
        pass
    lines = texts[i].decode().splitlines(True)
    assert lines[0] == "# timestamp frames bytes\n" and lines[1].startswith("# before "), lines[:2]
    merged += sum(line.startswith("# merged ") for line in lines)
    before = list(map(int, lines[1].split()[2:]))
    rows = [list(map(int, line.split())) for line in lines if line[0] != "#"]
    assert rows == sorted(rows) and len({row[0] for row in rows}) == len(rows)
    got = [before[n] + sum(row[1 + n] for row in rows) for n in (0, 1)]
    assert got == totals, (i, got, totals)
print(len(files), "readers agree:", totals, "merged rows", merged)
assert merged
END
in_ns n1 python3 readers.py &
python=$!
wait_until '[[ -e ready ]]'
in_ns n0 taskset -c 0 udp -b 5 -i 700 -p 1000 "$addr1" 5000 100 >/dev/null &
senders=($!)
in_ns n0 taskset -c 1 udp -b 3 -i 900 -p 1001 "$addr1" 3000 100 >/dev/null &
senders+=($!)
while kill -0 "${senders[@]}" 2>/dev/null; do
	in_ns n1 "$ipt" -I INPUT 1 -p sctp
	in_ns n1 "$ipt" -D INPUT 1
	rows fast >/dev/null
done
wait "${senders[@]}"
touch stop
wait $python
conserved fast
conserved web

claim "a counter is open a thousand times at most, and the log says so"
log_mark
in_ns n1 bash -c "ulimit -n 2000; exec python3 -c '
import errno, os
files = [os.open(\"$history\", os.O_RDONLY) for _ in range(1024)]
try:
    os.open(\"$(proc web data)\", os.O_RDONLY)
    raise SystemExit(\"one more was opened\")
except OSError as error:
    assert error.errno == errno.ENOSPC, error
'"
logged "xt_pktstat.*counter web is open 1024 times"
in_ns n1 cat "$history" >/dev/null

claim "a reader that waits when the rule goes is woken, and reads no more"
: >report
in_ns n1 /t/fd "$history" all=4096 poll read=100 >/dev/null 2>report &
reader=$!
wait_until '[[ -s report ]]'
sleep 0.5
n1 "$ipt" -F INPUT
wait $reader
cat report
[[ $(<report) == *"read: EIO" ]]
gone web
