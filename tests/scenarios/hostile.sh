# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Rules from someone who is root in a user namespace and hates us. A long run, resumed:
# tests/vm/run -t 3000 -a "pktstat_inputs=50000 pktstat_from=12000 pktstat_seed=7" hostile:nft4
# variants: legacy4 legacy6 nft4 nft6
# timeout: 600

quiet_ns n1
seed=${SEED:-$(boot_word seed)} seed=${seed:-$RANDOM$RANDOM}
# nftables waits for a grace period with each.
if [[ $backend == nft ]]; then some=600; else some=1000; fi
inputs=${INPUTS:-$(boot_word inputs)} inputs=${inputs:-$some}
from=$(boot_word from)

claim "whatever stands in the rule config: EINVAL, or a rule that reads back as it was meant"
log_mark
n1 "$ipt" -L >/dev/null
n1 hostile -s "$seed" -f "${from:-0}" -n "$inputs" "$VARIANT"
[[ -z $(in_ns n1 ls /proc/net/xt_pktstat) ]]

if [[ $VARIANT == nft4 ]]; then
	# A request from there does not load it.
	modprobe xt_comment
	claim "there is no such match in tables of inet, bridge and arp: ENOENT, whatever its config"
	for place in inet bridge arp; do
		n1 hostile -s "$seed" -n 10 "$place"
	done
	[[ -z $(in_ns n1 ls /proc/net/xt_pktstat) ]]
fi

claim "the kernel log says little of it"
# What the kernel itself says of wrong sizes, and limits the rate of, is not ours.
(($(dmesg | tail -n +$((mark + 1)) | grep -vc 'invalid size\|callbacks suppressed') < 50))

if [[ -e /proc/thread-self/fail-nth ]]; then
	claim "each allocation that fails gives a clean error, leaks nothing, and the next try works"
	let_allocations_fail
	n1 hostile -N "$VARIANT"
	[[ -z $(in_ns n1 ls /proc/net/xt_pktstat) ]]
fi
