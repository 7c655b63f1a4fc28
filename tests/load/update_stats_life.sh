# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# update_stats: which interfaces are on, who may say so, and what becomes of those that change.
# timeout: 600
# cpus: 2
# files: examples/update_stats-feeder

modprobe -a dummy veth
# Of one that failed before.
for name in d0 d1 e0; do ip link del $name 2>/dev/null || true; done
# An interface that is there and quiet.
make() { ip link add "$1" type dummy; }
# listed NAME...: these and no others are on, in this order.
listed() { [[ $(<"$orders") == "$(printf '%s\n' "$@")" ]]; }
# redirected: whether anything is hooked.
redirected() { grep -q '^dev_get_stats ' /sys/kernel/tracing/enabled_functions; }
none() { [[ ! -s $orders || -z $(<"$orders") ]]; }

claim "loading starts nothing; the first interface hooks, the last one unhooks"
none
! redirected || false
make d0
make d1
on d0
redirected
on d1
listed d0 d1
off d0
redirected
off d1
wait_until '! redirected'
none

claim "NAME and +NAME switch on, -NAME switches off, with a newline or without"
printf d0 >"$orders"
listed d0
printf -- -d0 >"$orders"
printf +d0 >"$orders"
listed d0
[[ $(stat -c %a "$orders" /sys/kernel/d0/statistics/{all,rx_bytes} | sort -u) == 644 ]]
[[ $(find /sys/kernel/d0 -type f | wc -l) == 24 ]]
off d0
[[ ! -e /sys/kernel/d0 ]]

claim "a command that cannot be followed is an error with its name, and changes nothing"
on d0
echo 1234 >"$(stat_file d0 tx_errors)"
for bad in 'b""' 'b"\n"' 'b"+"' 'b"-\n"' 'b"d0 d1"' 'b"d0\nd1\n"' 'b"d1\0"' 'b"\0d1"' 'b" d1"' 'b"a/b"' \
	'b"../d1"' 'b"d1:1"' 'b"x" * 128' 'b"d1" * 2500'; do
	case $(write_errno "$orders" "$bad") in
	EINVAL) ;;
	# A write of nothing does not get as far as the module.
	0) [[ $bad == 'b""' ]] ;;
	*) false ;;
	esac
done
[[ $(write_errno "$orders" 'b"nonesuch"') == ENODEV ]]
[[ $(write_errno "$orders" 'b"-nonesuch\n"') == ENODEV ]]
[[ $(write_errno "$orders" 'b"%s%n"') == ENODEV ]]
[[ $(write_errno "$orders" 'b"."') == ENODEV ]]
[[ $(write_errno "$orders" 'b".."') == ENODEV ]]
[[ $(write_errno "$orders" 'b"-d1"') == ENOENT ]]
listed d0

claim "on already: EEXIST and one line in the log"
log_mark
[[ $(write_errno "$orders" 'b"d0\n"') == EEXIST ]]
[[ $(dmesg | tail -n +$((mark + 1)) | wc -l) == 1 ]]
logged 'xt_pktstat: update_stats: d0: is on already'
listed d0
[[ $(shown d0 tx_errors) == 1234 ]]

claim "a value that is none is an error with its name, and changes nothing"
all_shown d0 >/run/before
for bad in 'b"\n"' 'b"-1"' 'b"+1"' 'b"0x10"' 'b"1e3"' 'b"1.5"' 'b"1 "' 'b" 1"' 'b"1\n2\n"' 'b"1\0"' 'b"\0"' 'b"1\0\n"' \
	'b"%s%n"' 'b"x" * 5000' 'b"1k"' 'b"\xff"'; do
	[[ $(write_errno "$(stat_file d0 rx_bytes)" "$bad") == EINVAL ]]
done
for bad in 'b"18446744073709551616"' 'b"9" * 40' 'b"9" * 5000'; do
	[[ $(write_errno "$(stat_file d0 rx_bytes)" "$bad") == ERANGE ]]
done
for bad in 'b"\n"' 'b"rx_bytes"' 'b"rx_bytes 1\nrx_bytes 1"' 'b"rx_bytes 1\nnonesuch 1"' 'b"rx_bytes 1\ntx_bytes x\n"' \
	'b"rx_bytes 1\0"' 'b"rx_bytes=1"' 'b"rx_bytes 1\n\n"' 'b"rx_nohandler 1"' 'b"5"' 'b"rx_bytes 1\n" * 600'; do
	[[ $(write_errno "$(stat_file d0 all)" "$bad") == EINVAL ]]
