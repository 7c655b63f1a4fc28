# SPDX-License-Identifier: GPL-2.0-or-later
claim "the reporter lives"
kill -9 $$
