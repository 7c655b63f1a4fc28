# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # tests/lib.sh sets it
# Measures the cases of /t/cases in one world, a note for each finding. bench/report reads them:
#
#     at WORLD KEY TIMES          what follows belongs to this rule, there TIMES times
#     all, same, sent, rows, empty ...    what gen prints
#     counted N / frames N        what the rules and the counters of pktstat counted
# variants: kstat legacy nft native tc sysfs
# machine: exact
# timeout: 100000

world=$VARIANT
if [[ $(readlink /proc/self/ns/net) == "$(readlink /proc/1/ns/net)" ]]; then
	note "guest $(uname -r) $CPUS CPUs, clock $(</sys/devices/system/clocksource/clocksource0/current_clocksource)," \
		"BPF JIT $(</proc/sys/net/core/bpf_jit_enable)"
	# The kernel's tests of its crypto run for the first seconds; the machine's time is made up.
	(($(uptime) >= 60)) || sleep 60
	# A namespace of its own; kstat counts what leaves the initial one.
	[[ $world == kstat || $world == sysfs ]] || exec unshare -n bash "$0" measure "$world"
fi
gen() { /t/gen "$@"; }

# The hooks of that world.
enter_world() {
	ip link set lo up
	[[ $world == kstat ]] || sysctl -qw net.ipv6.conf.all.disable_ipv6=1
	mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf
	case $world in
	legacy | nft) "iptables-$world" -A INPUT ;;
	native) nft add table ip bench ;;
	tc) tc qdisc add dev lo clsact ;;
	esac
	# The first packets of a namespace cost more, and not what is measured.
	gen >/dev/null
	[[ $world != kstat ]] || gen -6 >/dev/null
}

# nf_tables keeps two generations of its rules, and the odd one costs a packet one instruction
# more: each measurement is to see the even one.
commits=0
make_even() {
	((commits % 2)) || return 0
	commits=$((commits + 1))
	case $world in
	nft) iptables-nft -N even$commits ;;
	native) nft add chain ip bench even$commits ;;
	esac
}

clear_rules() {
	commits=$((commits + 1))
	case $world in
	legacy | nft) "iptables-$world" -F ;;
	kstat)
		echo 0 >"$enabled"
		echo / >"$nout"
		;;
	native)
		nft 'delete table ip bench; add table ip bench;
			add chain ip bench input { type filter hook input priority 0 ; }'
		;;
	tc)
		tc filter del dev lo ingress
		rm -f /sys/fs/bpf/*
		;;
	esac
}

# add_rule NUMBER: the NUMBERth of the case's rule, as typed. kstat is started by the first one and
# stopped by the second.
add_rule() {
	local words=${rule//%/$1}
	commits=$((commits + 1))
	words=${words//\$pin/$pin}
	case $world in
	legacy | nft) eval "iptables-$world -A INPUT $words" ;;
	kstat)
		eval "$words"
		echo $((2 - $1)) >"$enabled"
		echo / >"$nout"
		;;
	native) nft add rule ip bench input "$words" ;;
	tc) eval "tc filter add dev lo ingress prio $1 $words" ;;
	esac
}

# counted TIMES: what all the rules, or their counters, have counted.
counted() {
	case $world in
	legacy | nft) "iptables-$world" -nvxL INPUT | awk 'NR > 2 { sum += $1 } END { print sum + 0 }' ;;
	native) nft list ruleset | awk '{ for (i = 1; i < NF; i++) if ($i == "packets") sum += $(i + 1) } END { print sum + 0 }' ;;
	kstat)
		# Stopping publishes what is pending.
		echo 0 >"$enabled"
		awk '/^udp/ { sum += $5 } END { print sum + 0 }' "$nout"
		;;
	tc) for ((i = 1; i <= $1; i++)); do peer sum "$pin$i"; done | awk '{ sum += $1 } END { print sum + 0 }' ;;
	esac
}

# Counters that other packets would be counted by.
add_others() {
	{
		echo '*filter'
		echo ':OTHERS - [0:0]'
		for ((i = 0; i < 1000; i++)); do echo "-A OTHERS -m pktstat --period 1 --samples 8"; done
		echo COMMIT
	} | "iptables-$world-restore" --noflush
}

notes() { while read -r line; do note "$line"; done; }

# measure KEY WITH SETUP RULE OPTIONS
measure() {
	local key=$1 with=$2 setup=$3 rule=$4 options=$5 times i pin=/sys/fs/bpf/$1_ words reader
	for times in 0 1 2; do
		clear_rules
		[[ $with != others ]] || add_others
		for ((i = 1; i <= times; i++)); do
			if [[ $setup ]]; then
				words=${setup//\$pin/$pin}
				words=${words//%/$i}
				[[ $words != nft* ]] || commits=$((commits + 1))
				$words
			fi
			add_rule $i
		done
		make_even
		reader=''
		if [[ $with == busy ]] && ((times)); then
			taskset 2 peer reader /proc/net/xt_pktstat/*/data &
			reader=$!
		fi
		note "at $world $key $times"
		# shellcheck disable=SC2086 # words
		gen $options >/run/gen
		notes </run/gen
		[[ ! $reader ]] || kill $reader
		((times)) || continue
		note "counted $(counted $times)"
		[[ $rule != *pktstat* ]] ||
			note "frames $(awk '/^frames/ { sum += $2 } END { print sum }' /proc/net/xt_pktstat/*/status)"
		[[ $with != read || $times != 1 ]] || gen -R /proc/net/xt_pktstat/*/data | notes
	done
	clear_rules
}

claim "each case of $world is measured"
if [[ $world == sysfs ]]; then
	# What 23 writes cost, and one of the same 23.
	on lo
	note "at sysfs update_stats 1"
	gen -S /sys/kernel/lo/statistics | notes
	off lo
else
	enter_world
	while IFS="|" read -r key worlds with setup rule options _; do
		[[ " $worlds " == *" $world "* ]] || continue
		# Without the blanks around them.
		read -r with <<<"$with"
		read -r setup <<<"$setup"
		read -r rule <<<"$rule"
		measure "$key" "$with" "$setup" "$rule" "$options"
	done </t/cases
fi
