// SPDX-License-Identifier: GPL-2.0-or-later
//! The exporter as a fleet has it: Debian's Prometheus scrapes it, and is asked through its API.

mod common;

use common::{append, recorded, run, status, text, wait_for, Counters, Running, PKTTOP};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

const MILLISECOND_OF_A_BURST: &str = "1125000";

fn beside(file: &str) -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("prometheus");
    directory.join(file).display().to_string()
}

/// `promtool` or `prometheus`: apt install prometheus.
fn tool(name: &str) -> Command {
    match std::env::var_os("PROMETHEUS_DIR") {
        Some(directory) => Command::new(Path::new(&directory).join(name)),
        None => Command::new(name),
    }
}

const EXPORT: [&str; 5] = ["export", "--listen", "127.0.0.1:0", "--link", "10G"];

/// Starts the exporter and returns its address.
fn export(counters: &Counters) -> (Running, String) {
    start(&mut counters.pkttop(&EXPORT))
}

fn start(exporter: &mut Command) -> (Running, String) {
    let mut exporter = Running::start(exporter.stderr(Stdio::piped()));
    let mut line = String::new();
    let mut stderr = BufReader::new(exporter.0.stderr.take().expect("stderr"));
    stderr.read_line(&mut line).expect("its address");
    let address = line
        .split("http://")
        .nth(1)
        .and_then(|rest| rest.split('/').next());
    (
        exporter,
        address.unwrap_or_else(|| panic!("{line}")).to_owned(),
    )
}

fn get(address: &str, target: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("connect");
    write!(stream, "GET {target} HTTP/1.0\r\nHost: {address}\r\n\r\n").expect("ask");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answer");
    answer
        .split_once("\r\n\r\n")
        .expect("an answer has a head")
        .1
        .to_owned()
}

/// A counter's value of a metric, where it is there.
fn value(metrics: &str, name: &str, counter: &str) -> Option<f64> {
    let series = format!("{name}{{counter=\"{counter}\"}} ");
    let value = metrics.lines().find_map(|line| line.strip_prefix(&series));
    value.map(|value| value.parse().expect("number"))
}

/// Asks Prometheus and returns the values, as text.
fn query(address: &str, expression: &str) -> Vec<String> {
    let escaped: String = expression
        .bytes()
        .map(|byte| format!("%{byte:02x}"))
        .collect();
    let answer = get(address, &format!("/api/v1/query?query={escaped}"));
    let answer: serde_json::Value =
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"));
    assert_eq!(answer["status"], "success", "{expression}: {answer}");
    let series = answer["data"]["result"].as_array().expect("a vector");
    series
        .iter()
        .map(|series| series["value"][1].as_str().expect("a value").to_owned())
        .collect()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .expect("bind")
        .local_addr()
        .expect("address")
        .port()
}

#[test]
fn promtool_has_nothing_to_say() {
    let counters = Counters::start(&["web:100us:200ms", "voip:1ms", "slow:1s"]);
    let (exporter, address) = export(&counters);
    wait_for("two bursts", || {
        value(&get(&address, "/metrics"), "xt_pktstat_bursts_total", "web") >= Some(2.0)
    });
    let metrics = get(&address, "/metrics");
    let mut promtool = tool("promtool");
    promtool
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = promtool.spawn().expect("promtool: apt install prometheus");
    child
        .stdin
        .take()
        .expect("stdin")
        .write_all(metrics.as_bytes())
        .expect("write");
    let output = child.wait_with_output().expect("promtool");
    assert_eq!(
        (
            output.status.code(),
            text(&output.stderr),
            text(&output.stdout)
        ),
        (Some(0), String::new(), String::new())
    );
    assert!(
        metrics.contains("xt_pktstat_millisecond_bytes_max{counter=\"web\"} 1125000\n"),
        "{metrics}"
    );
    assert!(
        !metrics.contains("xt_pktstat_millisecond_bytes_max{counter=\"slow\"}"),
        "{metrics}"
    );
    assert_eq!(exporter.terminate(), 0);
}

#[test]
fn a_merged_row_is_in_no_peak_histogram_or_burst() {
    let root = tempfile::tempdir().expect("temporary directory");
    let counter = recorded(root.path(), "web", (0, 0), "", &status(0, 0));
    let mut exporter = Command::new(PKTTOP);
    exporter.env("PKTTOP_ROOT", root.path());
    let (_exporter, address) = start(exporter.args(EXPORT));
    // The second row carries a burst's bytes in each of its four windows, or in none.
    let now_ns = std::time::UNIX_EPOCH.elapsed().expect("time").as_nanos() / 1_000_000 * 1_000_000;
    let rows = format!(
        "{} 1 100\n# merged 3\n{} 4000 4000000\n",
        now_ns - 9_000_000,
        now_ns - 5_000_000
    );
    append(&counter.join("history"), &rows);
    std::fs::write(counter.join("status"), status(4001, 4_000_100)).expect("status");
    let mut metrics = String::new();
    wait_for("the rows", || {
        metrics = get(&address, "/metrics");
        value(&metrics, "xt_pktstat_merged_windows_total", "web") == Some(3.0)
    });
    let of = |name: &str| value(&metrics, &format!("xt_pktstat_{name}"), "web").expect("value");
    assert_eq!(of("window_bytes_max"), 100.0);
    assert_eq!(of("millisecond_bytes_max"), 100.0);
    assert_eq!(of("bursts_total"), 0.0);
    assert_eq!(of("window_bytes_sum"), 100.0);
    assert_eq!(of("window_bytes_count"), of("windows_total") - 4.0);
    assert_eq!(of("bytes_total"), 4_000_100.0);
}

