# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Loading and unloading. Ends with the module loaded, as it found it.
# variants: legacy4 nft6
# timeout: 400

topology 2
data=$(proc web data)
add() { in_ns n1 "$ipt" -A INPUT -p udp -m pktstat --period 100 --samples 20 --name web; }
loaded() { [[ -d /sys/module/xt_pktstat ]]; }
# Destroying a rule of iptables-nft ends a little later than the command.
unload() { wait_until 'rmmod xt_pktstat 2>/dev/null'; }

claim "it cannot be unloaded while a rule refers to it"
add
refused 1 '*in use*' rmmod xt_pktstat
n1 "$ipt" -F INPUT

claim "it can when none does, and leaves nothing behind"
unload
! loaded || false
[[ ! -e /proc/net/xt_pktstat ]]
! in_ns n1 test -e /proc/net/xt_pktstat || false

claim "it says one line when it is loaded: its version and the size of the rule config"
log_mark
modprobe xt_pktstat
[[ $(dmesg | tail -n +$((mark + 1)) | grep -c xt_pktstat) == 1 ]]
logged 'xt_pktstat: version [0-9]+\.[0-9]+\.[0-9]+, rule config 72 bytes'
[[ $(modinfo -F version xt_pktstat) == "$(dmesg | sed -n 's/.*xt_pktstat: version \([^,]*\),.*/\1/p' | tail -n 1)" ]]

claim "x_tables offers it to both families, and to no other"
modprobe -a ip_tables ip6_tables arp_tables
[[ $(grep -cx pktstat /proc/net/ip_tables_matches) == 2 ]]
[[ $(grep -cx pktstat /proc/net/ip6_tables_matches) == 2 ]]
! grep -qx pktstat /proc/net/arp_tables_matches || false

claim "revision 1 is registered first: an iptables that comes in between takes no other"
tracing=/sys/kernel/tracing
# list, name[29], revision.
if ! echo 'p:registered xt_register_match revision=+45($arg1):u8' >$tracing/kprobe_events; then
	skip "in which order revisions are registered: this kernel has no kprobe events"
else
	unload
	echo >$tracing/trace
	echo 1 >$tracing/events/kprobes/registered/enable
	modprobe xt_pktstat
	echo 0 >$tracing/events/kprobes/registered/enable
	revisions=$(sed -n 's/.*registered:.*revision=//p' $tracing/trace | xargs)
	echo >$tracing/kprobe_events
	[[ $revisions == "1 1 0 0" ]]
fi

claim "iptables loads it by itself"
unload
add
loaded
exists web

claim "the module's own words for uid, gid and perms are the files' owner and mode"
n1 "$ipt" -F INPUT
unload
modprobe xt_pktstat uid=1000 gid=1001 perms=0444
add
[[ $(in_ns n1 stat -c '%a %u %g' "$data") == "444 1000 1001" ]]
[[ $(in_ns n1 stat -c '%a %u %g' "$(proc web status)") == "444 1000 1001" ]]
in_ns n1 setpriv --reuid 1000 --regid 1000 --clear-groups cat "$data"
n1 "$ipt" -F INPUT
unload
modprobe xt_pktstat max_memory=1
[[ $(</sys/module/xt_pktstat/parameters/max_memory) == 1 ]]
unload
modprobe xt_pktstat

# with_open WORD...: unloads with a descriptor on which fd does this; it must end by itself.
with_open() {
	add
	: >report
	in_ns n1 /t/fd "$data" all=4096 "$@" <go >got 2>report &
	reader=$!
	exec {go}>go
	wait_until '[[ -s report ]]'
	sleep 0.3
	in_ns n1 "$ipt" -F INPUT
	unload
	! loaded || false
	echo >&"$go"
	exec {go}>&-
	wait $reader
	echo "    $*: $(xargs <report)"
	[[ $* != *read=100* || $(<report) == *"read: "[0E]* ]]
	modprobe xt_pktstat
}
mkfifo go

claim "it can be unloaded with a file open, whose reader gets an error or end of file"
with_open line read=100
with_open line pread=100,0 seek=0 poll=100 select=100 epoll=100 read=100

claim "it can be unloaded with a file polled"
with_open poll line read=100
with_open select line read=100
with_open epoll line read=100

claim "and with a file in an epoll set that nobody waits for"
with_open arm line read=100
with_open arm arm arm line poll=100

claim "and with a poller that is frozen"
mkdir -p /sys/fs/cgroup/ice
for verb in poll select; do
	add
	# In place of the shell: its number is the poller's.
	(exec nsenter --net=/run/netns/n1 /t/fd "$data" all=4096 $verb read=100 2>report >got) &
	reader=$!
	wait_until '[[ -s report ]]'
	sleep 0.3
	echo $reader >/sys/fs/cgroup/ice/cgroup.procs
	echo 1 >/sys/fs/cgroup/ice/cgroup.freeze
	wait_until "grep -q '^frozen 1' /sys/fs/cgroup/ice/cgroup.events"
	in_ns n1 "$ipt" -F INPUT
	unload
	! loaded || false
	echo 0 >/sys/fs/cgroup/ice/cgroup.freeze
	wait $reader
	modprobe xt_pktstat
done

claim "and with one whom another file keeps in poll(), though he then leaves memory behind"
modprobe -q fuse || true
add
in_ns n1 /t/held "$data" >said &
reader=$!
wait_until '[[ -s said ]]'
in_ns n1 "$ipt" -F INPUT
wait_until gone web
log_mark
unload
! loaded || false
logged 'xt_pktstat: a poller has not left'
kill "$(<said)"
wait $reader
modprobe xt_pktstat

claim "loading and unloading again and again, with traffic, ends where it began"
modprobe xt_pktstat
for _ in 1 2 3 4 5; do
	add
	in_ns n0 udp "$addr1" 10 100 >/dev/null
	in_ns n1 "$ipt" -F INPUT
	unload
	modprobe xt_pktstat
done
loaded
