# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# iptables' own test program on our libxt_pktstat.t.
# variants: legacy4 legacy6 nft4 nft6
# timeout: 600

# The prefix of a test's file says to the program whose options they are.
file=libipt_pktstat.t
[[ $family == 4 ]] || file=libip6t_pktstat.t
cp /t/libxt_pktstat.t $file
lines=$(grep -c ';' $file)

claim "iptables-test.py passes all $lines lines of libxt_pktstat.t"
((lines > 0))
result=$(unshare -n python3 /t/iptables-test.py -H --no-netns "--$([[ $backend == nft ]] && echo nftables || echo legacy)" $file 2>&1) || true
echo "$result"
[[ $result == *": 1 test files, $lines unit tests, $lines passed"* ]]
