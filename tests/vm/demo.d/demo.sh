# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The main job, as the README has it. The host shows its transcript.
topology 2

claim "the rows add up to what iptables counted"
n1 iptables -m pktstat --period 100 --samples 20 -A INPUT

echo
echo "Ten bursts of 100 datagrams, 1000 bytes each and 28 of headers, come 150 ms apart:"
send_udp 1000 1000 -b 100 -i 150000 >/dev/null
wait_until '[[ $(totals 0) == "1000 1028000" ]]'
sleep 0.2

echo
n1 cat /proc/net/xt_pktstat/0/data | tee -a "$(rows_file 0)"
sed -i '/^#/d' "$(rows_file 0)"
echo
n1 cat /proc/net/xt_pktstat/0/status
echo
ipt=iptables
n1 $ipt -nvxL INPUT
echo
read -r frames bytes < <(sum_rows 0)
echo "              frames      bytes"
printf 'sent    %12s %10s\n' 1000 1028000
printf 'rows    %12s %10s   in %s windows\n' "$frames" "$bytes" "$(wc -l <"$(rows_file 0)")"
read -r counted weighed < <(counters INPUT 1)
printf 'iptables%12s %10s\n' "$counted" "$weighed"
[[ $(sum_rows 0) == "1000 1028000" && $(sum_rows 0) == "$(counters INPUT 1)" ]]
echo "They agree."