done
[[ $(write_errno "$(stat_file d0 all)" 'b"rx_bytes 1\ntx_bytes 18446744073709551616\n"') == ERANGE ]]
all_shown d0 >/run/after
cmp /run/before /run/after
[[ $(write_errno "$(stat_file d0 rx_bytes)" 'b"007"') == 0 ]]
[[ $(shown d0 rx_bytes) == 7 ]]
[[ $(write_errno "$(stat_file d0 all)" 'b"tx_bytes 9\ncollisions 8"') == 0 ]]
[[ "$(shown d0 rx_bytes) $(shown d0 tx_bytes) $(shown d0 collisions) $(shown d0 tx_errors)" == "7 9 8 1234" ]]

claim "names that /sys/kernel has or may want: EEXIST, one line in the log each, nothing broken"
for name in mm slab irq debug config tracing security kstat update_stats; do
	make $name
	log_mark
	[[ $(write_errno "$orders" "b'$name'") == EEXIST ]]
	[[ $(dmesg | tail -n +$((mark + 1)) | wc -l) == 1 ]]
	logged "xt_pktstat: update_stats: $name: "
	[[ $(write_errno "$orders" "b'-$name'") == ENOENT ]]
	ip link del $name
done
listed d0
[[ -d /sys/kernel/mm && -d /sys/kernel/slab && -e /sys/kernel/update_stats/update_stats ]]
modprobe configfs
mount -t configfs none /sys/kernel/config
umount /sys/kernel/config

claim "a rename takes the directory along"
ip link set d0 name e0
listed e0
[[ ! -e /sys/kernel/d0 && $(<"$(stat_file e0 tx_errors)") == 1234 && $(shown e0 tx_errors) == 1234 ]]
echo 5 >"$(stat_file e0 tx_errors)"
[[ $(shown e0 tx_errors) == 5 ]]
make d0
[[ $(shown d0 tx_errors) == 0 ]]
on d0
listed e0 d0
ip link set e0 name f0
ip link set d0 name e0
ip link set f0 name d0
listed d0 e0
[[ $(shown d0 tx_errors) == 5 && $(shown e0 tx_errors) == 0 ]]

claim "a rename to what /sys/kernel has for itself switches off, and the log says so"
log_mark
ip link set d0 name mm
logged 'xt_pktstat: update_stats: mm: .*switched off'
listed e0
[[ ! -e /sys/kernel/d0 && -d /sys/kernel/mm && ! -e /sys/kernel/mm/statistics && $(shown mm tx_errors) == 0 ]]
ip link set mm name d0
listed e0

claim "a device that goes takes its directory along, also one that somebody has open"
exec {file}>"$(stat_file e0 rx_bytes)"
echo 77 >&$file
[[ $(shown e0 rx_bytes) == 77 ]]
ip link del e0
none
[[ ! -e /sys/kernel/e0 ]]
! echo 78 >&$file || false
exec {file}>&-

claim "another one of the same name is another one"
make e0
[[ $(shown e0 rx_bytes) == 0 && ! -e /sys/kernel/e0 ]]
on e0
[[ $(shown e0 rx_bytes) == 0 ]]
ip link del e0
wait_until '! redirected'

claim "a device that moves to another network namespace takes its directory along"
quiet_ns c
ip link add d2 type veth peer name d3
on d2
echo 99 >"$(stat_file d2 rx_errors)"
ip link set d2 netns c
none
[[ ! -e /sys/kernel/d2 ]]
[[ $(in_ns c ip -s link show d2 | awk '/RX:/ { getline; print $3 }') == 0 ]]
[[ $(write_errno "$orders" 'b"d2"') == ENODEV ]]
ip -n c link set d2 netns 1
none
[[ $(shown d2 rx_errors) == 0 ]]

claim "a container's interface of the same name is untouched"
on d2
echo 4711 >"$(stat_file d2 rx_errors)"
ip -n c link add d2 type dummy
in_ns c cat /proc/net/dev
in_ns c grep -E '^ *d2:( +0)+$' /proc/net/dev
[[ $(ip -n c -j -s link show d2) != *4711* && $(ip -j -s link show d2) == *4711* ]]

claim "a container's root switches and writes nothing"
export -f write_errno
for who in "unshare -Urn" "setpriv --reuid 65534 --regid 65534 --clear-groups unshare -Urn"; do
	while read -r file text; do
		# shellcheck disable=SC2086 # words
		said=$($who bash -c 'write_errno "$@"' - "$file" "$text")
		echo "$who: $file $text: $said"
		[[ $said == E@(PERM|ACCES) ]]
	done <<-END
		$orders b'd1'
		$orders b'-d2'
		$(stat_file d2 rx_errors) b'1'
		$(stat_file d2 all) b'rx_errors 1'
	END
done
listed d2
[[ $(shown d2 rx_errors) == 4711 ]]
! setpriv --reuid 65534 --regid 65534 --clear-groups bash -c "echo 1 >$(stat_file d2 rx_errors)" || false
[[ $(setpriv --reuid 65534 --regid 65534 --clear-groups cat "$(stat_file d2 rx_errors)") == 4711 ]]
off d2
ip link del d2

