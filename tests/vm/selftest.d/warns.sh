# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
claim "the kernel does not complain"
echo '<4>WARNING: CPU: 0 PID: 1 at nowhere' >/dev/kmsg
