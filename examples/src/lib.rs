//! How the programs read their command lines.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::process::exit;
use std::str::FromStr;
use std::time::Duration;

/// What `read` makes of the arguments. `--help` prints the usage and ends the process; so do arguments that `read`
/// makes nothing of, with status 2.
///
/// ```no_run
/// let (address, upstream) = examples::arguments("tcp_proxy ADDRESS UPSTREAM", |args| match args {
///     [address, upstream] => Some((examples::address(address)?, examples::address(upstream)?)),
///     _ => None,
/// });
/// ```
pub fn arguments<T>(usage: &str, read: impl FnOnce(&[OsString]) -> Option<T>) -> T {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    if args.first().is_some_and(|arg| arg == "--help") {
        let _ = writeln!(io::stdout(), "usage: {usage}");
        exit(0);
    }
    read(&args).unwrap_or_else(|| {
        let _ = writeln!(io::stderr(), "usage: {usage}");
        exit(2);
    })
}

/// A number, or what else a text may stand for.
///
/// ```
/// assert_eq!(examples::parse("25".as_ref()), Some(25));
/// assert_eq!(examples::parse::<u32>("many".as_ref()), None);
/// ```
pub fn parse<T: FromStr>(text: &OsStr) -> Option<T> {
    text.to_str()?.parse().ok()
}

/// A time in seconds, more than none.
///
/// ```
/// assert_eq!(examples::seconds("0.5".as_ref()), Some(std::time::Duration::from_millis(500)));
/// assert_eq!(examples::seconds("0".as_ref()), None);
/// assert_eq!(examples::seconds("-1".as_ref()), None);
/// ```
pub fn seconds(text: &OsStr) -> Option<Duration> {
    Duration::try_from_secs_f64(parse(text)?).ok().filter(|time| !time.is_zero())
}

/// HOST:PORT, if it looks like one. Whether there is such a host is another question.
///
/// ```
/// assert_eq!(examples::address("localhost:80".as_ref()).as_deref(), Some("localhost:80"));
/// assert_eq!(examples::address("localhost".as_ref()), None);
/// assert_eq!(examples::address("--port=80".as_ref()), None);
/// ```
pub fn address(text: &OsStr) -> Option<String> {
    let (host, port) = text.to_str()?.rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    (!host.is_empty() && !host.starts_with('-')).then(|| format!("{host}:{port}"))
}
