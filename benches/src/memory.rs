//! A process's memory, as Linux accounts for it in `/proc/PID/status`.

use std::fs;
use std::io;

/// Bytes in use at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Pages present in memory (`VmRSS`).
    pub resident: u64,
    /// The page tables that map them (`VmPTE`), which `VmRSS` leaves out.
    pub page_tables: u64,
}

impl Memory {
    /// Memory in use now.
    ///
    /// # Panics
    ///
    /// Where there is no `/proc/self/status` (other systems than Linux).
    pub fn now() -> Memory {
        Memory::of("self").expect("/proc/self/status")
    }

    /// Memory in use now by the process with this id.
    ///
    /// # Errors
    ///
    /// If there is no such process.
    pub fn of(pid: &str) -> io::Result<Memory> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        Ok(Memory { resident: field(&status, "VmRSS:"), page_tables: field(&status, "VmPTE:") })
    }
}

/// The figure after `name`, which stands in kB.
fn field(status: &str, name: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .and_then(|kib| kib.trim().parse::<u64>().ok())
        .unwrap_or_else(|| panic!("no {name} in /proc/self/status"))
        * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_in_bytes() {
        let status = "Name:\tx\nVmRSS:\t    1536 kB\nVmPTE:\t      12 kB\n";
        assert_eq!(field(status, "VmRSS:"), 1536 * 1024);
        assert_eq!(field(status, "VmPTE:"), 12 * 1024);
        assert!(Memory::now().resident > 0);
    }
}
