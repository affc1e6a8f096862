//! What tests and the programs that they start share.

pub mod differential;

/// Descriptors of the process but those of files in /proc, of which sysmon has one open for a moment now and then. (So the
/// directory that is read here does not count either.)
pub fn open_descriptors() -> usize {
    let links = std::fs::read_dir("/proc/self/fd").expect("/proc is there");
    // One that is gone by now was sysmon's.
    let files = links.filter_map(|link| std::fs::read_link(link.ok()?.path()).ok());
    files.filter(|file| !file.starts_with("/proc")).count()
}
