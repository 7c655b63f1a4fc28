// SPDX-License-Identifier: GPL-2.0-or-later
//! The man page and iptables' fragment say the same about the options, and leave none out.

const FRAGMENT: &str = include_str!("../iptables/libxt_pktstat.man");
const PAGE: &str = include_str!("../iptables/xt_pktstat.8");

/// The options in the fragment, one paragraph each.
fn options() -> Vec<&'static str> {
    let paragraphs = FRAGMENT.split("\n.TP\n").skip(1);
    paragraphs
        .filter_map(|text| text.split("\n.PP\n").next())
        .collect()
}

#[test]
fn the_page_says_of_each_option_what_the_fragment_says() {
    let options = options();
    assert_eq!(options.len(), 6);
    for option in options {
        let paragraph = format!(".TP\n{}\n", option.trim_end());
        assert!(PAGE.contains(&paragraph), "not in the page: {paragraph}");
    }
}

#[test]
fn every_option_is_in_both() {
    for option in ["period", "samples", "name", "id", "wire", "above"] {
        let head = format!("\\fB\\-\\-{option}\\fP");
        assert!(
            options().iter().any(|text| text.starts_with(&head)),
            "{head}"
        );
    }
}
