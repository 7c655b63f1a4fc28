# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
claim "the kernel is not tainted"
echo 512 >/proc/sys/kernel/tainted
