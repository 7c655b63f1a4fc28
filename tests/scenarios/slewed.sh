# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# NTP makes the clock go faster or slower: a frame stands in its window all the same. What says when
# it came is the stamp that a packet socket gets with it. The machine is `exact`: from the stamp to
# the rule it is as many nanoseconds as instructions, however loaded the host is.
# variants: nft4
# machine: exact
# timeout: 1200

declare -A period_ns=([100us]=100000 [1ms]=1000000 [4ms]=4000000 [100ms]=100000000)
periods=(100us 1ms 4ms 100ms)
frames=20000

topology 2
export ns=n1
for period in "${periods[@]}"; do
	n1 "$ipt" -A INPUT -p udp -m pktstat --period "$period" --samples 50000 --name "web_$period"
done

# read_all PERIOD: reads what there is; true when these are all frames.
read_all() {
	in_ns n1 cat "$(proc "web_$1" data)" | grep -v '^#' >>"$1" || true
	[[ $(awk '{ n += $2 } END { print n + 0 }' "$1") == "$frames" ]]
}

# outside PERIOD: how many frames the rows have, in order those of the stamps; how many are in a window
# that ended before their stamp, and by how many ns at most; how many in one that began more than 20 us
# after it, and by how many ns any did. The rule sees a frame some microseconds after its stamp: never
# in a window that was over then, but rightly in the next one where that begins in between. Of a time
# the last 14 digits: awk has 53 bits.
outside() {
	awk -v period_ns="${period_ns[$1]}" '
		{ at = substr($1, 6) + 0 }
		NR == FNR { stamp[NR] = at; next }
		{
			for (i = 0; i < $2; i++) {
				after = stamp[++n] - (at + period_ns) + 1
				if (after > 0) ended++
				if (after > most_after) most_after = after
				before = at - stamp[n]
				if (before > 20000) begins++
				if (before > most_before) most_before = before
			}
		}
		END { print n + 0, ended + 0, most_after + 0, begins + 0, most_before + 0 }' stamps "$1"
}

# Microseconds in ten thousand (ADJ_TICK), and parts in a million (ADJ_FREQUENCY).
for slew in "10000 0" "10000 500" "10000 -500" "10830 0" "9170 0" "11000 0" "9000 0"; do
	read -r tick ppm <<<"$slew"
	claim "with $tick us in ten thousand and $ppm ppm no frame is outside its window"
	in_ns n1 /t/slewed "$tick" "$ppm" $frames >stamps
	bad=''
	for period in "${periods[@]}"; do
		: >"$period"
		wait_until read_all "$period"
		report=$(outside "$period")
		echo "    $period: frames, in a window that ended before, by ns, in one that began after, by ns: $report"
		read -r all ended _ begins _ <<<"$report"
		[[ "$all $ended $begins" == "$frames 0 0" ]] || bad+="$period "
	done
	[[ ! $bad ]]
done
