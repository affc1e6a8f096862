//! Hosts and guests in dumps, and their labels.

use std::hint::black_box;

use gort::spawn;

use crate::{here, join_inline, just_below};

#[gort::test]
fn labels_are_inherited_and_do_not_leak() {
    gort::runtime::with_labels(&[("host", "yes")], || {
        let text = join_inline(|| {
            spawn(|| {
                gort::runtime::with_labels(&[("guest", "yes")], || (here(), gort::runtime::stack(false)))
            })
        })
        .unwrap();
        assert!(text.lines().next().unwrap().ends_with("{guest: yes, host: yes}:"), "{text}");
        let text = gort::runtime::stack(false);
        assert!(text.lines().next().unwrap().ends_with("{host: yes}:"), "{text}");
    });
}

/// The paragraph of a dump that belongs to a goroutine.
fn paragraph(dump: &str, id: gort::GoroutineId) -> String {
    let head = format!("goroutine {id} [");
    dump.split("\n\n").find(|p| p.starts_with(&head)).unwrap_or_else(|| panic!("{id} in {dump}")).to_string()
}

#[inline(never)]
fn host_function(rx: &gort::channel::Receiver<()>, entered: &gort::channel::Sender<usize>) -> usize {
    let (rx, entered) = (rx.clone(), entered.clone());
    black_box(spawn(move || guest_function(&rx, &entered)).join().unwrap())
}

#[inline(never)]
fn guest_function(rx: &gort::channel::Receiver<()>, entered: &gort::channel::Sender<usize>) -> usize {
    entered.send(0).unwrap();
    rx.recv().unwrap();
    black_box(here())
}

#[gort::test]
fn a_dump_shows_each_with_its_own_frames() {
    loop {
        let (tx, rx) = gort::chan::<()>(0);
        let (entered, begun) = gort::chan(0);
        let host = spawn(move || (host_function(&rx, &entered), here()));
        let host_id = host.goroutine().id();
        begun.recv().unwrap();
        let parked = |dump: &String| dump.matches("[chan receive]").count() >= 1 && dump.contains("[join]");
        let dump = loop {
            let dump = gort::runtime::stack(true);
            if parked(&dump) {
                break dump;
            }
            gort::yield_now();
        };
        tx.send(()).unwrap();
        let (inner, outer) = host.join().unwrap();
        let text = paragraph(&dump, host_id);
        assert!(text.starts_with(&format!("goroutine {host_id} [join]:\n")), "{text}");
        assert!(text.contains("host_function(") && !text.contains("guest_function("), "{text}");
        let guest = dump.split("\n\n").find(|p| p.contains("guest_function(")).expect("the guest's frames");
        assert!(guest.contains(" [chan receive]:\n") && guest.contains(&format!("in goroutine {host_id}\n")));
        assert!(!guest.contains("host_function()\n"), "only as the creator: {guest}");
        if just_below(inner, outer) {
            break;
        }
    }
}

#[gort::test]
fn its_own_traceback_ends_where_its_host_begins() {
    #[inline(never)]
    fn outer_function() -> (gort::GoroutineId, String, String) {
        join_inline(|| spawn(inner_function)).unwrap()
    }
    #[inline(never)]
    fn inner_function() -> (usize, (gort::GoroutineId, String, String)) {
        (here(), (gort::current().id(), gort::runtime::stack(false), gort::runtime::stack(true)))
    }
    let host = gort::current().id();
    let (guest, own, all) = outer_function();
    assert!(own.contains("inner_function("), "{own}");
    assert!(!own.contains("outer_function()\n"), "{own}");
    assert!(own.contains(&format!(" in goroutine {host}\n")));
    assert!(paragraph(&all, guest).contains(" [running]:\n"));
    let text = paragraph(&all, host);
    assert!(text.starts_with(&format!("goroutine {host} [join]:\n")), "{text}");
    assert!(text.contains("outer_function(") && !text.contains("inner_function("), "{text}");
}
