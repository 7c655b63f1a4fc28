# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The words that scenarios are written in. tests/vm/scenario sources this, then the scenario.
#
# A scenario is a bash script under `set -e`: an assertion is a bare [[ … ]], `claim` names what
# the lines after it show, and the first thing that fails ends it. In its head it may say
#
#     # variants: legacy4 legacy6 nft4 nft6     run once for each (default: once, with neither)
#     # timeout: 300                            seconds, on a slow machine (default 180)
#     # cpus: 2                                 at least (default 1); $CPUS is what there are
#     # machine: exact                          an instruction takes 1 ns of its time (tests/vm/qemu);
#                                               run alone, not with `all`
#     # nics: yes                               two virtio ones with a wire between them
#     # files: examples/foo            more for the guest, in /t

# What the variant says: the iptables to call, the family, and who is who in it.
case ${VARIANT:=-} in
*6) family=6 addr0=fd09::1 addr1=fd09::2 net2=fd09:2::/64 addr2=fd09:2::2 ;;
*) family=4 addr0=10.9.0.1 addr1=10.9.0.2 net2=10.9.2.0/24 addr2=10.9.2.2 ;;
esac
case $VARIANT in
nft?) backend=nft ;;
*) backend=legacy ;;
esac
ipt=iptables-$backend
[[ $family == 4 ]] || ipt=ip6tables-$backend
# IP and UDP header of a datagram: what a payload weighs on top.
header=$((family == 4 ? 28 : 48))
# How many CPUs the guest has: what the scenarios ask for, or tests/vm/run -c says, if that is more.
CPUS=$(nproc --all)
export ipt backend family addr0 addr1 addr2 net2 header CPUS

# boot_word NAME: the number N where the kernel's command line has pktstat_NAME=N, or nothing.
boot_word() { sed -n "s/.*\<pktstat_$1=\([0-9]*\).*/\1/p" /proc/cmdline; }

# let_allocations_fail: those of tasks that ask for it, by /proc/thread-self/fail-nth; those that may
# wait for memory too, and without a stack for each, which would drown a real one.
let_allocations_fail() {
	local kind
	for kind in failslab fail_page_alloc; do echo N >/sys/kernel/debug/$kind/ignore-gfp-wait; done
	for kind in failslab fail_page_alloc fail_usercopy; do echo 0 >/sys/kernel/debug/$kind/verbose; done
}

# --- Time ---------------------------------------------------------------------------------------

exec {nap}<> <(:)
sleep() { read -rt "$1" -u "$nap" || true; }

# Seconds of a clock that no `date -s` moves.
uptime() {
	local seconds _
	IFS=. read -r seconds _ </proc/uptime
	echo "$seconds"
}

# kernel_is RELEASE: whether it is this one or a later one.
kernel_is() { [[ $(printf '%s\n' "$1" "$(uname -r)" | sort -V | head -n 1) == "$1" ]]; }

# wait_until CONDITION: until this, evaluated again and again, is true; 60 s, then failure.
wait_until() {
	local - end
	end=$(($(uptime) + 60))
	{ set +x; } 2>/dev/null
	until eval "$*"; do
		if (($(uptime) > end)); then
			echo "waited 60 s in vain for: $*"
			return 1
		fi
		sleep 0.02
	done
}

# --- Namespaces ---------------------------------------------------------------------------------

# pp WHERE COMMAND...: as typed, so that the log is a transcript to paste back.
pp() {
	echo "[$1] ${*:2}" >&7
	in_ns "$@"
}
# In a namespace, without a word about it.
in_ns() { nsenter --net="/run/netns/$1" "${@:2}"; }
n0() { pp n0 "$@"; }
n1() { pp n1 "$@"; }
n2() { pp n2 "$@"; }

quiet_ns() {
	ip netns add "$1"
	in_ns "$1" sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.accept_ra=0 \
		net.ipv6.conf.default.router_solicitations=0
	ip -n "$1" link set lo up
}

