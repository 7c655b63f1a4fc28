# SPDX-License-Identifier: GPL-2.0-or-later
# Rules from someone who is root in a user namespace and hates us.
# variants: legacy4 legacy6
# timeout: 600

quiet_ns n1
seed=${SEED:-$RANDOM$RANDOM}
six=()
[[ $family == 4 ]] || six=(-6)

claim "whatever stands in the rule config: EINVAL, or a rule that reads back as it was meant"
log_mark
n1 "$ipt" -L >/dev/null
n1 hostile "${six[@]}" -s "$seed" -n "${INPUTS:-400}"
[[ -z $(in_ns n1 ls /proc/net/xt_pktstat) ]]

claim "the kernel log says little of it"
(($(dmesg | tail -n +$((mark + 1)) | wc -l) < 50))

if [[ -e /proc/thread-self/fail-nth ]]; then
	claim "each allocation that fails gives a clean error, leaks nothing, and the next try works"
	echo N >/sys/kernel/debug/failslab/ignore-gfp-wait
	echo N >/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait
	n1 hostile "${six[@]}" -N
	[[ -z $(in_ns n1 ls /proc/net/xt_pktstat) ]]
fi