#[test]
fn alert_rules_fire_when_they_should() {
    run(
        tool("promtool").args(["check", "rules", &beside("alerts.yml")]),
        0,
    );
    run(
        tool("promtool").args(["test", "rules", &beside("alerts_test.yml")]),
        0,
    );
}

#[test]
fn a_scrape_each_fifteen_seconds_shows_the_worst_millisecond() {
    let counters = Counters::start(&["web:100us:7s", "calm:1ms:3600s"]);
    let (_exporter, exporter) = export(&counters);
    let directory = tempfile::tempdir().expect("temporary directory");
    let config = directory.path().join("prometheus.yml");
    let port = free_port();
    std::fs::write(
        &config,
        format!(
            "global: {{scrape_interval: 15s, evaluation_interval: 15s}}\n\
             rule_files: ['{}']\n\
             scrape_configs:\n  - job_name: pkttop\n    static_configs: [{{targets: ['{exporter}']}}]\n",
            beside("alerts.yml")
        ),
    )
    .expect("config");
    let _prometheus = Running::start(
        tool("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                directory.path().join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    );
    let address = format!("127.0.0.1:{port}");
    wait_for("Prometheus", || TcpStream::connect(&address).is_ok());
    wait_for("its storage", || {
        get(&address, "/-/ready").contains("is Ready")
    });

    // Four scrapes, and as many by others as one likes: none takes anything from another.
    wait_for("four scrapes", || {
        get(&exporter, "/metrics");
        let scrapes = query(&address, "count_over_time(up[5m])");
        scrapes
            .first()
            .is_some_and(|count| count.parse::<u32>().expect("number") >= 4)
    });
    assert_eq!(query(&address, "min_over_time(up[5m])"), ["1"]);
    assert_eq!(
        query(
            &address,
            "xt_pktstat_millisecond_bytes_max{counter=\"web\"}"
        ),
        [MILLISECOND_OF_A_BURST]
    );
    assert_eq!(
        query(&address, "xt_pktstat_window_bytes_max{counter=\"web\"}"),
        ["112500"]
    );
    // The mean of a minute does not know of it.
    let mean = query(
        &address,
        "8 * rate(xt_pktstat_bytes_total{counter=\"web\"}[1m])",
    );
    assert!(mean[0].parse::<f64>().expect("number") < 1e9, "{mean:?}");
    // 30 windows in 70000 are in a burst: below the 99.9th percentile, above the 99.99th.
    let quantile = |q: f64| {
        let rate = "rate(xt_pktstat_window_bytes_bucket{counter=\"web\"}[1m])";
        query(
            &address,
            &format!("80000 * histogram_quantile({q}, {rate})"),
        )[0]
        .parse::<f64>()
        .expect("number")
    };
    assert!(
        quantile(0.99) < 3e9 && quantile(0.9999) > 7e9,
        "{} {}",
        quantile(0.99),
        quantile(0.9999)
    );
    // All windows are counted, the idle ones too: 10000 a second. A scrape that came late is put
    // right by the next.
    wait_for("a rate of all windows", || {
        let counted = "irate(xt_pktstat_window_bytes_count{counter=\"web\"}[1m])";
        let rate = query(&address, counted);
        rate.first()
            .is_some_and(|rate| (9_500.0..10_500.0).contains(&rate.parse().expect("number")))
    });

    every_panel_has_data(&address);
}

fn every_panel_has_data(address: &str) {
    let dashboard = std::fs::read_to_string(beside("grafana-dashboard.json")).expect("dashboard");
    let dashboard: serde_json::Value = serde_json::from_str(&dashboard).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    assert!(panels.len() >= 6);
    for panel in panels {
        for target in panel["targets"].as_array().expect("targets") {
            let expression = target["expr"].as_str().expect("expr");
            let asked = expression
                .replace("$__rate_interval", "1m")
                .replace("$instance", ".*")
                .replace("$counter", "web");
            assert!(
                !query(address, &asked).is_empty(),
                "{}: no data: {asked}",
                panel["title"]
            );
        }
    }
}
