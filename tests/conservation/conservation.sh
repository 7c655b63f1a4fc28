# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The loss contract under random traffic and random disturbances: rounds of both, and after each
# round, when the traffic has ended, what was read and what is to come are the totals, and the
# totals are what iptables counted, to the frame and the byte.
#
# make test-conservation SECONDS=600 SEED=1: seconds for each variant, and what all choices are
# drawn from. How far it comes in that time depends on the machine; what it does does not.
# variants: nft4 legacy4
# timeout: 300
# cpus: 4

seconds=$(boot_word seconds) seed=$(boot_word seed)
seconds=${seconds:-20} seed=${seed:-$((SRANDOM % 1000000))}
echo "    make test-conservation SECONDS=$seconds SEED=$seed"

# pick NAME WORD...: that variable becomes one of them; draw NAME N: 0 to N-1. By name: a subshell
# would draw from its own copy of RANDOM.
pick() { printf -v "$1" %s "${@:RANDOM % ($# - 1) + 2:1}"; }
draw() { printf -v "$1" %s $((RANDOM % $2)); }

topology 3
offload on
# Packets come as softirqs on every CPU, whoever of them is sending.
for dev in v10 v12; do
	ip netns exec n1 bash -c "echo f >/sys/class/net/$dev/queues/rx-0/rps_cpus"
done

# --- What is counted. -----------------------------------------------------------------------------

# Both families have the same counters, each its own, and one they share. The filter table's rules
# keep their own numbers, whatever is done here; those of the mangle table are restored without
# them, so what they are held to is a counter that outlives rules.
declare -A tool=([4]=iptables-$backend [6]=ip6tables-$backend)
ruleset() {
	cat <<-RULES
		*filter
		:other - [0:0]
		-A other -p gre
		-A INPUT -m pktstat --period 1us --samples 64 --name in$1
		-A INPUT -m pktstat --period 100 --samples 8 --name shared
		-A OUTPUT -m pktstat --period 100us --samples 2000 --name out$1
		-A OUTPUT -m pktstat --period 100 --samples 8 --name shared
		-A OUTPUT -m pktstat --period 10 --samples 50 --name wire$1 --wire
		-A FORWARD -m pktstat --period 3600s --samples 2 --name fwd$1
		-A FORWARD -m pktstat --period 1 --samples 500 --id $1
		COMMIT
		*mangle
		-A INPUT -m pktstat --period 100us --samples 100 --name in$1.m -m nfacct --nfacct-name in$1.m
		-A OUTPUT -m pktstat --period 1us --samples 1000 --name out$1.m -m nfacct --nfacct-name out$1.m
		-A FORWARD -m pktstat --period 100 --samples 4 --name fwd$1.m -m nfacct --nfacct-name fwd$1.m
		COMMIT
	RULES
}
for family in 4 6; do
	in_ns n1 nfacct {in,out,fwd}$family.m
	ruleset $family | in_ns n1 "${tool[$family]}-restore"
done
counters=(shared {in,out,wire,fwd}{4,6} 4 6 {in,out,fwd}{4,6}.m)
[[ $(in_ns n1 ls /proc/net/xt_pktstat | xargs) == "$(printf '%s\n' "${counters[@]}" | sort | xargs)" ]]

# What iptables counted, as `we_say` has it, but for `--wire`, which is another sum.
iptables_says() {
	{
		in_ns n1 nfacct
		rules_say "${tool[4]}" -t filter
		rules_say "${tool[6]}" -t filter
	} | sums
}
# sums: of lines of the same name.
sums() {
	awk '{ f[$1] += $2; b[$1] += $3 } END { for (name in f) printf "%s %.0f %.0f\n", name, f[name], b[name] }' | sort
}
without_wire() { grep -v ^wire; }

# collect: what readers left in got.*, and what there is now, goes to `seen`. Rows only: a reader
# that stopped in the middle of one has not got it; it ends in ` |`.
touch seen
collect() {
	in_ns n1 bash -c 'cd /proc/net/xt_pktstat && for counter in *; do echo "@ $counter"; cat "$counter/data"; done' >got.now
	{
		cat seen
		awk '$1 == "@" { name = $2 } NF == 3 && /^[0-9]+ [0-9]+ [0-9]+$/ { print name, $2, $3 }' got.*
	} | sums >seen.new
	mv seen.new seen
	rm got.*
}
# An hour that is still open is over an hour later.
all_read() {
	collect
	[[ $(<seen) == "$(we_say | sed '/ 0 0$/d')" ]] || {
		date -s '+1 hour' >/dev/null
		return 1
	}
}

