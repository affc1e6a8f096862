//! A server's process: its address, its processor time, its memory.

use std::io::{self, BufRead, BufReader, ErrorKind};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use benches::cpu;
use benches::memory::Memory;

/// Runs until it is dropped, or until this process ends.
pub(super) struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts `PROGRAM SERVICE` and waits for the address that it prints.
    pub(super) fn start(program: &Path, service: &str) -> io::Result<Server> {
        let mut process =
            Command::new(program).arg(service).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let read = BufReader::new(process.stdout.take().expect("piped")).read_line(&mut line);
        let address = read.and_then(|_| {
            line.trim().parse().map_err(|_| io::Error::new(ErrorKind::InvalidData, "tells no address"))
        });
        match address {
            Ok(address) => Ok(Server { process, address }),
            Err(error) => {
                end(&mut process);
                Err(error)
            }
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// User and system time of all its threads so far.
    pub(super) fn cpu(&self) -> io::Result<Duration> {
        cpu::used_by(self.process.id())
    }

    pub(super) fn memory(&self) -> io::Result<Memory> {
        Memory::of(&self.process.id().to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

fn end(process: &mut Child) {
    // Gone already, if this fails.
    let _ = process.kill();
    let _ = process.wait();
}
