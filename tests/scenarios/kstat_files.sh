# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2086 # paths without blanks
# kstat's files: what they take, what they refuse and what they show.
# cpus: 2
# timeout: 300

kstat_topology
# send N: from this namespace, on the CPUs in turn; each weighs 128 bytes.
send() {
	local i
	for ((i = 0; i < $1; i++)); do taskset -c $((i % 2)) udp 10.9.0.2 1 100 >/dev/null; done
}
header='# protocol source destination device frames bytes'

claim "loading starts nothing"
[[ $(cat $enabled) == 0 && $(cat $counter) == 1 && $(cat $nout) == "$header" ]]
send 3
[[ $(cat $nout) == "$header" ]]
[[ $(stat -c '%a %U' $nout $counter | xargs) == "640 root 644 root" ]]

claim "started, each packet has its row"
echo 1 >$enabled
[[ $(cat $enabled) == 1 ]]
send 20
grep -qx 'udp 10.9.0.1 10.9.0.2 v10 20 2560' $nout
[[ $(nout_sum) == "20 2560" ]]

claim "a slash empties the table"
echo / >$nout
[[ $(nout_sum) == "0 0" ]]
printf / >$nout

claim "after nine packets nothing new, after the tenth all ten, on two CPUs"
echo 10 >$counter
[[ $(cat $counter) == 10 ]]
for ((i = 1; i <= 25; i++)); do
	send 1
	[[ $(nout_sum) == "$((i / 10 * 10)) $((i / 10 * 10 * 128))" ]]
done

claim "a change of the counter publishes what is pending, and begins new steps"
echo 4 >$counter
[[ $(nout_sum) == "25 3200" ]]
send 3
[[ $(nout_sum) == "25 3200" ]]
send 1
[[ $(nout_sum) == "29 3712" ]]

claim "stopping publishes what is pending; starting again goes on counting"
send 3
echo off >$enabled
[[ $(cat $enabled) == 0 && $(nout_sum) == "32 4096" ]]
send 2
[[ $(nout_sum) == "32 4096" ]]
echo y >$enabled
send 4
[[ $(nout_sum) == "36 4608" ]]

claim "emptying the table forgets what is pending too"
send 3
echo / >$nout
send 1
[[ $(nout_sum) == "0 0" ]]
send 3
[[ $(nout_sum) == "4 512" ]]

claim "bad input is refused and changes nothing"
echo 7 >$counter
before=$(cat $counter $enabled $nout)
write() { bash -c 'printf %s "$1" >"$2"' - "$1" "$2"; }
for text in 0 -1 abc ' 5' '5 ' 1.5 0x10 +; do
	refused 1 '*Invalid argument*' write "$text" $counter
done
for text in 1000000001 18446744073709551615 18446744073709551616 99999999999999999999999; do
	refused 1 '*out of range*' write "$text" $counter
done
for text in 2 x maybe -1; do refused 1 '*Invalid argument*' write "$text" $enabled; done
for text in x // '/ ' 0 ' /' "$(printf '%0200d' 0)"; do
	refused 1 '*Invalid argument*' write "$text" $nout
done
[[ $(cat $counter $enabled $nout) == "$before" ]]
for text in 1 1000000000 +5 0012; do write "$text" $counter; done
[[ $(cat $counter) == 12 ]]
for text in n 1 off on N Y 0; do write "$text" $enabled; done
[[ $(cat $enabled) == 0 ]]

claim "nout comes in pieces of any size, stays as it was when it was opened, and can be sought in"
write 1 $counter
write / $nout
write 1 $enabled
for ((i = 0; i < 200; i++)); do udp 127.1.0.$i 1 $i; done >/dev/null
text=$(cat $nout)
(($(wc -l <<<"$text") > 190))
for size in 1 7 100 4096 1000000; do [[ $(fd $nout all=$size) == "$text" ]]; done
[[ $(fd $nout pread=10,2 read=5) == "${header:2:10}${header:0:5}" ]]
[[ $(fd $nout all=100 seek=2 read=10) == "$text"$'\n'"${header:2:10}" ]]
# A coprocess takes COPROC with it when it ends.
coproc { fd $nout read=1000 line all=33; }
exec {said}<&"${COPROC[0]}" {go}>&"${COPROC[1]}"
read -rn 1 -u "$said"
udp 10.9.0.2 1 1 >/dev/null
echo >&"$go"
[[ "$REPLY$(cat <&"$said")" == "$text" ]]
wait
exec {said}<&- {go}>&-

claim "odd names of devices are escaped"
for name in 'a"b' 'c\d' "e'f" $'g\eh' 'µ' '*'; do
	ip link add "$name" type dummy
	ip addr add 10.8.0.1/24 dev "$name"
	ip link set "$name" up
	udp 10.8.0.2 1 1 >/dev/null
	ip link del "$name"
done
for name in 'a\042b' 'c\134d' 'e\047f' 'g\033h' '\302\265' '*'; do
	[[ $(cat $nout) == *" 10.8.0.1 10.8.0.2 $name 1 29"* ]]
done

claim "an open nout outlives the module, and says so when it is read"
coproc { fd $nout read=1 line read=1 2>&1; }
exec {said}<&"${COPROC[0]}" {go}>&"${COPROC[1]}"
read -rn 1 -u "$said"
[[ $REPLY == '#' ]]
rmmod xt_pktstat
[[ ! -e /proc/kstat && ! -e /sys/kernel/kstat ]]
echo >&"$go"
[[ $(cat <&"$said") == *EIO* ]]
wait
exec {said}<&- {go}>&-
modprobe xt_pktstat

claim "a table of no row, and one that is too large"
rmmod xt_pktstat
modprobe xt_pktstat kstat_entries=0
echo 1 >$enabled
send 3
[[ $(cat $nout) == "$header"$'\n'"other * * * 3 384" ]]
rmmod xt_pktstat
modprobe xt_pktstat kstat_entries=1048577
log_mark
refused 1 '*Invalid argument*' write 1 $enabled
logged 'kstat_entries can be at most 1048576'
[[ $(cat $enabled) == 0 ]]
rmmod xt_pktstat
modprobe xt_pktstat
