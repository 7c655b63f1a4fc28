// SPDX-License-Identifier: GPL-2.0-or-later
//! The words that a poller and packets, or who closes and who enters, have between them: one side at
//! a time. tests/stat_loom.rs has both.

#![cfg(not(pktstat_loom))]

use xt_pktstat::stat::gate::Gate;
use xt_pktstat::stat::wake::WakeRequest;

#[test]
fn it_is_taken_once() {
    let request = WakeRequest::default();
    assert!(!request.take());
    request.set();
    assert!(request.take());
    assert!(!request.take());
}

#[test]
fn a_closed_gate_lets_out_and_not_in() {
    let gate = Gate::default();
    assert!(gate.enter());
    assert!(gate.enter());
    gate.leave();
    assert!(!gate.is_closed());
    assert!(!gate.close(), "one is inside");
    assert!(gate.is_closed());
    assert!(!gate.enter());
    assert!(!gate.close(), "the same one");
    gate.leave();
    assert!(gate.close());
    assert!(!gate.enter());
    assert!(gate.close(), "who could not enter is not inside");
}
