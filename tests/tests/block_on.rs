//! `gort::block_on`: futures that are woken by other threads and by another executor.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::channel::{mpsc, oneshot};
use futures::{FutureExt, SinkExt, StreamExt};
use gort::block_on;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[gort::test]
fn a_channel_of_futures_from_a_plain_thread() {
    for i in 0..200 {
        let (tx, rx) = oneshot::channel();
        let thread = std::thread::spawn(move || tx.send(i).unwrap());
        assert_eq!(block_on(rx), Ok(i));
        thread.join().unwrap();
    }
    let (tx, rx) = oneshot::channel::<()>();
    std::thread::spawn(move || drop(tx));
    assert!(block_on(rx).is_err());
}

#[gort::test]
fn a_stream_between_goroutines_and_threads() {
    let (tx, mut rx) = mpsc::channel(2);
    let threads: Vec<_> = (0..4)
        .map(|t| {
            let mut tx = tx.clone();
            std::thread::spawn(move || (0..500).for_each(|i| block_on(tx.send(t * 500 + i)).unwrap()))
        })
        .collect();
    let goroutines: Vec<_> = (4..8)
        .map(|t| {
            let mut tx = tx.clone();
            gort::spawn(move || (0..500).for_each(|i| block_on(tx.send(t * 500 + i)).unwrap()))
        })
        .collect();
    drop(tx);
    let mut all: Vec<i32> = Vec::new();
    while let Some(i) = block_on(rx.next()) {
        all.push(i);
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    goroutines.into_iter().for_each(|goroutine| goroutine.join().unwrap());
    all.sort_unstable();
    assert_eq!(all, (0..4000).collect::<Vec<_>>());
}

/// A runtime of tokio's on threads of its own.
fn tokio_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[gort::test]
fn tasks_of_a_tokio_runtime() {
    let runtime = tokio_runtime();
    let handle = runtime.handle().clone();
    let goroutines: Vec<_> = (0..50)
        .map(|i| {
            let handle = handle.clone();
            gort::spawn(move || {
                let task = handle.spawn(async move {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    tokio::task::yield_now().await;
                    i
                });
                block_on(task).unwrap()
            })
        })
        .collect();
    for (i, goroutine) in goroutines.into_iter().enumerate() {
        assert_eq!(goroutine.join().unwrap(), i);
    }
    runtime.shutdown_background();
}

#[gort::test]
fn channels_and_sockets_of_a_tokio_runtime() {
    let runtime = tokio_runtime();
    let (to_server, mut requests) = tokio::sync::mpsc::channel::<u32>(4);
    let (answers, mut from_server) = tokio::sync::mpsc::channel::<u32>(4);
    runtime.spawn(async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            while let Ok(n) = stream.read_u32().await {
                stream.write_u32(n * 2).await.unwrap();
            }
        });
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        while let Some(n) = requests.recv().await {
            stream.write_u32(n).await.unwrap();
            answers.send(stream.read_u32().await.unwrap()).await.unwrap();
        }
    });
    for n in 0..500 {
        block_on(to_server.send(n)).unwrap();
        assert_eq!(block_on(from_server.recv()), Some(n * 2));
    }
    drop(to_server);
    assert_eq!(block_on(from_server.recv()), None);
    runtime.shutdown_background();
}

#[gort::test]
fn futures_inside_of_futures() {
    let (tx, rx) = oneshot::channel();
    let (tx2, rx2) = oneshot::channel();
    gort::go!(move || tx.send(1).unwrap());
    gort::go!(move || tx2.send(2).unwrap());
    let sum = block_on(async {
        let (a, b) = futures::join!(rx, rx2);
        // A goroutine may block within a poll, too.
        a.unwrap() + b.unwrap() + block_on(async { gort::spawn(|| 4).join().unwrap() })
    });
    assert_eq!(sum, 7);
}

/// Ready at the third poll, and wakes its task before it says that it is not.
#[gort::test]
fn a_wake_during_the_poll_is_not_lost() {
    let mut polls = 0;
    block_on(poll_fn(|context| {
        polls += 1;
        context.waker().wake_by_ref();
        if polls < 3 { Poll::Pending } else { Poll::Ready(()) }
    }));
    assert_eq!(polls, 3);
}

#[gort::test]
fn wakes_that_nobody_needs() {
    let polls = AtomicUsize::new(0);
    let kept = Arc::new(Mutex::new(None::<Waker>));
    block_on(poll_fn(|context| {
        *kept.lock().unwrap() = Some(context.waker().clone());
        match polls.fetch_add(1, SeqCst) {
            0 => {
                let waker = context.waker().clone();
                std::thread::spawn(move || (0..1000).for_each(|_| waker.wake_by_ref()));
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }));
    let polled = polls.load(SeqCst);
    // The waker outlives its future, and the goroutine that waited may wait for something else.
    let late = kept.lock().unwrap().take().unwrap();
    let (tx, rx) = gort::channel::bounded(0);
    gort::go!(move || {
        late.wake();
        tx.send(()).unwrap();
    });
    rx.recv().unwrap();
    assert_eq!(polls.load(SeqCst), polled);
}

/// A future is dropped in the goroutine that has waited for it, also when it panics.
#[gort::test]
fn a_future_that_panics() {
    struct Dropped(Arc<AtomicUsize>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let guard = Dropped(drops.clone());
    let goroutine = gort::spawn(move || {
        block_on(async move {
            let _guard = guard;
            Yield(false).await;
            panic!("on purpose");
        })
    });
    assert!(goroutine.join().is_err());
    assert_eq!(drops.load(SeqCst), 1);
    assert_eq!(block_on(async { 1 }.map(|n| n + 1)), 2);
}

struct Yield(bool);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
