// SPDX-License-Identifier: GPL-2.0-or-later
//! What a rule may say: parsing, bounds and printing, for iptables and the kernel alike.