# cable NS DEV ADDRESS4 ADDRESS6 NS DEV ADDRESS4 ADDRESS6: a wire whose ends know each other.
cable() {
	local mac0=02:00:00:00:${1#n}:0${5#n} mac1=02:00:00:00:${5#n}:0${1#n}
	ip link add "$2" netns "$1" address "$mac0" type veth peer name "$6" netns "$5" address "$mac1"
	ip -n "$1" addr add "$3" dev "$2"
	ip -n "$5" addr add "$7" dev "$6"
	ip -n "$1" -6 addr add "$4" dev "$2" nodad
	ip -n "$5" -6 addr add "$8" dev "$6" nodad
	ip -n "$1" link set "$2" up
	ip -n "$5" link set "$6" up
	ip -n "$1" neigh add "${7%/*}" lladdr "$mac1" dev "$2" nud permanent
	ip -n "$1" neigh add "${8%/*}" lladdr "$mac1" dev "$2" nud permanent
	ip -n "$5" neigh add "${3%/*}" lladdr "$mac0" dev "$6" nud permanent
	ip -n "$5" neigh add "${4%/*}" lladdr "$mac0" dev "$6" nud permanent
	wait_until carrier "$1" "$2"
	wait_until carrier "$5" "$6"
}
carrier() { [[ $(in_ns "$1" cat "/proc/net/if_inet6") == *" $2"* && $(ip -n "$1" -br link show "$2") == *LOWER_UP* ]]; }

# topology 2:     n0 ──────────────── n1
#             10.9.0.1/24          10.9.0.2/24
#              fd09::1/64           fd09::2/64
#             v01                  v10
#
# topology 3:     n0 ──────────────── n1 ────────────────── n2
#                                     10.9.2.1/24         10.9.2.2/24
#                                     fd09:2::1/64        fd09:2::2/64
#                                     v12                 v21
# n1 is the router and, with two or three, where the counters are.
topology() {
	quiet_ns n0
	quiet_ns n1
	cable n0 v01 10.9.0.1/24 fd09::1/64 n1 v10 10.9.0.2/24 fd09::2/64
	if (($1 == 3)); then
		quiet_ns n2
		cable n1 v12 10.9.2.1/24 fd09:2::1/64 n2 v21 10.9.2.2/24 fd09:2::2/64
		in_ns n1 sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
		ip -n n0 route add 10.9.2.0/24 via 10.9.0.2
		ip -n n0 -6 route add fd09:2::/64 via fd09::2
		ip -n n2 route add default via 10.9.2.1
		ip -n n2 -6 route add default via fd09:2::1
	fi
}

# senders: three hosts that send to n1, n0 of `topology 2` and two more.
#
#     n2 ──┐
#     n0 ──┼── n1
#     n3 ──┘
senders() {
	topology 2
	quiet_ns n2
	quiet_ns n3
	cable n2 v21 10.9.2.1/24 fd09:2::1/64 n1 v12 10.9.2.2/24 fd09:2::2/64
	cable n3 v31 10.9.3.1/24 fd09:3::1/64 n1 v13 10.9.3.2/24 fd09:3::2/64
}

# offload on|off: segmentation and checksums left to the device, at both ends of the first cable.
offload() {
	in_ns n0 ethtool -K v01 tx "$1" tso "$1" gso "$1" gro "$1" >/dev/null
	in_ns n1 ethtool -K v10 tx "$1" tso "$1" gso "$1" gro "$1" >/dev/null
}

# cleanup: what a scenario must not leave behind; tests/vm/scenario calls it.
cleanup() {
	local name pids
	mapfile -t pids < <(jobs -p)
	kill -9 "${pids[@]}" 2>/dev/null
	for name in /run/netns/*; do
		[[ -e $name ]] || continue
		ip netns pids "${name##*/}" | xargs -r kill -9
		ip netns del "${name##*/}"
	done
}

# --- Traffic ------------------------------------------------------------------------------------

# send_udp FRAMES PAYLOAD [OPTIONS OF udp]: from n0 to n1 in the variant's family.
send_udp() { n0 udp "${@:3}" "$addr1" "$1" "$2"; }

# windows N NS [OPTION OF udp...]: N frames, each in a window of its own of NS, however slow the
# machine is: each waits for the next window after the one before was sent. All from one CPU: the
# FIFO is each CPU's own.
windows() {
	echo "[n0] udp -b 1 -a $2 -o 2000 ${*:3} $addr1 $1 100" >&7
	in_ns n0 taskset -c 0 udp -b 1 -a "$2" -o 2000 "${@:3}" "$addr1" "$1" 100 >/dev/null
}

# --- Counters -----------------------------------------------------------------------------------

