# SPDX-License-Identifier: GPL-2.0-or-later
claim "the kernel is not tainted"
echo 512 >/proc/sys/kernel/tainted
