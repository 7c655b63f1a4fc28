# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
claim "an allocation that was made to fail is no error of the kernel"
echo '<4>fail-nth: vmalloc error: size 64, vm_struct allocation failed' >/dev/kmsg
echo '<4>Call Trace:' >/dev/kmsg
# As arm64 writes it.
echo '<4>fail-nth: vmalloc error: size 64, vm_struct allocation failed' >/dev/kmsg
echo '<4>Call trace:' >/dev/kmsg
