# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# NTP makes the clock go faster or slower: a frame stands in its window all the same.
# variants: nft4
# timeout: 300

topology 2
export ns=n1
n1 "$ipt" -A INPUT -p udp -m pktstat --period 4 --samples 4000 --name web
cat /sys/devices/system/clocksource/clocksource0/current_clocksource

# too_early: how many of the frames stand in a window that was over before they were received. The
# rule sees a frame after that, so none should; rows in order, and stamps in order.
too_early() {
	awk 'NR == FNR { stamp[NR] = $1; next }
		!/^#/ { for (i = 0; i < $2; i++) if ($1 + 4000000 <= stamp[++n]) early++ }
		END { print n + 0, early + 0 }' stamps got
}

for tick in 10000 10830 11000 9170 9000; do
	claim "with $tick microseconds in ten thousand"
	in_ns n1 /t/slewed $tick 2000 200000 >stamps
	sleep 0.05
	in_ns n1 cat "$(proc web data)" >got
	grep -v '^#' got >>"$(rows_file web)"
	report=$(too_early)
	echo "    frames, too early: $report"
	[[ $report == "2000 0" ]]
done
conserved web INPUT 1
