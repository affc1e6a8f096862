//! The same source compiles against crossbeam-channel and against gort, and says the same.

// Lifetimes are used by the types inside.
#![allow(clippy::extra_unused_lifetimes)]

use std::panic::{RefUnwindSafe, UnwindSafe};

fn send_sync<T: Send + Sync>() {}
fn unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}
fn debug<T: std::fmt::Debug>() {}
fn error<T: std::error::Error + Send + 'static>() {}
fn value<T: Copy + PartialEq + Eq + std::fmt::Debug>() {}
fn clone<T: Clone>() {}
fn fused<T: std::iter::FusedIterator>() {}

macro_rules! source {
    ($module:ident, $($channel:tt)+) => {
        mod $module {
            use std::error::Error;
            use std::time::{Duration, Instant};

            use $($channel)+::{
                IntoIter, Iter, ReadyTimeoutError, Receiver, RecvError, RecvTimeoutError, Select, SelectTimeoutError,
                SelectedOperation, SendError, SendTimeoutError, Sender, TryIter, TryReadyError, TryRecvError,
                TrySelectError, TrySendError, after, at, bounded, never, select, select_biased, tick, unbounded,
            };

            use super::*;

            /// Has no traits of its own.
            struct Bare;

            pub(super) fn signatures<'a, T: Send + 'static>() {
                let _: fn(usize) -> (Sender<T>, Receiver<T>) = bounded;
                let _: fn() -> (Sender<T>, Receiver<T>) = unbounded;
                let _: fn(Duration) -> Receiver<Instant> = after;
                let _: fn(Instant) -> Receiver<Instant> = at;
                let _: fn(Duration) -> Receiver<Instant> = tick;
                const { std::mem::forget(never::<u8>()) };
                let _: fn() -> Receiver<T> = never;

                let _: fn(&Sender<T>, T) -> Result<(), TrySendError<T>> = Sender::try_send;
                let _: fn(&Sender<T>, T) -> Result<(), SendError<T>> = Sender::send;
                let _: fn(&Sender<T>, T, Duration) -> Result<(), SendTimeoutError<T>> = Sender::send_timeout;
                let _: fn(&Sender<T>, T, Instant) -> Result<(), SendTimeoutError<T>> = Sender::send_deadline;
                let _: [fn(&Sender<T>) -> bool; 2] = [Sender::is_empty, Sender::is_full];
                let _: fn(&Sender<T>) -> usize = Sender::len;
                let _: fn(&Sender<T>) -> Option<usize> = Sender::capacity;
                let _: fn(&Sender<T>, &Sender<T>) -> bool = Sender::same_channel;

                let _: fn(&Receiver<T>) -> Result<T, TryRecvError> = Receiver::try_recv;
                let _: fn(&Receiver<T>) -> Result<T, RecvError> = Receiver::recv;
                let _: fn(&Receiver<T>, Duration) -> Result<T, RecvTimeoutError> = Receiver::recv_timeout;
                let _: fn(&Receiver<T>, Instant) -> Result<T, RecvTimeoutError> = Receiver::recv_deadline;
                let _: [fn(&Receiver<T>) -> bool; 2] = [Receiver::is_empty, Receiver::is_full];
                let _: fn(&Receiver<T>) -> usize = Receiver::len;
                let _: fn(&Receiver<T>) -> Option<usize> = Receiver::capacity;
                let _: fn(&'a Receiver<T>) -> Iter<'a, T> = Receiver::iter;
                let _: fn(&'a Receiver<T>) -> TryIter<'a, T> = Receiver::try_iter;
                let _: fn(&Receiver<T>, &Receiver<T>) -> bool = Receiver::same_channel;
                let _: fn(Receiver<T>) -> IntoIter<T> = Receiver::into_iter;
                let _: fn(&'a Receiver<T>) -> Iter<'a, T> = <&Receiver<T>>::into_iter;

                let _: [fn() -> Select<'a>; 2] = [Select::new, Select::new_biased];
                let _: fn(&mut Select<'a>, &'a Sender<T>) -> usize = Select::send;
                let _: fn(&mut Select<'a>, &'a Receiver<T>) -> usize = Select::recv;
                let _: fn(&mut Select<'a>, usize) = Select::remove;
                let _: fn(&mut Select<'a>) -> Result<SelectedOperation<'a>, TrySelectError> = Select::try_select;
                let _: fn(&mut Select<'a>) -> SelectedOperation<'a> = Select::select;
                let _: fn(&mut Select<'a>, Duration) -> Result<SelectedOperation<'a>, SelectTimeoutError> =
                    Select::select_timeout;
                let _: fn(&mut Select<'a>, Instant) -> Result<SelectedOperation<'a>, SelectTimeoutError> =
                    Select::select_deadline;
                let _: fn(&mut Select<'a>) -> Result<usize, TryReadyError> = Select::try_ready;
                let _: fn(&mut Select<'a>) -> usize = Select::ready;
                let _: fn(&mut Select<'a>, Duration) -> Result<usize, ReadyTimeoutError> = Select::ready_timeout;
                let _: fn(&mut Select<'a>, Instant) -> Result<usize, ReadyTimeoutError> = Select::ready_deadline;
                let _: fn(&SelectedOperation<'a>) -> usize = SelectedOperation::index;
                let _: fn(SelectedOperation<'a>, &Sender<T>, T) -> Result<(), SendError<T>> = SelectedOperation::send;
                let _: fn(SelectedOperation<'a>, &Receiver<T>) -> Result<T, RecvError> = SelectedOperation::recv;

                let _: fn(SendError<T>) -> T = SendError::into_inner;
                let _: fn(T) -> SendError<T> = SendError;
                let _: fn(TrySendError<T>) -> T = TrySendError::into_inner;
                let _: [fn(&TrySendError<T>) -> bool; 2] = [TrySendError::is_full, TrySendError::is_disconnected];
                let _: [fn(T) -> TrySendError<T>; 2] = [TrySendError::Full, TrySendError::Disconnected];
                let _: fn(SendTimeoutError<T>) -> T = SendTimeoutError::into_inner;
                let _: [fn(&SendTimeoutError<T>) -> bool; 2] =
                    [SendTimeoutError::is_timeout, SendTimeoutError::is_disconnected];
                let _: [fn(T) -> SendTimeoutError<T>; 2] = [SendTimeoutError::Timeout, SendTimeoutError::Disconnected];
                let _: [fn(&TryRecvError) -> bool; 2] = [TryRecvError::is_empty, TryRecvError::is_disconnected];
                let _: [fn(&RecvTimeoutError) -> bool; 2] =
                    [RecvTimeoutError::is_timeout, RecvTimeoutError::is_disconnected];
                let _: fn(SendError<T>) -> TrySendError<T> = From::from;
                let _: fn(SendError<T>) -> SendTimeoutError<T> = From::from;
                let _: fn(RecvError) -> TryRecvError = From::from;
                let _: fn(RecvError) -> RecvTimeoutError = From::from;
                let _: fn() -> Select<'a> = Default::default;
            }

            pub(super) fn traits() {
                send_sync::<Sender<std::cell::Cell<u8>>>();
                send_sync::<Receiver<std::cell::Cell<u8>>>();
                send_sync::<Select<'_>>();
                unwind_safe::<Sender<std::cell::Cell<u8>>>();
                unwind_safe::<Receiver<&mut u8>>();
                debug::<Sender<Bare>>();
                debug::<Receiver<Bare>>();
                debug::<Select<'_>>();
                debug::<SelectedOperation<'_>>();
                debug::<Iter<'_, Bare>>();
                debug::<TryIter<'_, Bare>>();
                debug::<IntoIter<Bare>>();
                debug::<SendError<Bare>>();
                debug::<TrySendError<Bare>>();
                debug::<SendTimeoutError<Bare>>();
                clone::<Sender<Bare>>();
                clone::<Receiver<Bare>>();
                clone::<Select<'_>>();
                fused::<Iter<'_, Bare>>();
                fused::<IntoIter<Bare>>();
                error::<SendError<Bare>>();
                error::<TrySendError<Bare>>();
                error::<SendTimeoutError<Bare>>();
                error::<RecvError>();
                error::<TryRecvError>();
                error::<RecvTimeoutError>();
                error::<TrySelectError>();
                error::<SelectTimeoutError>();
                value::<SendError<u8>>();
                value::<TrySendError<u8>>();
                value::<SendTimeoutError<u8>>();
                value::<RecvError>();
                value::<TryRecvError>();
                value::<RecvTimeoutError>();
                value::<TrySelectError>();
                value::<SelectTimeoutError>();
                value::<TryReadyError>();
                value::<ReadyTimeoutError>();
            }

            fn both<E: Error>(e: E) -> String {
                format!("{e:?} {e} {:?}", e.source().is_some())
            }

            pub(super) fn says() -> Vec<String> {
                let (s, r) = bounded::<u8>(2);
                s.send(1).unwrap();
                let mut said = vec![
                    format!("{s:?} {r:?} {:?} {:?} {:?}", r.iter(), r.try_iter(), r.clone().into_iter()),
                    format!("{:?} {:?}", Select::new(), never::<u8>()),
                    format!("{:?} {:?} {} {} {}", s.capacity(), r.len(), r.is_empty(), r.is_full(), s.is_empty()),
                    both(SendError(1)),
                    both(TrySendError::Full(1)),
                    both(TrySendError::Disconnected(1)),
                    both(SendTimeoutError::Timeout(1)),
                    both(SendTimeoutError::Disconnected(1)),
                    both(RecvError),
                    both(TryRecvError::Empty),
                    both(TryRecvError::Disconnected),
                    both(RecvTimeoutError::Timeout),
                    both(RecvTimeoutError::Disconnected),
                    both(TrySelectError),
                    both(SelectTimeoutError),
                    format!("{TryReadyError:?} {ReadyTimeoutError:?}"),
                ];
                let (other, from_other) = unbounded::<u8>();
                let mut select = Select::new_biased();
                select.recv(&from_other);
                let index = select.recv(&r);
                let operation = select.select();
                said.push(format!("{operation:?} {}", operation.index() == index));
                said.push(format!("{:?}", operation.recv(&r)));
                select.remove(index);
                said.push(format!("{:?} {:?}", select.try_ready(), select.try_select().map(|_| ())));
                drop(select);
                said.push(format!("{:?}", select_biased! { recv(from_other) -> v => v.ok(), default => None }));
                drop(other);
                said.push(format!("{:?}", select! { recv(from_other) -> v => v.is_err(), recv(r) -> _ => false }));
                let panics: [fn(); 4] = [
                    || drop(Select::new().select()),
                    || Select::new().remove(0),
                    || {
                        Select::new().ready();
                    },
                    || {
                        let (s, _r) = bounded::<u8>(1);
                        let mut select = Select::new();
                        select.send(&s);
                        drop(select.select());
                    },
                ];
                for p in panics {
                    let payload = std::panic::catch_unwind(p).unwrap_err();
                    let text = payload.downcast_ref::<String>().cloned();
                    said.push(text.or(payload.downcast_ref::<&str>().map(|s| s.to_string())).unwrap());
                }
                said
            }
        }
    };
}

source!(theirs, ::crossbeam_channel);
source!(ours, ::gort::channel);

#[gort::test]
fn the_same_source_says_the_same() {
    theirs::signatures::<String>();
    theirs::traits();
    ours::signatures::<String>();
    ours::traits();
    let (ours, theirs) = (ours::says(), theirs::says());
    assert_eq!(ours.len(), theirs.len());
    let differ: Vec<_> = ours.iter().zip(&theirs).filter(|(o, t)| o != t).collect();
    assert!(differ.is_empty(), "ours and theirs: {differ:#?}");
}
