# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Reading consumes, and what a reader did not get is not lost. One family is enough: the file
# does not know of them.
# variants: legacy4

topology 2
n1 "$ipt" -A INPUT -p udp -m pktstat --period 20 --samples 1000 --name web
data=$(proc web data)

# bursts N: N frames in N windows, closed and not yet read.
bursts() {
	local want=$(($(in_ns n1 sed -n 's/^frames: //p' "$(proc web status)") + $1))
	windows "$1" 20000000
	wait_until '[[ $(status_key web frames) == '"$want"' ]]'
	# The last one's window: no row of it is half full any more.
	sleep 0.06
}
# fd VERB...: with the counter's data file; rows go to the sum, what happened to $report.
fd() {
	in_ns n1 /t/fd "$data" "$@" 2>report >got
	report=$(<report)
	grep -v '^#' got >>"$(rows_file web)" || true
	echo "    fd $*: ${report//$'\n'/, }"
}

claim "the header comes once per open, first, then rows, then end of file"
bursts 5
fd all=4096 all=4096
[[ $(head -n 1 got) == "# timestamp frames bytes" ]]
[[ $(grep -c '^#' got) == 1 ]]
[[ $(wc -l <got) == 6 ]]
[[ $report == *"all: 0" ]]

claim "a later read on the same descriptor goes on with what has closed since"
bursts 2
mkfifo go
in_ns n1 /t/fd "$data" all=4096 line all=4096 <go >got 2>report &
reader=$!
exec {go}>go
wait_until '[[ -s report ]]'
bursts 3
echo >&"$go"
wait $reader
[[ $(grep -c '^#' got) == 1 && $(wc -l <got) == 6 ]]
grep -v '^#' got >>"$(rows_file web)"
conserved web INPUT 1

claim "one byte at a time gets the same rows"
bursts 5
fd all=1
[[ $(wc -l <got) == 6 && $(awk 'NR > 1 && NF != 3' got) == '' ]]
conserved web INPUT 1

claim "so does any other size"
for size in 2 7 23 28 29 30 31 63; do
	bursts 2
	fd "all=$size"
	[[ $(wc -l <got) == 3 && $(awk 'NR > 1 && NF != 3' got) == '' ]]
done
conserved web INPUT 1

claim "what comes after a rest is read, though reads had found that nothing comes"
for rest in 0.01 0.05 0.1; do
	for _ in 1 2 3 4 5 6; do
		fd all=4096
		[[ $(wc -l <got) == 1 ]]
		sleep $rest
	done
	bursts 2
	fd all=4096
	[[ $(wc -l <got) == 3 ]]
done
conserved web INPUT 1

claim "a read to a bad address fails with EFAULT and loses nothing"
bursts 3
fd bad=4096 all=4096
[[ $report == "bad: EFAULT"* && $(wc -l <got) == 4 ]]
bursts 3
fd read=25 bad=4096 read=30 bad=4096 all=4096
[[ $(wc -l <got) == 4 && $(awk 'NR > 1 && NF != 3' got) == '' ]]
conserved web INPUT 1

claim "a buffer that ends too early loses nothing"
for there in 5 25 26 40 60 100; do
	bursts 3
	fd half=$there all=4096
	[[ $(wc -l <got) == 4 && $(awk 'NR > 1 && NF != 3' got) == '' ]]
done
conserved web INPUT 1

claim "a read that a signal comes to ends with what has come so far, and loses nothing"
for file in data history; do
	n1 "$ipt" -A INPUT -p udp -m pktstat --period 20 --samples 1000 --name long
	windows 256 20000000
	wait_until '[[ $(status_key long queued) == 256 ]]'
	in_ns n1 /t/fd "$(proc long $file)" signal=4 all=4096 2>report >got
	echo "    $file: $(xargs <report)"
	# Of some rows: they are copied together.
	read -r _ bytes <report
	((bytes >= 4096 && bytes < 4096 + 1024))
	[[ $(grep -vc '^#' got) == 256 && $(awk '!/^#/ && NF != 3' got) == '' ]]
	n1 "$ipt" -D INPUT 2
	fd all=4096
done
conserved web INPUT 1

claim "rows that a reader closed in the middle of come with a later row"
for bytes in 1 24 25 26 40 45; do
	bursts 3
	in_ns n1 /t/fd "$data" "read=$bytes" >got
done
conserved web INPUT 1

claim "a row that a reader has whole does not come again"
bursts 3
first=$(in_ns n1 cat "$data" | sed -n 2p)
[[ $first ]]
bursts 1
[[ $(in_ns n1 cat "$data") != *"$first"* ]]
n1 "$ipt" -Z
n1 "$ipt" -F INPUT
rm "$(rows_file web)"
n1 "$ipt" -A INPUT -p udp -m pktstat --period 20 --samples 1000 --name web

claim "pread and seeking do not re-read"
bursts 5
fd all=4096 seek=0 all=4096 pread=4096,0 seek=30 all=4096
[[ $(grep -vc '^#' got) == 5 ]]
bursts 2
fd pread=4096,0 all=4096
conserved web INPUT 1

claim "opening without reading takes nothing"
bursts 3
fd poll=0
fd seek=0
fd all=4096
[[ $(wc -l <got) == 4 ]]
conserved web INPUT 1

claim "two readers share the rows and lose none"
: >one
: >two
for who in one two; do
	while [[ ! -e stop ]]; do
		in_ns n1 /t/fd "$data" "all=$((RANDOM % 50 + 1))" 2>/dev/null | sed '/^#/d' >>$who
	done &
done
send_udp 200 100 -b 2 -i 20000
touch stop
wait
for who in one two; do
	[[ $(awk 'NF != 3' $who) == '' ]]
	cat $who >>"$(rows_file web)"
done
conserved web INPUT 1

claim "writing is refused"
refused 1 '*' in_ns n1 bash -c "echo >$data"
[[ $(in_ns n1 stat -c '%a %u %g %s' "$data") == "440 0 0 0" ]]
