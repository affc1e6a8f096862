#![forbid(unsafe_code)]
#![deny(warnings)]
#![allow(unused_imports)] // `Future` is in the prelude of edition 2024.
use gort::go;
use std::fmt::Display;
use std::future::Future;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::task::{Context, Waker};

fn send(tx: Sender<String>, text: &str) {
    tx.send(text.to_owned()).unwrap();
}

fn show<T: Display>(tx: Sender<String>, value: T) {
    tx.send(value.to_string()).unwrap();
}

fn boxed(tx: Sender<String>, value: Box<dyn Display>, more: &[u8]) {
    tx.send(format!("{value} {more:?}")).unwrap();
}

fn map(tx: Sender<String>, f: impl Fn(&str) -> usize) {
    tx.send(f("four").to_string()).unwrap();
}

fn parsed(tx: Sender<String>, n: u16, text: Option<String>) {
    tx.send(format!("{n} {text:?}")).unwrap();
}

#[allow(clippy::too_many_arguments)]
fn eight(tx: Sender<String>, a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8) {
    tx.send((a + b + c + d + e + f + g).to_string()).unwrap();
}

mod inner {
    pub mod deep {
        pub fn send(tx: std::sync::mpsc::Sender<String>) {
            super::super::send(tx, "deep");
        }
    }
}

struct Server(#[allow(dead_code)] Sender<String>);

impl Server {
    fn of(tx: Sender<String>, n: i32) {
        go!(Self::new(tx, n));
    }

    fn new(tx: Sender<String>, n: i32) -> Self {
        tx.send(n.to_string()).unwrap();
        Server(tx)
    }
}

fn pick(last: bool) -> fn(Sender<String>, &str) {
    if last { |tx, text| send(tx, &text[1..]) } else { send }
}

fn generic<T: Display + Send + 'static>(tx: Sender<String>, value: T) {
    go!(show(tx, value));
}

#[must_use]
fn important(tx: Sender<String>) -> Result<(), std::sync::mpsc::SendError<String>> {
    tx.send("important".to_owned())
}

fn forever(tx: Sender<String>) -> ! {
    tx.send("forever".to_owned()).unwrap();
    loop {
        gort::yield_now();
    }
}

fn poll(future: impl Future) {
    let future = std::pin::pin!(future);
    assert!(future.poll(&mut Context::from_waker(Waker::noop())).is_ready());
}

fn recv(rx: &Receiver<String>) -> String {
    loop {
        match rx.try_recv() {
            Ok(text) => return text,
            Err(TryRecvError::Empty) => gort::yield_now(),
            Err(TryRecvError::Disconnected) => panic!("nobody sends"),
        }
    }
}

#[gort::main]
fn main() {
    const BYTES: [u8; 2] = [1, 2];
    let (tx, rx) = channel();
    macro_rules! check {
        ($expected:expr) => {
            assert_eq!(recv(&rx), $expected)
        };
    }

    go!(send(tx.clone(), "text"));
    check!("text");
    go!(send(tx.clone(), const { "const" }),);
    check!("const");
    go! { send(tx.clone(), "braces") }
    check!("braces");
    go!((send(tx.clone(), "parens")));
    check!("parens");
    let text: &'static str = "variable";
    go!(send(tx.clone(), text));
    check!("variable");

    go!(show::<f32>(tx.clone(), 1.5));
    check!("1.5");
    go!(show(tx.clone(), String::from("owned")));
    check!("owned");
    go!(inner::deep::send(tx.clone()));
    check!("deep");
    Server::of(tx.clone(), 9);
    check!("9");
    go!(pick(true)(tx.clone(), "xpicked"));
    check!("picked");
    go!((pick(false))(tx.clone(), "picked"));
    check!("picked");
    generic(tx.clone(), 'c');
    check!("c");

    // Arguments are coerced and inferred as in a call.
    go!(boxed(tx.clone(), Box::new(5), &[1, 2]));
    check!("5 [1, 2]");
    go!(boxed(tx.clone(), Box::new("s"), &BYTES));
    check!("s [1, 2]");
    go!(map(tx.clone(), |s| s.len()));
    check!("4");
    go!(parsed(tx.clone(), "300".parse().unwrap(), None));
    check!("300 None");
    go!(parsed(tx.clone(), 3u8.into(), Some("x".into())));
    check!("3 Some(\"x\")");
    go!(eight(tx.clone(), 1, 2, 3, 4, 5, 6, 7));
    check!("28");

    // The result is dropped, whatever it is.
    go!(important(tx.clone()));
    check!("important");
    go!(forever(tx.clone()));
    check!("forever");
    go!(poll(async move { send(tx, "future") }));
    check!("future");

    let unit: () = go!(drop(String::new()));
    assert_eq!(unit, ());
}
