# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The harness itself, with no help from the module: what every other scenario stands on.
# variants: legacy4 nft6

topology 2

claim "exactly as many datagrams as were asked for reach a rule, with all their bytes"
n1 "$ipt" -A INPUT -p udp --dport 9
send_udp 250 100
wait_until '[[ $(counters INPUT 1) == "250 $((250 * (100 + header)))" ]]'

claim "a burst begins at the wanted multiple, and each next one at its interval"
# aligned: on time to 20 ms. Never early, so a slow machine gets there at last.
aligned() {
	mapfile -t bursts < <(send_udp 30 10 -b 10 -i 50000 -a 100000000)
	((${#bursts[@]} == 3)) && [[ ${bursts[2]} == *" 10" ]] || return
	began=${bursts[0]%% *}
	((began % 100000000 < 20000000 && ${bursts[2]%% *} >= began - began % 100000000 + 100000000))
}
wait_until aligned
