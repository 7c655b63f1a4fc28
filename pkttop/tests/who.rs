// SPDX-License-Identifier: GPL-2.0-or-later
//! `pkttop who` where there is no kernel to send it packets: recipes, refusals, and files.

mod common;

use common::{recorded, run, status, text, PKTTOP};
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::DataLink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const START_NS: u64 = 1_700_000_000_000_000_000;

fn who(root: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(PKTTOP);
    command.env("PKTTOP_ROOT", root).arg("who").args(args);
    command
}

/// A file: for each packet when it was, us after the start, and the comments on it.
fn file(path: &Path, digits: u8, comment: &str, packets: &[(u64, &[&str])]) {
    let file = std::fs::File::create(path).expect("a file");
    let mut writer = PcapNgWriter::new(file).expect("a header");
    writer
        .write_pcapng_block(InterfaceDescriptionBlock {
            linktype: DataLink::RAW,
            snaplen: 128,
            options: vec![
                InterfaceDescriptionOption::IfName("in".into()),
                InterfaceDescriptionOption::IfTsResol(digits),
                InterfaceDescriptionOption::Comment(comment.into()),
            ],
        })
        .expect("an interface");
    let header = b"\x45\0\x05\xdc\0\0\0\0\x40\x11\0\0\x0a\x09\0\x01\x0a\x09\0\x02\x9c\x40\0\x09";
    for (at_us, comments) in packets {
        let at_ns = START_NS + at_us * 1000;
        let options = comments
            .iter()
            .map(|comment| EnhancedPacketOption::Comment((*comment).into()));
        writer
            .write_pcapng_block(EnhancedPacketBlock {
                interface_id: 0,
                timestamp: Duration::from_nanos(at_ns / 10_u64.pow(9 - u32::from(digits))),
                original_len: 1500,
                data: header.as_slice().into(),
                options: options.collect(),
            })
            .expect("a packet");
    }
}

#[test]
fn a_file_is_shown_as_it_was_captured() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let path = directory.path().join("in.pcapng");
    let name = path.display().to_string();
    let packets: [(u64, &[&str]); 4] = [
        (
            10,
            &["xt_pktstat window 1700000000000000000 frames 900 bytes 1250000"],
        ),
        (20, &["somebody's word"]),
        (
            250,
            &[
                "xt_pktstat window 1700000000000100000 frames 1 bytes 60",
                "xt_pktstat window 1700000000000200000 frames 9 bytes 13500",
            ],
        ),
        (5000, &[]),
    ];
    let mut outputs = Vec::new();
    // In ns, as we write it, and in us, as a tool may.
    for digits in [9, 6] {
        file(&path, digits, "xt_pktstat period_ns 100000", &packets);
        let json = run(&mut who(directory.path(), &["--json", "-i", &name]), 0).stdout;
        let bursts: Vec<serde_json::Value> = text(&json)
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(bursts.len(), 2);
        let burst = &bursts[0];
        assert_eq!(burst["counter"], "in");
        assert_eq!(burst["timestamp_ns"], START_NS);
        assert_eq!(burst["duration_ns"], 300_000);
        assert_eq!(
            (&burst["frames"], &burst["bytes"]),
            (&910.into(), &1_263_560.into())
        );
        assert_eq!(burst["peak_timestamp_ns"], START_NS);
        assert_eq!(burst["peak_bits_per_second"], 100e9);
        assert_eq!(burst["captured_bytes"], 4500);
        assert_eq!(burst["flows"][0]["source"], "10.9.0.1");
        assert_eq!(burst["flows"][0]["source_port"], 40_000);
        assert_eq!(burst["flows"][0]["share"], 1.0);
        assert_eq!(bursts[1]["peak_bytes"], serde_json::Value::Null);
        outputs.push(json);
    }
    assert_eq!(outputs[0], outputs[1]);
    let table = text(&run(&mut who(directory.path(), &["-i", &name]), 0).stdout);
    assert_eq!(
        table,
        "22:13:20.000000  in  300us, peak 100Gbit/s; 910 frames, 1263560 bytes; captured 3 frames, 4500 bytes\n\
         \x20 100.0%        3 frames        4500 bytes  udp 10.9.0.1:40000 > 10.9.0.2:9\n\
         22:13:20.005000  in  100us, its windows are not known; captured 1 frames, 1500 bytes\n\
         \x20 100.0%        1 frames        1500 bytes  udp 10.9.0.1:40000 > 10.9.0.2:9\n"
    );
    let first = text(&run(&mut who(directory.path(), &["-n", "1", "-i", &name]), 0).stdout);
    assert_eq!(first.lines().count(), 2);
}

