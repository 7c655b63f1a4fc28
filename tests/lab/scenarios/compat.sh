# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The same hostile rules from a 32-bit program: x_tables translates what it sends, and nftables
# takes it as it is. Needs a kernel with 32-bit programs, and the option that Debian leaves out.
# variants: legacy4 legacy6 nft4
# timeout: 600

quiet_ns n1
seed=$(boot_word seed) seed=${seed:-$RANDOM$RANDOM}
inputs=$(boot_word inputs)

claim "what a 32-bit program sends: EINVAL, or a rule that reads back as it was meant"
n1 "$ipt" -L >/dev/null
n1 hostile32 -s "$seed" -n "${inputs:-300}" "$VARIANT"
[[ -z $(in_ns n1 ls /proc/net/xt_pktstat) ]]