# conserve: the loss contract, for every counter.
conserve() {
	if ! wait_until '[[ $(we_say | without_wire) == "$(iptables_says | without_wire)" ]]'; then
		diff <(we_say) <(iptables_says)
		return 1
	fi
	if ! wait_until all_read; then
		diff seen <(we_say)
		return 1
	fi
}

# --- Traffic. -------------------------------------------------------------------------------------

# TCP goes where somebody listens, one connection after the other.
for sink in n1-4 n1-6 n2-4 n2-6; do
	in_ns "${sink%-*}" nc "-${sink#*-}" -lk 5000 </dev/null >/dev/null &
done
declare -A address=([n0-4]=10.9.0.1 [n0-6]=fd09::1 [n1-4]=10.9.0.2 [n1-6]=fd09::2
	[n2-4]=10.9.2.2 [n2-6]=fd09:2::2)

senders=()
# send FAMILY FROM TO: a random stream of UDP, without end.
send() {
	local cpu payload burst gap port options=()
	# On one CPU, or wherever the scheduler moves it.
	pick cpu 0 1 2 3 0-3 0-3
	pick payload 0 1 100 100 1400 3000 20000
	((payload < 20000)) || options=(-g 1000)
	pick burst 1 2 5 10
	pick gap 1000 5000 20000 50000
	draw port 1000
	report+=" $2>$3/$1@$cpu:$payload*$burst/$gap"
	# Itself in the background, not a shell that waits for it: it is killed and moved.
	nsenter --net="/run/netns/$2" taskset -c "$cpu" udp "${options[@]}" -b "$burst" -i "$gap" -p "$((port + 1000))" \
		"${address[$3-$1]}" 1000000000 "$payload" >/dev/null 2>&1 &
	senders+=($!)
}
# stream: some TCP.
stream() {
	local ends from to family size
	pick ends 'n0 n1' 'n0 n2' 'n1 n2'
	read -r from to <<<"$ends"
	pick family 4 6
	pick size 1 1000 300000 2000000
	report+=" $from>$to/$family:tcp*$size"
	head -c "$size" /dev/zero | nsenter --net="/run/netns/$from" nc -N "${address[$to-$family]}" 5000 >/dev/null 2>&1 &
	senders+=($!)
}
hush() {
	kill "${senders[@]}" 2>/dev/null || true
	wait "${senders[@]}" 2>/dev/null || true
	senders=()
}

# --- Readers. -------------------------------------------------------------------------------------

# reader: opens a random counter a few times and reads as badly as can be, in the background.
readers=()
reader() {
	local counter opens plan=() verb verbs size more
	pick counter "${counters[@]}"
	draw opens 4
	report+=" read:$counter"
	while ((opens-- >= 0)); do
		verbs=
		while
			pick verb read read all bad half pread seek poll epoll
			case $verb in
			read) draw size 120 ;;
			all) pick size 1 7 29 512 4096 65536 ;;
			half) draw size 90 ;;
			poll | epoll) pick size 0 1 20 ;;
			esac
			case $verb in
			read | half) verbs+=" $verb=$((size + 1))" ;;
			all) verbs+=" all=$size" ;;
			bad) verbs+=' bad=4096' ;;
			pread) verbs+=' pread=50,0' ;;
			seek) verbs+=' seek=0' ;;
			poll | epoll) verbs+=" poll=$size" ;;
			esac
			draw more 3
			((more))
		do :; done
		plan+=("$verbs")
	done
	read_as "$counter" "${plan[@]}" &
	readers+=($!)
}
# read_as COUNTER VERBS...: an open for each.
read_as() {
	local verbs
	for verbs in "${@:2}"; do
		echo "@ $1"
		# shellcheck disable=SC2086 # words
		in_ns n1 /t/fd "$(proc "$1" data)" $verbs 2>/dev/null
		echo ' |'
	done >"got.$BASHPID"
}

# --- Disturbances. --------------------------------------------------------------------------------

# Each is a function; those that leave something for a later one say what they are without it.
ipt() { in_ns n1 "${tool[$f]}" -w "$@"; }
restore() { in_ns n1 "${tool[$f]}-restore" -w "$@"; }
save() { in_ns n1 "${tool[$f]}-save" "$@"; }
epoch=$(date +%s)

