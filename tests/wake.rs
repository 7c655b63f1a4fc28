// SPDX-License-Identifier: GPL-2.0-or-later
//! A poller's request to the packet path.

use xt_pktstat::stat::wake::WakeRequest;

#[test]
fn it_is_taken_once() {
    let request = WakeRequest::default();
    assert!(!request.take());
    request.set();
    assert!(request.take());
    assert!(!request.take());
}
