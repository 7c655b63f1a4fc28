# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 3
claim "this ends"
sleep 1000
