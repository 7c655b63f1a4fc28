// SPDX-License-Identifier: GPL-2.0-or-later
//! As much of HTTP as a scrape needs: GET, one answer a connection.

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Someone who needs longer to ask or to listen is sent away.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest request.
const REQUEST_MAX: usize = 16 << 10;
/// Connections at a time.
const CONNECTIONS_MAX: usize = 16;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

/// Answers for ever.
pub fn serve(listener: &TcpListener, registry: &Registry) {
    let open = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for stream in listener.incoming() {
            // A connection that was reset before it was ours, or no file descriptors: wait a little.
            let Ok(stream) = stream else {
                std::thread::sleep(Duration::from_millis(50));
                continue;
            };
            if open.fetch_add(1, Ordering::Relaxed) < CONNECTIONS_MAX {
                scope.spawn(|| {
                    // A client that hung up does not wait for an answer.
                    let _ = answer(stream, registry);
                    open.fetch_sub(1, Ordering::Relaxed);
                });
            } else {
                open.fetch_sub(1, Ordering::Relaxed);
            }
        }
    });
}

fn answer(mut stream: TcpStream, registry: &Registry) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut request = Vec::new();
    let mut chunk = [0; 2048];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let len = stream.read(&mut chunk)?;
        if len == 0 || request.len() > REQUEST_MAX {
            return Ok(());
        }
        request.extend_from_slice(&chunk[..len]);
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let (status, content_type, body) = respond(&request, registry);
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    if !request.starts_with("HEAD ") {
        stream.write_all(body.as_bytes())?;
    }
    stream.flush()
}

fn respond(request: &str, registry: &Registry) -> (&'static str, &'static str, String) {
    let mut words = request.split_ascii_whitespace();
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let path = target.split('?').next().unwrap_or("");
    match (method, path) {
        ("GET" | "HEAD", "/metrics") => {
            let mut text = String::new();
            if encode(&mut text, registry).is_err() {
                return ("500 Internal Server Error", PLAIN, String::new());
            }
            if accepts_openmetrics(request) {
                ("200 OK", OPENMETRICS, text)
            } else {
                ("200 OK", CLASSIC, classic(&text))
            }
        }
        ("GET" | "HEAD", "/") => (
            "200 OK",
            PLAIN,
            "pkttop: metrics are at /metrics\n".to_owned(),
        ),
        ("GET" | "HEAD", _) => (
            "404 Not Found",
            PLAIN,
            "metrics are at /metrics\n".to_owned(),
        ),
        _ => ("405 Method Not Allowed", PLAIN, "GET /metrics\n".to_owned()),
    }
}

fn accepts_openmetrics(request: &str) -> bool {
    let mut headers = request
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'));
    headers.any(|(name, value)| {
        name.eq_ignore_ascii_case("accept") && value.contains("application/openmetrics-text")
    })
}

/// The older text format: there a counter's family is named with its `_total`, an info with its
/// `_info`, and there is no end mark.
fn classic(openmetrics: &str) -> String {
    let mut infos = Vec::new();
    let mut counters = Vec::new();
    for line in openmetrics.lines() {
        if let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|rest| rest.split_once(' '))
        {
            match kind {
                "counter" => counters.push(name),
                "info" => infos.push(name),
                _ => {}
            }
        }
    }
    let mut text = String::with_capacity(openmetrics.len());
    for line in openmetrics.lines().filter(|line| *line != "# EOF") {
        let comment = ["# HELP ", "# TYPE "]
            .into_iter()
            .find_map(|mark| Some((mark, line.strip_prefix(mark)?)));
        match comment.and_then(|(mark, rest)| Some((mark, rest.split_once(' ')?))) {
            Some((mark, (name, rest))) if counters.contains(&name) => {
                text.push_str(&format!("{mark}{name}_total {rest}\n"));
            }
            Some((mark, (name, rest))) if infos.contains(&name) => {
                let rest = if mark == "# TYPE " { "gauge" } else { rest };
                text.push_str(&format!("{mark}{name}_info {rest}\n"));
            }
            _ => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_classic_format_names_counters_with_their_total() {
        let openmetrics = "# HELP x_frames Frames.\n# TYPE x_frames counter\nx_frames_total{a=\"b\"} 1\n\
                           # HELP x_build V.\n# TYPE x_build info\nx_build_info{v=\"1\"} 1\n# TYPE y gauge\ny 2\n# EOF\n";
        let expected = "# HELP x_frames_total Frames.\n# TYPE x_frames_total counter\nx_frames_total{a=\"b\"} 1\n\
                        # HELP x_build_info V.\n# TYPE x_build_info gauge\nx_build_info{v=\"1\"} 1\n# TYPE y gauge\ny 2\n";
        assert_eq!(classic(openmetrics), expected);
    }

    #[test]
    fn requests_are_answered_by_method_path_and_accept() {
        let registry = Registry::default();
        let status = |request: &str| respond(request, &registry).0;
        assert_eq!(status("GET /metrics HTTP/1.1\r\n\r\n"), "200 OK");
        assert_eq!(status("GET /metrics?x=y HTTP/1.1\r\n\r\n"), "200 OK");
        assert_eq!(status("GET /etc/passwd HTTP/1.1\r\n\r\n"), "404 Not Found");
        assert_eq!(
            status("POST /metrics HTTP/1.1\r\n\r\n"),
            "405 Method Not Allowed"
        );
        let kind = |accept: &str| {
            respond(
                &format!("GET /metrics HTTP/1.1\r\n{accept}\r\n\r\n"),
                &registry,
            )
            .1
        };
        assert_eq!(
            kind("accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain"),
            OPENMETRICS
        );
        assert_eq!(kind("User-Agent: curl"), CLASSIC);
    }
}
