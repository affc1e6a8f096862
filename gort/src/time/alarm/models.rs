//! Models of alarms, as they are, over the clock of [`crate::sched`]'s model.

use std::sync::Arc;
use std::time::Duration;

use loom::thread;

use super::{Action, Alarm};
use crate::primitive::{AtomicU32, Ordering};
use crate::sched::{check, goroutines_end, time_comes, time_is};
use crate::sys::clock::{LATER, SOON};

/// Of a timer.
const ONCE: Duration = Duration::ZERO;
/// Of a ticker: after [`SOON`] it is due at [`LATER`].
const PERIOD: Duration = Duration::from_nanos(LATER - SOON);

/// One that sends the time soon, and then at each `period`.
fn sends(period: Duration) -> Arc<Alarm> {
    let alarm = Alarm::new(true);
    assert!(!alarm.set(SOON, period, Action::Send));
    alarm
}

/// One that counts its calls, the first of which is soon.
fn counts(calls: &Arc<AtomicU32>) -> Arc<Alarm> {
    let alarm = Alarm::new(false);
    assert!(!alarm.set(SOON, ONCE, count(calls)));
    alarm
}

fn count(calls: &Arc<AtomicU32>) -> Action {
    let calls = calls.clone();
    Action::Call(Arc::new(move || {
        calls.fetch_add(1, Ordering::Relaxed);
    }))
}

fn receives(alarm: &Alarm) -> bool {
    alarm.channel().try_recv().is_ok()
}

/// Counts what another thread receives until the channel is closed.
fn receiver(alarm: &Alarm) -> thread::JoinHandle<usize> {
    let rx = alarm.channel().clone();
    thread::spawn(move || rx.iter().count())
}

/// A stop against the times of a timer or ticker: nothing is received once it has returned, and as nobody else
/// receives it is always in time.
#[test]
fn nothing_is_received_after_a_stop() {
    for period in [ONCE, PERIOD] {
        check(3, move || {
            let alarm = sends(period);
            let time = thread::spawn(|| {
                time_comes();
                time_is(LATER);
            });
            assert!(alarm.stop());
            assert!(!receives(&alarm), "what was sent before");
            time.join().unwrap();
            assert!(!receives(&alarm), "what was due before, or after");
            assert!(!alarm.stop(), "it stays stopped");
        });
    }
}

/// The same of a reset, but for the time that it sets: that is received when it comes, and once.
#[test]
fn only_the_new_time_is_received_after_a_reset() {
    for period in [ONCE, PERIOD] {
        check(3, move || {
            let alarm = sends(period);
            let time = thread::spawn(time_comes);
            assert!(alarm.set(LATER, period, Action::Send));
            assert!(!receives(&alarm), "what was sent before");
            time.join().unwrap();
            assert!(!receives(&alarm), "what was due before");
            time_is(LATER);
            assert!(receives(&alarm));
            assert!(!receives(&alarm));
        });
    }
}

/// A stop against the time and one who waits for it: the time is received or was taken back.
#[test]
fn a_time_is_received_or_stopped() {
    check(3, || {
        let alarm = sends(ONCE);
        let receiver = receiver(&alarm);
        let time = thread::spawn(time_comes);
        let stopped = alarm.stop();
        time.join().unwrap();
        alarm.channel().close();
        assert_eq!(receiver.join().unwrap(), usize::from(!stopped));
    });
}

/// The same of a reset to a time that has come, perhaps: that is received besides.
#[test]
fn a_time_is_received_or_set_anew() {
    check(3, || {
        let alarm = sends(ONCE);
        let receiver = receiver(&alarm);
        let time = thread::spawn(time_comes);
        let taken_back = alarm.set(SOON, ONCE, Action::Send);
        time.join().unwrap();
        // If it was set after its time.
        time_comes();
        alarm.channel().close();
        assert_eq!(receiver.join().unwrap(), 1 + usize::from(!taken_back));
    });
}

/// Of two stops one takes the time back, sent or not.
#[test]
fn one_of_two_stops_is_in_time() {
    check(3, || {
        let alarm = sends(ONCE);
        let time = thread::spawn(time_comes);
        let theirs = alarm.clone();
        let other = thread::spawn(move || theirs.stop());
        let stopped = alarm.stop();
        assert!(other.join().unwrap() != stopped);
        time.join().unwrap();
        assert!(!receives(&alarm));
    });
}

/// A stop against the time of a function: it runs, once, or was stopped. Then the alarm keeps nothing of it.
#[test]
fn a_function_runs_or_was_stopped() {
    check(3, || {
        let calls = Arc::new(AtomicU32::new(0));
        let alarm = counts(&calls);
        let time = thread::spawn(time_comes);
        let stopped = alarm.stop();
        time.join().unwrap();
        goroutines_end();
        assert_eq!(calls.load(Ordering::Relaxed), u32::from(!stopped));
        assert_eq!(Arc::strong_count(&calls), 1);
    });
}

/// The same of a reset to another function: the new one runs, and the old one if it was too late for that.
#[test]
fn a_function_runs_or_was_replaced() {
    check(3, || {
        let [old, new] = [(); 2].map(|()| Arc::new(AtomicU32::new(0)));
        let alarm = counts(&old);
        let time = thread::spawn(time_comes);
        let replaced = alarm.set(LATER, ONCE, count(&new));
        time.join().unwrap();
        goroutines_end();
        assert_eq!(old.load(Ordering::Relaxed), u32::from(!replaced));
        assert_eq!(new.load(Ordering::Relaxed), 0, "its time has not come");
        assert_eq!(Arc::strong_count(&old), 1);
        time_is(LATER);
        goroutines_end();
        assert_eq!(new.load(Ordering::Relaxed), 1);
    });
}

/// A function that sets its own alarm, against a stop: that comes before the first call, between the two times, or
/// too early for the second.
#[test]
fn a_function_sets_its_own_alarm() {
    check(3, || {
        let calls = Arc::new(AtomicU32::new(0));
        let alarm = Alarm::new(false);
        let (weak, again) = (Arc::downgrade(&alarm), count(&calls));
        let Action::Call(once) = again.clone() else { unreachable!() };
        let first = Action::Call(Arc::new(move || {
            once();
            assert!(!weak.upgrade().unwrap().set(LATER, ONCE, again.clone()), "its time has come");
        }));
        alarm.set(SOON, ONCE, first);
        let time = thread::spawn(time_comes);
        let stopped = alarm.stop();
        time.join().unwrap();
        goroutines_end();
        let before = calls.load(Ordering::Relaxed);
        assert!(before == 1 || stopped && before == 0);
        time_is(LATER);
        goroutines_end();
        assert_eq!(calls.load(Ordering::Relaxed), if stopped { before } else { 2 });
        assert_eq!(Arc::strong_count(&calls), 1, "none is kept after its call");
    });
}
