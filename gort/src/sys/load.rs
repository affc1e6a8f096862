//! What the whole machine has to do.

use std::fs::File;
use std::io::Read;
use std::sync::OnceLock;

/// Threads of all processes that run or wait for a processor, the calling one among them. See proc_loadavg(5).
pub(crate) fn runnable_threads() -> Option<u32> {
    let mut text = [0u8; 64];
    let n = File::open("/proc/loadavg").ok()?.read(&mut text).ok()?;
    runnable_of(&text[..n])
}

/// The first number of the fourth field.
fn runnable_of(text: &[u8]) -> Option<u32> {
    let field = std::str::from_utf8(text).ok()?.split(' ').nth(3)?;
    field.split_once('/')?.0.parse().ok()
}

/// Processors that the machine has running, when first asked: libc reads a file for it.
pub(crate) fn processors() -> u32 {
    static PROCESSORS: OnceLock<u32> = OnceLock::new();
    *PROCESSORS.get_or_init(|| {
        // SAFETY: sysconf with a constant name.
        let n = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
        u32::try_from(n).unwrap_or(1).max(1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_loadavg() {
        assert_eq!(runnable_of(b"0.20 0.18 0.12 3/80 11206\n"), Some(3));
        assert_eq!(runnable_of(b"0.20 0.18 0.12 "), None);
        assert_eq!(runnable_of(b"0.20 0.18 0.12 many/80"), None);
        assert_eq!(runnable_of(b""), None);
    }

    #[test]
    fn who_asks_is_runnable() {
        assert!(runnable_threads().is_none_or(|n| n >= 1));
        assert!(processors() >= 1);
    }
}
