# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Falls into the bug that the kernel command line names.

claim "the bug goes unseen"
bug=$(grep -o 'pktstat_plant=[a-z_]*' /proc/cmdline)
echo "${bug#*=}" >/sys/module/xt_pktstat/parameters/plant
