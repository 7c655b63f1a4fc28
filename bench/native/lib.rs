// SPDX-License-Identifier: GPL-2.0-or-later
//! Nothing: see `benches/packet.rs`.