d_append() { ipt -A INPUT -p sctp && ipt -D INPUT -p sctp; }
d_insert() { ipt -I OUTPUT 1 -p gre && ipt -D OUTPUT 1; }
d_replace() { ipt -I FORWARD 1 -p gre && ipt -R FORWARD 1 -p sctp && ipt -D FORWARD 1; }
d_zero() { ipt -I INPUT 1 -p udp && ipt -Z INPUT 1 && ipt -D INPUT 1; }
d_zero_chain() { ipt -A other -p udp && ipt -Z other && ipt -D other 2; }
d_chain() { ipt -N new && ipt -A INPUT -j new && ipt -D INPUT -j new && ipt -X new; }
d_counter() { ipt -A OUTPUT -m pktstat --period 5us --samples 5 && ipt -D OUTPUT -m pktstat --period 5us --samples 5; }
d_share() { ipt -t raw -A OUTPUT -p gre -m pktstat --period 100 --samples 8 --name shared && ipt -t raw -F OUTPUT; }
d_refused() { ! ipt -A INPUT -m pktstat --period 7 --samples 7 --name shared 2>/dev/null; }
d_restore_full() { save -t mangle | restore; }
d_restore_counters() { save -c -t mangle | restore -c; }
d_restore_noflush() { printf '*raw\n-A OUTPUT -p gre\nCOMMIT\n*mangle\n-A INPUT -p gre\n-D INPUT -p gre\nCOMMIT\n' | restore -n; }
d_restore_fails() {
	printf '*mangle\n%s\nCOMMIT\n' "-A INPUT -p gre
		-A OUTPUT -m pktstat --period 7 --samples 7 --name new
		-A OUTPUT -m pktstat --period 7 --samples 7 --name shared" | sed 's/^\t*//' | { ! restore 2>/dev/null; }
}
d_restore_nonsense() { ! { save -t mangle | sed 's/^COMMIT/-A INPUT -j nowhere\n&/' | restore 2>/dev/null; }; }
d_hour_on() { date -s '+1 hour' >/dev/null; }
d_clock() {
	local step
	pick step 0 3600 -3600 31536000 -31536000 1 -1
	date -s "@$((epoch + $(uptime) + step))" >/dev/null
}
d_cpu() {
	local cpu
	pick cpu 1 2 3
	echo 0 >"/sys/devices/system/cpu/cpu$cpu/online"
	echo 1 >"/sys/devices/system/cpu/cpu$cpu/online"
}
d_move() {
	local pid cpu
	for pid in "${senders[@]}"; do
		pick cpu 0 1 2 3 0-3
		taskset -cp "$cpu" "$pid" >/dev/null 2>&1 || true
	done
}
d_namespace() {
	ip netns add short
	ip -n short link set lo up
	in_ns short "${tool[$f]}" -A OUTPUT -m pktstat --period 1us --samples 5 --name in4
	in_ns short udp 127.0.0.1 20 100 >/dev/null
	in_ns short cat /proc/net/xt_pktstat/in4/data >/dev/null
	ip netns del short
}
d_status() { in_ns n1 bash -c 'cat /proc/net/xt_pktstat/*/status' >/dev/null; }
mapfile -t disturbances < <(declare -F | sed -n 's/^declare -f d_//p')

# --- The rounds. ----------------------------------------------------------------------------------

end=$(($(uptime) + seconds)) round=0
declare -A times=()
while (($(uptime) < end)); do
	# Each round draws for itself: how far the one before came is nothing to it.
	RANDOM=$((seed * 1009 + round))
	round=$((round + 1))
	claim "round $round of seed $seed"
	report='' began=$(uptime)
	# Into, out of and through the router that counts.
	for family in 4 6; do
		send $family n0 n1
		pick to n0 n2
		send $family n1 "$to"
		send $family n0 n2
	done
	draw n 3
	while ((n--)); do stream; done
	# In some rounds nobody reads: the FIFOs run over.
	draw reading 4
	draw n 3
	while ((n-- > -4)); do
		pick f 4 6
		pick what "${disturbances[@]}"
		((reading == 0)) || reader
		report+=" $what/$f"
		times[$what]=$((${times[$what]:-0} + 1))
		"d_$what"
	done
	echo "    $report"
	# First the traffic: who reads byte by byte may never come to the end of it.
	hush
	((${#readers[@]} == 0)) || wait "${readers[@]}"
	readers=()
	echo "    $(($(uptime) - began)) s"
	conserve
	echo "    $(($(uptime) - began)) s"
done

claim "in $round rounds with ${#times[@]} kinds of disturbance every counter counted, and some ran over"
merged=0
for counter in "${counters[@]}"; do
	more=$(status_key "$counter" merged)
	echo "    $counter $(totals "$counter"), merged $more"
	[[ $(totals "$counter") != 0\ * ]]
	merged=$((merged + more))
done
((merged > 0))
