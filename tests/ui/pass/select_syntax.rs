//! What crossbeam-channel's `select!` accepts.
#![deny(warnings)]
#![forbid(unsafe_code)]
use gort::channel::{Receiver, Sender, bounded, never, select, select_biased, unbounded};
use std::sync::Arc;
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(1);

fn full<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let (tx, rx) = unbounded();
    tx.send(value).unwrap();
    (tx, rx)
}

fn separators() {
    let (tx, rx) = full(1);
    select! { recv(rx) -> _ => () }
    select! { recv(rx) -> _ => (), default => (), }
    select! { recv(rx) -> _ => {} default => {} }
    select! { recv(rx) -> _ => {}, default() => {}, }
    select! {
        recv(rx,) -> _ => {}
        send(tx, 1,) -> _ => assert!([1, 2, 3].len() == 3, "{}", 1),
        default(SHORT,) => {}
    }
    select!(recv(rx) -> _ => {}, default => {});
    select![default => (), recv(rx) -> _ => ()];
    // A block may begin an expression.
    let s = select! { recv(rx) -> _ => { "a" }.to_string(), default => { "b" }.to_string() };
    assert!(s == "a" || s == "b");
    let n = select! { recv(rx) -> _ => { 1 } as u8, default => { 1 } as u8, };
    assert_eq!(n, 1);
    let n = select! {
        recv(rx) -> v => match v { Ok(n) => n, Err(_) => 0 },
        default => Vec::<(i32, i32)>::new().len() as i32,
    };
    assert!(n < 2);
}

fn only_default() {
    assert_eq!(select! { default => 1 }, 1);
    assert_eq!(select! { default(SHORT) => 2 }, 2);
}

fn patterns() {
    let (_tx, rx) = full(1);
    select! { recv(rx) -> Ok(_) | Err(_) => {} }
    select! { recv(rx) -> mut v => { v = Ok(2); assert_eq!(v, Ok(2)) } default => {} }
}

fn values() {
    let (tx, rx) = full(5);
    let v: Result<u64, ()> = select! {
        recv(rx) -> v => v.map_err(drop),
        recv(never::<u64>()) -> _ => unreachable!(),
    };
    assert_eq!(v, Ok(5));
    let sent = select! { send(tx, 6) -> r => r.is_ok() };
    assert!(sent);
    assert_eq!(1 + select! { recv(rx) -> v => v.unwrap(), default => 0 }, 7);
    let first = select_biased! { recv(rx) -> _ => 1, send(tx, 0) -> _ => 2, default => 3 };
    assert_eq!(first, 2);
}

fn control_flow() -> Option<u32> {
    let (_tx, rx) = full(3);
    let (stop, stopped) = full(());
    let mut seen = Vec::new();
    loop {
        select! {
            recv(rx) -> v => { seen.push(v.unwrap()); continue }
            recv(stopped) -> _ => if seen.is_empty() { stop.send(()).unwrap() } else { break },
        }
    }
    'outer: loop {
        loop {
            select! { recv(rx) -> _ => {}, default => break 'outer }
        }
    }
    fn question(rx: &Receiver<u32>) -> Result<u32, gort::channel::RecvError> {
        Ok(select! { recv(rx) -> v => v?, default => return Ok(9) })
    }
    assert_eq!(question(&rx), Ok(9));
    select! { recv(rx) -> _ => None, default(SHORT) => return Some(seen[0]) }
}

/// An arm may move or assign the channels.
fn channels_are_free_in_arms() {
    let (tx, mut rx) = full(1);
    select! {
        recv(rx) -> v => { assert_eq!(v, Ok(1)); rx = never(); drop(tx) }
        send(tx, 2) -> _ => { drop(rx); return }
    }
    select! { recv(rx) -> _ => unreachable!(), default => drop(rx) }
    let (tx, rx) = bounded(0);
    select! {
        recv(rx) -> _ => drop::<(Sender<i32>, Receiver<i32>)>((tx, rx)),
        send(tx, 2) -> _ => drop(tx),
        default => drop((tx, rx)),
    }
    let (tx, rx) = bounded::<i32>(0);
    select! {
        recv(rx) -> _ => drop(rx),
        send(tx, 2) -> _ => drop(tx),
        default(SHORT) => drop((tx, rx)),
    }
}

