# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2016 # awk and Python evaluate
# examples/who-was-it names the one of three senders that bursts, and its file holds the packets that
# the rule with --above matched, as who reads it and knows nothing of pkttop says.
# timeout: 300
# cpus: 2
# files: examples/who-was-it pkttop/tests/read_pcapng.py

export LD_LIBRARY_PATH=/t
# of_bursts EXPRESSION: of the file's bursts, as pkttop reads them again, what Python says.
of_bursts() {
	python3 -c '
import json, sys
bursts = [json.loads(line) for line in open("again")]
def sums(source):
    of = [f for b in bursts for f in b["flows"] if f["source"] == source]
    return sum(f["frames"] for f in of), sum(f["bytes"] for f in of)
print(eval(sys.argv[1]))' "$1"
}

claim "the sender that bursts is named, with the largest share"
who-was-it burst.pcapng 2>said | tee out
cat said
grep -Eq '^it was 10\.99\.2\.1: (9[0-9]\.[0-9]|100\.0) % of what came in bursts$' out
pkttop who --input burst.pcapng --json >again
for source in 10.99.1.1 10.99.3.1; do
	[[ $(of_bursts "sums('10.99.2.1')[1] > 9 * sums('$source')[1]") == True ]]
done
[[ $(of_bursts 'all(b["flows"][0]["source"] == "10.99.2.1" and b["flows"][0]["share"] > 0.5 for b in bursts)') == True ]]

claim "what the rule matched is in the file, and nothing else"
read -r frames bytes < <(awk '/^the rule matched/ { print $4, $7 }' out)
grep -q "^pkttop: in: [0-9]* bursts*, $frames packets captured, none lost\$" said
# 1200 packets were sent in bursts and 200 beside them; the first 50000 bytes of a window are not above.
((frames <= 1400 - 3 * 35))
python3 /t/read_pcapng.py burst.pcapng >packets
[[ $(awk '/^packet/ { n++; bytes += $3 } END { print n, bytes }' packets) == "$frames $bytes" ]]

claim "who reads the file and knows nothing of pkttop finds the same packets of each sender"
for source in 10.99.1.1 10.99.2.1 10.99.3.1; do
	[[ $(of_bursts "'%d %d' % sums('$source')") == \
		"$(awk -v source=$source '/^packet/ && $6 == source { n++; bytes += $3 } END { print n + 0, bytes + 0 }' packets)" ]]
done

claim "it leaves no namespace, counter or process"
[[ $(ip netns list) == '' ]]
[[ $(cat /proc/[0-9]*/comm 2>/dev/null || true) != *pkttop* ]]
