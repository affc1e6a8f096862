//! What a goroutine does to itself: park, sleep, yield, goexit, its locals, its thread, its traceback.

#[path = "../api_support/mod.rs"]
mod api_support;
mod ends;
mod locals;
mod park;
mod thread;
mod traceback;

use std::collections::HashSet;
use std::time::Duration;

use api_support::{join_thread, limit, on_thread};

const SHORT: Duration = Duration::from_millis(3);

#[gort::test]
fn ids_are_unique() {
    let _limit = limit();
    let mut ids = HashSet::from([gort::current().id()]);
    let mut handles: Vec<_> = (0..1000).map(|_| gort::spawn(|| gort::current().id())).collect();
    handles.extend((0..100).map(|_| gort::spawn(|| gort::spawn(|| gort::current().id()).join().unwrap())));
    let shown: Vec<_> = handles.iter().map(|h| h.goroutine().id()).collect();
    for (i, h) in handles.into_iter().enumerate() {
        let id = h.join().unwrap();
        assert!(i >= 1000 || id == shown[i]);
        assert!(ids.insert(id), "{id} twice");
    }
    for _ in 0..20 {
        let id = join_thread(on_thread(|| {
            assert_eq!(gort::current().id(), gort::current().id());
            gort::current().id()
        }));
        assert!(ids.insert(id), "{id} twice");
    }
    assert_eq!(format!("{:?}", gort::current().id()), format!("GoroutineId({})", gort::current().id()));
}