fn evaluated_once() {
    let log = std::cell::RefCell::new(Vec::new());
    let (tx, rx) = full(1);
    let channel = |name, end: &Receiver<i32>| {
        log.borrow_mut().push(name);
        end.clone()
    };
    select_biased! {
        recv(channel("a", &rx)) -> v => assert_eq!(v, Ok(1)),
        recv(channel("b", &rx)) -> _ => unreachable!(),
        send({ log.borrow_mut().push("c"); &tx }, { log.borrow_mut().push("message"); 1 }) -> _ => {}
    }
    assert_eq!(log.take(), ["a", "b", "c"]);
    let (tx, rx) = bounded(0);
    // Moved only if it is sent.
    let message = String::from("kept");
    let message = select! {
        send(tx, message) -> _ => unreachable!(),
        default => message,
    };
    assert_eq!(message, "kept");
    drop(rx);
    select! { send(tx, message) -> r => assert_eq!(r.unwrap_err().into_inner(), "kept") }
}

/// A send alone with `default` is a `try_send` whose message waits until there is room.
fn send_alone() {
    let (tx, rx) = bounded(1);
    let mut evaluated = 0;
    let mut attempt = || {
        select! {
            send(tx, { evaluated += 1; evaluated }) -> r => r.is_ok(),
            default => false,
        }
    };
    assert_eq!([attempt(), attempt()], [true, false]);
    assert_eq!(rx.try_recv(), Ok(1));
    assert!(attempt());
    assert_eq!(rx.recv(), Ok(2));
    // Literals, with and without room, and back.
    let (tx, rx) = bounded::<(i8, &str)>(1);
    let sent = [(); 2].map(|()| select_biased! { default => None, send(tx, (-1, ("a"))) -> r => Some(r) });
    assert_eq!(sent, [Some(Ok(())), None]);
    drop(rx);
    select! { send(tx, (2, "b")) -> r => assert_eq!(r.unwrap_err().into_inner(), (2, "b")), default => panic!() }
    let message = (3, "c");
    select! { send(tx, message) -> r => assert_eq!(r.unwrap_err().into_inner(), (3, "c")), default => panic!() }
    // The arms may move the channel.
    let (tx, _rx) = bounded::<()>(1);
    select! { send(tx, ()) -> _ => drop(tx), default => drop(tx) }
    let (tx, _rx) = bounded::<String>(0);
    select! { send(tx, String::new()) -> _ => drop(tx), default => drop(tx) }
}

fn places() {
    let (tx, rx) = full(1);
    let (shared, boxed) = (Arc::new(rx.clone()), Box::new(tx));
    let maybe: Option<Receiver<i32>> = None;
    select! {
        recv(&&shared) -> v => assert_eq!(v, Ok(1)),
        recv(maybe.as_ref().unwrap_or(&never())) -> _ => unreachable!(),
        send(if boxed.is_full() { &*boxed } else { &boxed }, 1) -> _ => {}
    }
}

macro_rules! by_macro {
    ($r:expr, $p:pat => $body:expr; $default:block) => {
        select! { recv($r) -> $p => $body, default => $default }
    };
}

fn inside_macros() {
    let (_tx, rx) = full(1);
    let operation = 40;
    assert_eq!(by_macro!(&rx, v => v.unwrap() + operation; { 0 }), 41);
    assert_eq!(by_macro!(rx, _ => 1; { 2 }), 2);
}

fn many() {
    let c: Vec<_> = (0..40).map(|_| bounded::<usize>(1)).collect();
    c[39].0.send(39).unwrap();
    macro_rules! all {
        ($($i:literal)*) => { select! { $(recv(c[$i].1) -> v => assert_eq!(v, Ok($i)),)* } };
    }
    all!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29
         30 31 32 33 34 35 36 37 38 39);
}

#[gort::main]
fn main() {
    separators();
    only_default();
    patterns();
    values();
    assert_eq!(control_flow(), Some(3));
    channels_are_free_in_arms();
    evaluated_once();
    send_alone();
    places();
    inside_macros();
    many();
    gort::select! { default => {} }
    gort::select_biased! { default => {} }
}
