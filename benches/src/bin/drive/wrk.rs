//! wrk, an HTTP load generator that is often installed, and better known than
//! ours.

use std::io;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

/// What it found.
#[derive(Debug, PartialEq)]
pub(super) struct Report {
    pub(super) requests: u64,
    pub(super) rate: f64,
    pub(super) p50: Duration,
    pub(super) p99: Duration,
    /// Answers that were no success, and errors of sockets.
    pub(super) errors: bool,
}

/// Runs it for that long, or says that there is none.
pub(super) fn run(address: SocketAddr, connections: usize, seconds: u64) -> io::Result<Option<Report>> {
    let output = Command::new("wrk")
        .args(["--threads", "1", "--latency"])
        .args(["--connections", &connections.to_string(), "--duration", &seconds.to_string()])
        .arg(format!("http://{address}/"))
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let text = String::from_utf8_lossy(&output.stdout);
    match parse(&text) {
        Some(report) if output.status.success() => Ok(Some(report)),
        _ => Err(io::Error::other(format!("wrk: {text}{}", String::from_utf8_lossy(&output.stderr)))),
    }
}

fn parse(text: &str) -> Option<Report> {
    let after = |key: &str| text.lines().find_map(|line| line.trim().strip_prefix(key)).map(str::trim);
    let requests = text.lines().find(|line| line.contains(" requests in "))?;
    Some(Report {
        requests: requests.split_whitespace().next()?.parse().ok()?,
        rate: after("Requests/sec:")?.parse().ok()?,
        p50: duration(after("50%")?)?,
        p99: duration(after("99%")?)?,
        errors: text.contains("Non-2xx or 3xx") || text.contains("Socket errors"),
    })
}

/// Such as `812.00us`, `1.21ms` or `1.05s`.
fn duration(text: &str) -> Option<Duration> {
    let units = [("us", 1e-6), ("ms", 1e-3), ("s", 1.0)];
    let (number, unit) = units.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)))?;
    Some(Duration::from_secs_f64(number.parse::<f64>().ok()? * unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read() {
        let text = "  Latency Distribution\n     50%    1.25ms\n     75%    1.52ms\n     \
                    99%  950.00us\n  215352 requests in 4.01s, 27.11MB read\nRequests/sec:  53702.73\n";
        let report = parse(text).unwrap();
        assert_eq!((report.requests, report.rate, report.errors), (215_352, 53_702.73, false));
        assert_eq!(report.p50, Duration::from_micros(1250));
        assert_eq!(report.p99, Duration::from_micros(950));
        assert!(parse(&format!("{text}  Non-2xx or 3xx responses: 3\n")).unwrap().errors);
        assert_eq!(parse("unable to connect"), None);
    }
}