#[test]
fn what_is_no_file_of_ours_is_refused() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let path = directory.path().join("other.pcapng");
    let name = path.display().to_string();
    file(&path, 9, "a card", &[(0, &[])]);
    let error = text(&run(&mut who(directory.path(), &["-i", &name]), 1).stderr);
    let expected =
        format!("pkttop: {name}: packets of an interface that is no counter of xt_pktstat\n");
    assert!(error.starts_with(&expected), "{error}");
    // A file that ends in the middle of a packet is shown up to there.
    file(
        &path,
        9,
        "xt_pktstat period_ns 100000",
        &[(0, &[]), (10, &[])],
    );
    let whole = std::fs::read(&path).expect("read");
    std::fs::write(&path, &whole[..whole.len() - 3]).expect("write");
    let cut = run(&mut who(directory.path(), &["-i", &name]), 1);
    assert!(text(&cut.stdout).contains("captured 1 frames, 1500 bytes"));
    assert!(text(&cut.stderr).starts_with(&format!("pkttop: {name}: ")));
    std::fs::write(&path, "a\n").expect("write");
    run(&mut who(directory.path(), &["-i", &name]), 1);
    run(&mut who(directory.path(), &["-i", "/nowhere.pcapng"]), 1);
    run(&mut who(directory.path(), &["-i", &name, "in"]), 2);
    run(&mut who(directory.path(), &["--snaplen", "20"]), 2);
}

#[test]
fn a_recipe_is_of_the_counter_that_is_there() {
    let root = tempfile::tempdir().expect("temporary directory");
    let above = status(0, 0) + "above: 7gbit\nmatched_frames: 0\nmatched_bytes: 0\n";
    recorded(root.path(), "in", (0, 0), "", &above);
    let recipe = text(&run(&mut who(root.path(), &["--recipe", "-g", "6"]), 0).stdout);
    let rule = "\niptables -A INPUT -m pktstat --period 1 --samples 1000 --name in --above 7gbit \
                -j NFLOG --nflog-group 6 --nflog-size 128\n";
    assert!(recipe.contains(rule), "{recipe}");
    assert!(
        recipe.contains("\npkttop who --group 6 -o in.pcapng in\n"),
        "{recipe}"
    );
    // Also of one that is not there yet.
    let recipe = text(&run(&mut who(root.path(), &["--recipe", "web"]), 0).stdout);
    assert!(
        recipe.contains("--period 100us --samples 20000 --name web --above "),
        "{recipe}"
    );
    let recipe = text(&run(&mut who(Path::new("/nowhere"), &["--recipe"]), 0).stdout);
    assert!(recipe.contains("--name in --above "), "{recipe}");
}

#[test]
fn a_counter_that_is_not_there_is_to_be_added_with_a_rule_that_captures() {
    let root = tempfile::tempdir().expect("temporary directory");
    recorded(root.path(), "in", (0, 0), "", &status(0, 0));
    let error = text(&run(&mut who(root.path(), &["web"]), 1).stderr);
    let rule = "iptables -A INPUT -m pktstat --period 100us --samples 20000 --name web --above ";
    assert!(
        error.contains(": no counter `web`; there are: in\nadd it, ") && error.contains(rule),
        "{error}"
    );
    recorded(root.path(), "out", (0, 0), "", &status(0, 0));
    let error = text(&run(&mut who(root.path(), &[]), 1).stderr);
    assert!(
        error.ends_with("\nname one of them: pkttop who in|out\n"),
        "{error}"
    );
}
