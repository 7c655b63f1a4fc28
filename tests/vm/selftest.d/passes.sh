# SPDX-License-Identifier: GPL-2.0-or-later
claim "one is one"
true
