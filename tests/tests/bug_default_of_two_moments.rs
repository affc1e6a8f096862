//! A select with `default` looked at its arms one after the other, and could miss two channels of which one always
//! had a message: the second came while it looked at the first, which was emptied before it looked at that.

use gort::channel::bounded;

/// There is a message in `a` until one is in `b`.
#[gort::test]
fn default_of_two_moments() {
    let (a, a_out) = bounded::<()>(1);
    let (b, b_out) = bounded::<()>(1);
    let (begin, begun) = bounded::<()>(0);
    let (end, ended) = bounded::<()>(0);
    gort::scope(|s| {
        s.spawn(|| {
            for () in begun {
                b.send(()).unwrap();
                let _ = a_out.try_recv();
                end.send(()).unwrap();
            }
        });
        for _ in 0..20_000 {
            a.send(()).unwrap();
            begin.send(()).unwrap();
            let found = gort::select! {
                recv(a_out) -> _ => true,
                recv(b_out) -> _ => true,
                default => false,
            };
            ended.recv().unwrap();
            assert!(found, "one of the two had a message at any time");
            let _ = (a_out.try_recv(), b_out.try_recv());
        }
        drop(begin);
    });
}
