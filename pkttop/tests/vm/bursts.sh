# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # tests/lib.sh sets it
# A calm stream with a burst every 400 ms: an average over a second shows the stream, windows of 1 ms
# show the bursts. The recording goes to the log; Documentation/picture draws it.
# timeout: 600

export LD_LIBRARY_PATH=/t
topology 2

claim "every burst is seen, and so is the calm between them"
n1 "$ipt" -A INPUT -p udp -m pktstat --period 1 --samples 10000 --name web
pkttop record -N n1 --host n1 -o /run/bursts.csv web 2>/run/said &
recorder=$!
wait_until '[[ -s /run/bursts.csv ]]'
in_ns n0 udp -b 2 -i 4000 "$addr1" 1200 1000 >/dev/null &
calm=$!
send_udp 1800 1400 -b 300 -i 400000 >/dev/null
wait $calm
sleep 1
kill -INT $recorder
wait $recorder
cat /run/said
grep -q 'agrees with status exactly' /run/said
pkttop report -j /run/bursts.csv | tee /run/report
grep -q '"frames": 3000,' /run/report
# A slow machine may tear a burst apart.
bursts=$(sed -n 's/.*"bursts": \([0-9]*\).*/\1/p' /run/report)
((bursts >= 6))
pkttop plot /run/bursts.csv -o /run/bursts.svg
grep -q 'worst burst' /run/bursts.svg

echo "recording web.csv"
sed 's/^/| /' /run/bursts.csv
