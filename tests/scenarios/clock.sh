# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Somebody sets the clock.
# variants: nft4
# timeout: 300

topology 2
export ns=n0
n0 "$ipt" -A OUTPUT -p udp -m pktstat --period 100 --samples 1000 --name slow
n0 "$ipt" -A OUTPUT -p udp -m pktstat --period 1us --samples 1000 --name fast

# step WORDS: the clock goes there, and 20 frames on each side of it are sent and read. A loop over all
# the windows in between would never end.
step() {
	send_udp 20 100
	date -s "$1" >/dev/null
	send_udp 20 100
	rows slow >/dev/null
	rows fast >/dev/null
	conserved slow OUTPUT 1
	conserved fast OUTPUT 2
}
here=$(($(date +%s) - $(uptime)))

claim "a step forward loses nothing and costs little"
step "+10 minutes"
step "+1 day"
step "+40 days"
step "+10 years"

# dated COUNTER PERIOD BURST: how many frames have rows of the windows in which udp sent that burst.
dated() {
	local began ended stamp frames sum=0
	read -r began ended _ <<<"$3"
	while read -r stamp frames _; do
		((stamp + $2 <= began || stamp > ended)) || sum=$((sum + frames))
	done <"$(rows_file "$1")"
	echo "$sum"
}
claim "a burst stands in its own window, and not in the one after a month of silence"
before=$(send_udp 10 100)
date -s "+30 days" >/dev/null
after=$(send_udp 20 100)
conserved slow OUTPUT 1
conserved fast OUTPUT 2
for counter in "slow 100000000" "fast 1000"; do
	# shellcheck disable=SC2086 # words
	[[ $(dated $counter "$before") == 10 && $(dated $counter "$after") == 20 ]]
done

claim "a step backward loses nothing and costs little"
step "-10 minutes"
step "-1 day"
step "-10 years"

claim "rows after a step are dated by the new clock"
date -s "@$((here + 1000000000))" >/dev/null
read -r began ended _ < <(send_udp 5 100)
conserved slow OUTPUT 1
read -r stamp _ < <(tail -n 1 "$(rows_file slow)")
((stamp + 100000000 > began && stamp <= ended))

claim "steps of less than a window lose nothing"
for by in 30 -30 10 -50 70 -10; do
	send_udp 3 100
	date -s "@$(awk -v ns="$(date +%s%N)" -v by=$by 'BEGIN { printf "%.6f", ns / 1e9 + by / 1000 }')" >/dev/null
	send_udp 3 100
done
conserved slow OUTPUT 1
conserved fast OUTPUT 2

claim "nothing is lost in 1970 either"
# The kernel's clock cannot be earlier than its start.
step "@$(($(uptime) + 1000))"
step "@$((here + $(uptime)))"

# go_by NAME: the kernel's clock goes by that, whatever the packet path went by.
go_by() {
	echo "$1" >/sys/devices/system/clocksource/clocksource0/current_clocksource
	wait_until grep -qx "$1" /sys/devices/system/clocksource/clocksource0/current_clocksource
	read -r began _ < <(send_udp 5 100)
	conserved slow OUTPUT 1
	conserved fast OUTPUT 2
	read -r stamp _ < <(tail -n 1 "$(rows_file slow)")
	((stamp + 100000000 > began && stamp <= $(date +%s%N)))
}
claim "another clock source loses nothing, and is what rows are dated by"
read -ra sources </sys/devices/system/clocksource/clocksource0/available_clocksource
# arm64 has one, its timer.
((${#sources[@]} > 1)) || [[ $(uname -m) == aarch64 ]]
for name in "${sources[@]}" "${sources[@]}"; do go_by "$name"; done