# Where the rules and counters are.
ns=n1

# counters [-t TABLE] CHAIN NUMBER: what iptables says of that rule: `packets bytes`.
counters() {
	local table=filter chain number
	if [[ $1 == -t ]]; then
		table=$2
		shift 2
	fi
	chain=$1 number=$2
	in_ns "$ns" "$ipt" -t "$table" -nvxL "$chain" "$number" | awk 'NF { print $1, $2 }'
}

# proc COUNTER FILE: its path; read it with `in_ns $ns`.
proc() { echo "/proc/net/xt_pktstat/$1/$2"; }
exists() { in_ns "$ns" test -d "/proc/net/xt_pktstat/$1"; }
gone() { ! exists "$1"; }

# status_key COUNTER KEY
status_key() { in_ns "$ns" sed -n "s/^$2: //p" "$(proc "$1" status)"; }
# totals COUNTER: `frames bytes`.
totals() { in_ns "$ns" awk '/^frames: / { frames = $2 } /^bytes: / { print frames, $2 }' "$(proc "$1" status)"; }

# All at once, as lines of `COUNTER frames bytes`, in order. we_say: each counter.
we_say() {
	in_ns "$ns" bash -c 'cd /proc/net/xt_pktstat && grep -E "^(frames|bytes):" */status' |
		sed -E 's|/status:| |' | awk '{ $2 == "frames:" ? f[$1] = $3 : b[$1] = $3 }
			END { for (name in f) print name, f[name], b[name] }' | sort
}
# rules_say PROGRAM [OPTION OF PROGRAM-save...]: each rule with a counter, as iptables counts it.
rules_say() {
	in_ns "$ns" "$1-save" -c "${@:2}" |
		sed -nE 's/^\[([0-9]+):([0-9]+)\].*--(name|id) "?([^" ]+).*/\4 \1 \2/p' | sort
}

# The rows of a counter that this scenario has read so far.
rows_file() { echo "/run/scratch/rows.$ns.$1"; }
# rows COUNTER: reads the rows that there are, shows them and keeps them for `sum_rows`.
rows() {
	in_ns "$ns" cat "$(proc "$1" data)" | grep -v '^#' | tee -a "$(rows_file "$1")" || true
}
# sum_rows COUNTER: over all rows read so far: `frames bytes`.
sum_rows() {
	local - _ f b frames=0 bytes=0
	touch "$(rows_file "$1")"
	{ set +x; } 2>/dev/null
	while read -r _ f b; do
		frames=$((frames + f)) bytes=$((bytes + b))
	done <"$(rows_file "$1")"
	echo "$frames $bytes"
}
drained() {
	rows "$1" >/dev/null
	[[ $(sum_rows "$1") == "$(totals "$1")" ]]
}