claim "any name that an interface can have is a directory, and its line in the list is plain text"
names=('a!b' $'x\e[31my' '"q"' 'a#b' '[d]' $'caf\303\251' -dash +plus 'a\b' ...)
for name in "${names[@]}"; do
	ip link add odd type dummy
	ip link set dev odd name "$name"
	on "$name"
	echo 31 >"/sys/kernel/$name/statistics/multicast"
	[[ $(<"/sys/class/net/$name/statistics/multicast") == 31 ]]
done
cat "$orders"
[[ $(wc -l <"$orders") == "${#names[@]}" ]]
! LC_ALL=C grep -q '[^!-~]' "$orders" || false
grep -qxF 'x\033[31my' "$orders"
for name in "${names[@]}"; do
	off "$name"
	ip link del dev "$name"
done
none

claim "an alternative name is as good as the first"
ip link property add dev d1 altname what-a-long-name-this-one-has
on what-a-long-name-this-one-has
listed d1
off what-a-long-name-this-one-has
none

claim "the example feeds what Open vSwitch says"
mkdir -p /run/fake
cat >/run/fake/ovs-vsctl <<-'END'
	#!/bin/sh
	[ "$*" = "get Interface d1 statistics" ] || exit 1
	echo "{collisions=3, ovs_rx_qos_drops=0, rx_bytes=$(cat /run/fake/bytes), rx_crc_err=8, \"rx_q0_good_packets\"=7, tx_packets=9}"
END
chmod +x /run/fake/ovs-vsctl
echo 1000 >/run/fake/bytes
PATH=/run/fake:$PATH sh /t/update_stats-feeder d1 ovs-vsctl get Interface d1 statistics &
feeder=$!
wait_until '[[ $(shown d1 rx_bytes) == 1000 ]]'
[[ "$(shown d1 collisions) $(shown d1 rx_crc_errors) $(shown d1 tx_packets)" == "3 8 9" ]]
echo 2000 >/run/fake/bytes
wait_until '[[ $(shown d1 rx_bytes) == 2000 ]]'
# What fails for a while is asked again.
mv /run/fake/ovs-vsctl /run/fake/away
sleep 1.5
echo 3000 >/run/fake/bytes
mv /run/fake/away /run/fake/ovs-vsctl
wait_until '[[ $(shown d1 rx_bytes) == 3000 ]]'
off d1
status=0
wait $feeder || status=$?
[[ $status == 1 ]]

claim "other tracers look on, and nobody takes the hook away"
tracing=/sys/kernel/tracing
echo 'r:ret dev_get_stats' >$tracing/kprobe_events
echo 1 >$tracing/events/kprobes/ret/enable
on d1
echo 55 >"$(stat_file d1 rx_bytes)"
[[ $(shown d1 rx_bytes) == 55 ]]
echo dev_get_stats >$tracing/set_ftrace_filter
for tracer in function function_graph; do
	echo $tracer >$tracing/current_tracer
	[[ $(shown d1 rx_bytes) == 55 ]]
	off d1
	[[ $(shown d1 rx_bytes) == 0 ]]
	on d1
	echo 55 >"$(stat_file d1 rx_bytes)"
	[[ $(shown d1 rx_bytes) == 55 ]]
done
echo nop >$tracing/current_tracer
echo >$tracing/set_ftrace_filter
! sysctl -w kernel.ftrace_enabled=0 || false
[[ $(shown d1 rx_bytes) == 55 ]]
echo 0 >$tracing/events/kprobes/ret/enable
echo >$tracing/kprobe_events

claim "a livepatch of that function and an interface that is on keep each other away"
patch=/sys/kernel/livepatch/livepatch
! insmod /t/livepatch.ko || false
[[ $(shown d1 rx_bytes) == 55 ]]
off d1
wait_until '! redirected'
insmod /t/livepatch.ko
wait_until '[[ $(<$patch/transition) == 0 ]]'
[[ $(shown lo rx_bytes) == 0 ]]
[[ $(write_errno "$orders" 'b"d1"') == EBUSY ]]
none
echo 0 >$patch/enabled
wait_until '[[ ! -e $patch ]]'
rmmod livepatch
on d1

claim "where ftrace is switched off, a command is refused and the log says why"
off d1
wait_until '! redirected'
sysctl -qw kernel.ftrace_enabled=0
log_mark
[[ $(write_errno "$orders" 'b"d1"') == EBUSY ]]
logged 'update_stats: .*ftrace'
none
[[ ! -e /sys/kernel/d1 ]]
sysctl -qw kernel.ftrace_enabled=1
on d1
echo 55 >"$(stat_file d1 rx_bytes)"
[[ $(shown d1 rx_bytes) == 55 ]]
off d1
ip link del d0
ip link del d1
