# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# timeout: 3
claim "this ends"
sleep 1000
