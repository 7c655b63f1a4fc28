# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Beyond what 32 bits can count.
# variants: legacy4 nft6
# timeout: 900

quiet_ns n1
if [[ $family == 4 ]]; then lo=127.0.0.1; else lo=::1; fi

claim "bytes go on beyond 2^32 as iptables' own do, and so do the rows' sums"
n1 "$ipt" -A INPUT -m pktstat --period 100 --samples 1000 --name all
until read -r _ bytes < <(totals all) && ((bytes > 1 << 32)); do
	n1 udp "$lo" 5000 65000 >/dev/null
	# A reader now and then: the sums are of many rows.
	rows all >/dev/null
done
conserved all INPUT 1