# conserved COUNTER [CHAIN NUMBER]: the loss contract. What has been read and what is still to
# come are the totals, and the totals are what iptables counted for the rule.
conserved() {
	if ! wait_until drained "$1"; then
		echo "rows $(sum_rows "$1"), totals $(totals "$1")"
		return 1
	fi
	if (($# == 3)); then
		echo "    rows $(sum_rows "$1"), totals $(totals "$1"), $ipt $(counters "$2" "$3")"
		[[ $(totals "$1") == "$(counters "$2" "$3")" ]]
	fi
}

# --- Refusals -----------------------------------------------------------------------------------

# refused STATUS PATTERN COMMAND...: ends with that status and says what PATTERN (a glob) says.
refused() {
	local want=$1 pattern=$2 said status=0
	shift 2
	said=$("$@" 2>&1) || status=$?
	echo "    $status: $said" >&7
	((status == want)) || return 1
	# shellcheck disable=SC2053 # a pattern
	[[ $said == $pattern ]]
}

# logged REGEX: whether a line of the kernel log says so since `log_mark`.
log_mark() { mark=$(dmesg | wc -l); }
# With -q the grep would not read on, and what fills the pipe would fail.
logged() { dmesg | tail -n +$((mark + 1)) | grep -E "$1" >/dev/null; }
mark=0

# refused_and_logged REGEX STATUS PATTERN COMMAND...: refused, and the kernel log says why. The module
# writes 10 lines in 5 s at the most, so the command is repeated until there is one.
refused_and_logged() {
	for _ in {1..20}; do
		log_mark
		refused "${@:2}"
		if logged "$1"; then return; fi
		sleep 0.5
	done
	return 1
}

# --- kstat --------------------------------------------------------------------------------------

# It counts what leaves the initial namespace: there, scenarios of kstat are at home.
enabled=/sys/kernel/kstat/enabled counter=/proc/kstat/counter nout=/proc/kstat/nout
export enabled counter nout

# kstat_topology:  n0 ──────────────── here ────────────────── n2
#              10.9.0.2             10.9.0.1   10.9.2.1     10.9.2.2
#              fd09::2               fd09::1   fd09:2::1    fd09:2::2
#              v01                      v10   v12              v21
# Quiet: nothing but what a scenario sends leaves this namespace. What the kernel says of its own
# multicast groups, up to a second after the addresses, is dropped before kstat sees it.
kstat_topology() {
	# What a scenario before this one left, had it failed.
	nft -f - <<-END
		flush ruleset
		table ip6 quiet {
			chain output {
				type filter hook output priority raw
				icmpv6 type mld2-listener-report drop
			}
		}
	END
	echo 0 >$enabled
	echo 1 >$counter
	echo / >$nout
	sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.accept_ra=0 \
		net.ipv6.conf.default.router_solicitations=0 net.ipv6.conf.default.addr_gen_mode=1 \
		net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	kstat_cable n0 v01 v10 0
	kstat_cable n2 v21 v12 2
}
kstat_cable() {
	local ns=$1 far=$2 near=$3 net=$4
	quiet_ns "$ns"
	ip link del "$near" 2>/dev/null || true
	ip link add "$near" address "02:00:00:00:00:1$net" type veth \
		peer name "$far" netns "$ns" address "02:00:00:00:00:2$net"
	ip addr add "10.9.$net.1/24" dev "$near"
	ip addr add "fd09:$net::1/64" dev "$near" nodad
	ip -n "$ns" addr add "10.9.$net.2/24" dev "$far"
	ip -n "$ns" addr add "fd09:$net::2/64" dev "$far" nodad
	ip link set "$near" up
	ip -n "$ns" link set "$far" up
	ip -n "$ns" route add default via "10.9.$net.1"
	ip -n "$ns" -6 route add default via "fd09:$net::1"
	local family
	for family in "10.9.$net." "fd09:$net::"; do
		ip neigh replace "${family}2" lladdr "02:00:00:00:00:2$net" dev "$near" nud permanent
		ip -n "$ns" neigh replace "${family}1" lladdr "02:00:00:00:00:1$net" dev "$far" nud permanent
	done
	wait_until "[[ \$(ip -br link show $near) == *LOWER_UP* ]]"
}

# nout_sum: over all rows: `frames bytes`.
nout_sum() { awk '!/^#/ { f += $5; b += $6 } END { printf "%d %d\n", f, b }' $nout; }
# nout_row PATTERN: the one row that begins like this: `frames bytes`.
nout_row() { awk -v want="$1 " 'index($0, want) == 1 { print $5, $6 }' $nout; }

# --- update_stats -------------------------------------------------------------------------------

orders=/sys/kernel/update_stats/update_stats
on() { echo "+$1" >"$orders"; }
off() { echo "-$1" >"$orders"; }
# stat_file DEV FIELD: where it is written. shown DEV FIELD: what the kernel says.
stat_file() { echo "/sys/kernel/$1/statistics/$2"; }
shown() { cat "/sys/class/net/$1/statistics/$2"; }
# all_shown DEV: all that can be written, as the kernel shows it: lines of name and value.
all_shown() {
	local file
	for file in collisions multicast {rx,tx}_{bytes,compressed,dropped,errors,fifo_errors,packets} \
		rx_{crc,frame,length,missed,over}_errors tx_{aborted,carrier,heartbeat,window}_errors; do
		echo "$file $(shown "$1" "$file")"
	done
}

# write_errno FILE BYTES: one write of some bytes, as an expression of Python's, and what came of
# it: 0 or the name of the error.
write_errno() {
	python3 -c '
import errno, os, sys
try:
    data = eval(sys.argv[2])
    fd = os.open(sys.argv[1], os.O_WRONLY)
    assert os.write(fd, data) == len(data)
    print(0)
except OSError as error:
    print(errno.errorcode[error.errno])
' "$1" "$2"
}
