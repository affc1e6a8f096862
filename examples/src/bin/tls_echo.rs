//! `tls_echo ADDRESS CERTIFICATE`: says back what it is told, over TLS.
//!
//! ```text
//! $ cargo run --release -p examples --bin tls_echo 127.0.0.1:8443 /tmp/certificate.pem
//! listening on 127.0.0.1:8443
//! ```
//!
//! and elsewhere `openssl s_client -quiet -connect 127.0.0.1:8443 -CAfile /tmp/certificate.pem`. The certificate
//! is made at the start, for `localhost` and `127.0.0.1`, and written to the file CERTIFICATE.
//!
//! rustls's [`StreamOwned`] is a blocking stream over a blocking stream; a goroutine for each connection is all
//! that it takes to serve many.
//!
//! Not for the open internet: there may be any number of clients, each of which need only say a byte a minute.

use std::error::Error;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gort::go;
use gort::net::{TcpListener, TcpStream};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// How long a client may take to say something and to hear it back, the handshake included.
const PATIENCE: Duration = Duration::from_secs(60);

#[gort::main]
fn main() -> ExitCode {
    let (address, certificate) = examples::arguments("tls_echo ADDRESS CERTIFICATE", |args| match args {
        [address, file] => Some((examples::address(address)?, PathBuf::from(file))),
        _ => None,
    });
    let config = match self_signed(&certificate) {
        Ok(config) => Arc::new(config),
        Err(e) => {
            eprintln!("tls_echo: {}: {e}", certificate.display());
            return ExitCode::FAILURE;
        }
    };
    let Err(e) = serve(&address, &config);
    eprintln!("tls_echo: {address}: {e}");
    ExitCode::FAILURE
}

/// A configuration with a certificate that is its own authority, which is written to a file.
fn self_signed(file: &Path) -> Result<ServerConfig, Box<dyn Error>> {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names)?;
    std::fs::write(file, made.cert.pem())?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.into()], key.into())?)
}

fn serve(address: &str, config: &Arc<ServerConfig>) -> io::Result<std::convert::Infallible> {
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        match listener.accept() {
            Ok((stream, client)) => {
                let config = config.clone();
                go! {
                    if let Err(e) = echo(stream, config) {
                        eprintln!("tls_echo: {client}: {e}");
                    }
                }
            }
            // Too many open files, say: those that are connected go on.
            Err(e) => {
                eprintln!("tls_echo: accept: {e}");
                gort::sleep(Duration::from_millis(10));
            }
        }
    }
}

/// The whole life of a connection; the handshake is done by the first read.
fn echo(stream: TcpStream, config: Arc<ServerConfig>) -> Result<(), Box<dyn Error>> {
    stream.set_nodelay(true)?;
    let mut tls = StreamOwned::new(ServerConnection::new(config)?, stream);
    let mut chunk = vec![0; 16 << 10];
    loop {
        tls.sock.set_deadline(Some(Instant::now() + PATIENCE))?;
        let n = tls.read(&mut chunk)?;
        if n == 0 {
            break;
        }
        tls.write_all(&chunk[..n])?;
    }
    tls.conn.send_close_notify();
    tls.flush()?;
    Ok(())
}
