//! The same source compiles against std and against gort, and says the same.

// Lifetimes are used by the types inside.
#![allow(clippy::extra_unused_lifetimes)]
// gort has since long what std has since lately.
#![allow(clippy::incompatible_msrv)]

use std::panic::{RefUnwindSafe, UnwindSafe};

fn send<T: Send>() {}
fn sync<T: Sync>() {}
fn unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}
fn unpin<T: Unpin>() {}
fn debug<T: std::fmt::Debug + ?Sized>() {}
fn display<T: std::fmt::Display>() {}
fn default<T: Default>() {}
fn clone<T: Clone>() {}
fn value<T: Copy + PartialEq + Eq + std::fmt::Debug>() {}
fn error<T: std::error::Error>() {}

/// Its method is there for a type that is not `Send` (or `Sync`) as well; what is decides which one is taken.
macro_rules! is_not {
    ($trait:ident, $t:ty) => {{
        trait Ambiguous<A> {
            fn here() {}
        }
        struct Is;
        impl<T: ?Sized> Ambiguous<()> for T {}
        impl<T: ?Sized + $trait> Ambiguous<Is> for T {}
        // Two answers, and an error, if it is.
        <$t as Ambiguous<_>>::here()
    }};
}

macro_rules! source {
    ($module:ident, $($sync:tt)+) => {
        mod $module {
            use std::cell::Cell;
            use std::fmt::Debug;
            use std::panic::{AssertUnwindSafe, catch_unwind};
            use std::time::Duration;

            use $($sync)+::mpsc::{
                self, RecvError, RecvTimeoutError, SendError, SyncSender, TryRecvError, TrySendError, channel,
                sync_channel,
            };
            use $($sync)+::{
                Arc, Barrier, BarrierWaitResult, Condvar, LazyLock, LockResult, Mutex, MutexGuard, Once, OnceLock,
                OnceState, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError, TryLockResult,
                WaitTimeoutResult, Weak, atomic,
            };

            use super::*;

            static MUTEX: Mutex<u8> = Mutex::new(1);
            static RWLOCK: RwLock<u8> = RwLock::new(1);
            static CONDVAR: Condvar = Condvar::new();
            static ONCE: Once = Once::new();
            static ONCE_LOCK: OnceLock<u8> = OnceLock::new();
            static LAZY: LazyLock<u8> = LazyLock::new(|| 7);
            static BARRIER: Barrier = Barrier::new(1);

            pub(super) fn signatures<'a, T: Clone + Send + Sync + 'static>() {
                let _: fn(T) -> Mutex<T> = Mutex::new;
                let _: fn(&'a Mutex<T>) -> LockResult<MutexGuard<'a, T>> = Mutex::lock;
                let _: fn(&'a Mutex<T>) -> TryLockResult<MutexGuard<'a, T>> = Mutex::try_lock;
                let _: fn(&Mutex<T>) -> bool = Mutex::is_poisoned;
                let _: fn(&Mutex<T>) = Mutex::clear_poison;
                let _: fn(Mutex<T>) -> LockResult<T> = Mutex::into_inner;
                let _: fn(&'a mut Mutex<T>) -> LockResult<&'a mut T> = Mutex::get_mut;
                let _: fn(T) -> Mutex<T> = From::from;

                let _: fn(T) -> RwLock<T> = RwLock::new;
                let _: fn(&'a RwLock<T>) -> LockResult<RwLockReadGuard<'a, T>> = RwLock::read;
                let _: fn(&'a RwLock<T>) -> TryLockResult<RwLockReadGuard<'a, T>> = RwLock::try_read;
                let _: fn(&'a RwLock<T>) -> LockResult<RwLockWriteGuard<'a, T>> = RwLock::write;
                let _: fn(&'a RwLock<T>) -> TryLockResult<RwLockWriteGuard<'a, T>> = RwLock::try_write;
                let _: fn(&RwLock<T>) -> bool = RwLock::is_poisoned;
                let _: fn(&RwLock<T>) = RwLock::clear_poison;
                let _: fn(RwLock<T>) -> LockResult<T> = RwLock::into_inner;
                let _: fn(&'a mut RwLock<T>) -> LockResult<&'a mut T> = RwLock::get_mut;
                let _: fn(T) -> RwLock<T> = From::from;
                let _: fn(RwLockWriteGuard<'a, T>) -> RwLockReadGuard<'a, T> = RwLockWriteGuard::downgrade;

                type Timed<'a, T> = LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)>;
                let _: fn(&Condvar, MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> = Condvar::wait;
                let _: fn(&Condvar, MutexGuard<'a, T>, fn(&mut T) -> bool) -> LockResult<MutexGuard<'a, T>> =
                    Condvar::wait_while;
                let _: fn(&Condvar, MutexGuard<'a, T>, Duration) -> Timed<'a, T> = Condvar::wait_timeout;
                #[allow(deprecated)]
                let _: fn(&Condvar, MutexGuard<'a, T>, u32) -> LockResult<(MutexGuard<'a, T>, bool)> =
                    Condvar::wait_timeout_ms;
                let _: fn(&Condvar, MutexGuard<'a, T>, Duration, fn(&mut T) -> bool) -> Timed<'a, T> =
                    Condvar::wait_timeout_while;
                let _: [fn(&Condvar); 2] = [Condvar::notify_one, Condvar::notify_all];
                let _: fn(&WaitTimeoutResult) -> bool = WaitTimeoutResult::timed_out;

                let _: fn(&Once, fn()) = Once::call_once;
                let _: fn(&Once, fn(&OnceState)) = Once::call_once_force;
                let _: fn(&Once) -> bool = Once::is_completed;
                let _: [fn(&Once); 2] = [Once::wait, Once::wait_force];
                let _: fn(&OnceState) -> bool = OnceState::is_poisoned;
                #[allow(deprecated)]
                let _: Once = $($sync)+::ONCE_INIT;

                let _: fn() -> OnceLock<T> = OnceLock::new;
                let _: fn(&'a OnceLock<T>) -> Option<&'a T> = OnceLock::get;
                let _: fn(&'a mut OnceLock<T>) -> Option<&'a mut T> = OnceLock::get_mut;
                let _: fn(&OnceLock<T>, T) -> Result<(), T> = OnceLock::set;
                let _: fn(&'a OnceLock<T>, fn() -> T) -> &'a T = OnceLock::get_or_init;
                let _: fn(&'a OnceLock<T>) -> &'a T = OnceLock::wait;
                let _: fn(OnceLock<T>) -> Option<T> = OnceLock::into_inner;
                let _: fn(&mut OnceLock<T>) -> Option<T> = OnceLock::take;
                let _: fn(T) -> OnceLock<T> = From::from;

                let _: fn(fn() -> T) -> LazyLock<T> = LazyLock::new;
                let _: fn(&'a LazyLock<T>) -> &'a T = LazyLock::force;
                let _: fn(&'a mut LazyLock<T>) -> &'a mut T = LazyLock::force_mut;
                let _: fn(&'a LazyLock<T>) -> Option<&'a T> = LazyLock::get;
                let _: fn(&'a mut LazyLock<T>) -> Option<&'a mut T> = LazyLock::get_mut;
                let _: fn(&'a LazyLock<T>) -> &'a T = std::ops::Deref::deref;
                let _: fn(&'a mut LazyLock<T>) -> &'a mut T = std::ops::DerefMut::deref_mut;

                let _: fn(usize) -> Barrier = Barrier::new;
                let _: fn(&Barrier) -> BarrierWaitResult = Barrier::wait;
                let _: fn(&BarrierWaitResult) -> bool = BarrierWaitResult::is_leader;

                let _: fn() -> (mpsc::Sender<T>, mpsc::Receiver<T>) = channel;
                let _: fn(usize) -> (SyncSender<T>, mpsc::Receiver<T>) = sync_channel;
                let _: fn(&mpsc::Sender<T>, T) -> Result<(), SendError<T>> = mpsc::Sender::send;
                let _: fn(&SyncSender<T>, T) -> Result<(), SendError<T>> = SyncSender::send;
                let _: fn(&SyncSender<T>, T) -> Result<(), TrySendError<T>> = SyncSender::try_send;
                let _: fn(&mpsc::Receiver<T>) -> Result<T, RecvError> = mpsc::Receiver::recv;
                let _: fn(&mpsc::Receiver<T>) -> Result<T, TryRecvError> = mpsc::Receiver::try_recv;
                let _: fn(&mpsc::Receiver<T>, Duration) -> Result<T, RecvTimeoutError> = mpsc::Receiver::recv_timeout;
                let _: fn(&'a mpsc::Receiver<T>) -> mpsc::Iter<'a, T> = mpsc::Receiver::iter;
                let _: fn(&'a mpsc::Receiver<T>) -> mpsc::TryIter<'a, T> = mpsc::Receiver::try_iter;
                let _: fn(mpsc::Receiver<T>) -> mpsc::IntoIter<T> = mpsc::Receiver::into_iter;
                let _: fn(&'a mpsc::Receiver<T>) -> mpsc::Iter<'a, T> = <&mpsc::Receiver<T>>::into_iter;

                // What was made before the value and goes before it: none of these looks at it when dropped.
                let (mutex, rwlock, once_lock) = (Mutex::new(None), RwLock::new(None), OnceLock::new());
                let text = String::new();
                *mutex.lock().unwrap() = Some(&text);
                *rwlock.write().unwrap() = Some(&text);
                once_lock.set(&text).unwrap();

                let _: Option<(Arc<T>, Weak<T>, atomic::AtomicBool, TryLockError<T>)> = None;
                let unsized_lock: &Mutex<dyn Debug> = &Mutex::new(1);
                let _ = unsized_lock.lock().map(|_| ());
                let slices: Arc<RwLock<[u8]>> = Arc::new(RwLock::new([1, 2]));
                drop(slices);
            }

            /// What may only be read may be taken for something that lives shorter.
            #[allow(dead_code)]
            fn shorter<'a, 'b>(guard: RwLockReadGuard<'a, &'static str>) -> RwLockReadGuard<'a, &'b str> {
                guard
            }

            pub(super) fn traits() {
                send::<Mutex<Cell<u8>>>();
                sync::<Mutex<Cell<u8>>>();
                send::<RwLock<Cell<u8>>>();
                sync::<RwLock<u8>>();
                sync::<MutexGuard<'_, u8>>();
                sync::<RwLockReadGuard<'_, u8>>();
                sync::<RwLockWriteGuard<'_, u8>>();
                send::<Condvar>();
                sync::<Condvar>();
                send::<Once>();
                sync::<Once>();
                send::<OnceLock<Cell<u8>>>();
                sync::<OnceLock<u8>>();
                sync::<LazyLock<u8, Cell<fn() -> u8>>>();
                send::<Barrier>();
                sync::<Barrier>();
                send::<mpsc::Sender<Cell<u8>>>();
                sync::<mpsc::Sender<Cell<u8>>>();
                sync::<SyncSender<Cell<u8>>>();
                send::<mpsc::Receiver<Cell<u8>>>();
                is_not!(Send, MutexGuard<'static, u8>);
                is_not!(Send, RwLockReadGuard<'static, u8>);
                is_not!(Send, RwLockWriteGuard<'static, u8>);
                is_not!(Sync, MutexGuard<'static, Cell<u8>>);
                is_not!(Sync, RwLock<Cell<u8>>);
                is_not!(Sync, OnceLock<Cell<u8>>);
                is_not!(Sync, mpsc::Receiver<u8>);
                is_not!(Send, mpsc::Sender<std::rc::Rc<u8>>);
                unwind_safe::<Mutex<Cell<u8>>>();
                unwind_safe::<RwLock<Cell<u8>>>();
                unwind_safe::<Condvar>();
                unwind_safe::<Once>();
                unwind_safe::<OnceLock<u8>>();
                unwind_safe::<LazyLock<u8>>();
                unwind_safe::<Barrier>();
                unwind_safe::<mpsc::Sender<Cell<u8>>>();
                unwind_safe::<SyncSender<Cell<u8>>>();
                unwind_safe::<mpsc::Receiver<Cell<u8>>>();
                unwind_safe::<LazyLock<u8, AssertUnwindSafe<fn() -> u8>>>();
                unwind_safe::<MutexGuard<'_, Cell<u8>>>();
                unwind_safe::<RwLockReadGuard<'_, u8>>();
                unwind_safe::<RwLockWriteGuard<'_, Cell<u8>>>();
                unwind_safe::<BarrierWaitResult>();
                unwind_safe::<mpsc::Iter<'_, Cell<u8>>>();
                unwind_safe::<mpsc::IntoIter<Cell<u8>>>();
                unpin::<Mutex<u8>>();
                unpin::<RwLock<u8>>();
                unpin::<Condvar>();
                unpin::<OnceLock<u8>>();
                unpin::<Barrier>();
                is_not!(UnwindSafe, RwLockReadGuard<'static, Cell<u8>>);
                is_not!(UnwindSafe, OnceLock<&'static mut u8>);
                is_not!(RefUnwindSafe, OnceLock<Cell<u8>>);
                is_not!(Sync, LazyLock<Cell<u8>>);
                is_not!(Send, OnceLock<std::rc::Rc<u8>>);
                debug::<Mutex<dyn Debug>>();
                debug::<RwLock<dyn Debug>>();
                debug::<MutexGuard<'_, dyn Debug>>();
                debug::<RwLockReadGuard<'_, dyn Debug>>();
                debug::<RwLockWriteGuard<'_, dyn Debug>>();
                debug::<BarrierWaitResult>();
                debug::<mpsc::Sender<Cell<u8>>>();
                debug::<SyncSender<Cell<u8>>>();
                debug::<mpsc::Receiver<Cell<u8>>>();
                debug::<mpsc::Iter<'_, u8>>();
                debug::<mpsc::TryIter<'_, u8>>();
                debug::<mpsc::IntoIter<u8>>();
                display::<MutexGuard<'_, u8>>();
                display::<RwLockReadGuard<'_, u8>>();
                display::<RwLockWriteGuard<'_, u8>>();
                default::<Mutex<u8>>();
                default::<RwLock<u8>>();
                default::<Condvar>();
                default::<OnceLock<Cell<u8>>>();
                default::<LazyLock<u8>>();
                clone::<OnceLock<u8>>();
                clone::<mpsc::Sender<Cell<u8>>>();
                clone::<SyncSender<Cell<u8>>>();
                value::<WaitTimeoutResult>();
                value::<RecvError>();
                value::<TryRecvError>();
                value::<RecvTimeoutError>();
                value::<SendError<u8>>();
                value::<TrySendError<u8>>();
                error::<PoisonError<MutexGuard<'_, u8>>>();
                error::<TryLockError<MutexGuard<'_, u8>>>();
                error::<SendError<Cell<u8>>>();
            }

            fn panic_of<R>(f: impl FnOnce() -> R) -> String {
                let payload = catch_unwind(AssertUnwindSafe(f)).map(|_| ()).unwrap_err();
                let text = payload.downcast_ref::<String>().cloned();
                text.or(payload.downcast_ref::<&str>().map(|s| s.to_string())).unwrap()
            }

            pub(super) fn says() -> Vec<String> {
                let mut said = Vec::new();
                let mut say = |text: String| said.push(text);
                let mutex = Mutex::new(5);
                say(format!("{mutex:?}"));
                say(format!("{:?}", mutex.lock().unwrap()));
                say(format!("{}", mutex.lock().unwrap()));
                let held = mutex.lock().unwrap();
                say(format!("{mutex:?} {:?}", mutex.try_lock().map(|_| ())));
                drop(held);
                say(panic_of(|| {
                    let _held = mutex.lock().unwrap();
                    panic!("of the mutex");
                }));
                say(format!("{mutex:?}"));
                say(format!("{:?}", mutex.lock()));
                say(format!("{:?}", mutex.try_lock()));
                say(mutex.lock().unwrap_err().to_string());
                say(mutex.try_lock().unwrap_err().to_string());
                say(panic_of(|| mutex.lock().unwrap()));
                mutex.clear_poison();
                say(format!("{mutex:?}"));
                say(format!("{:?}", mutex.into_inner()));

                let rwlock = RwLock::new(6);
                say(format!("{rwlock:?} {:?}", rwlock.read().unwrap()));
                say(format!("{}", rwlock.write().unwrap()));
                let (one, two) = (rwlock.read().unwrap(), rwlock.try_read().unwrap());
                say(format!("{rwlock:?} {:?} {one} {two:?}", rwlock.try_write().map(|_| ())));
                drop((one, two));
                let mut writer = rwlock.write().unwrap();
                *writer += 1;
                say(format!("{rwlock:?} {:?} {writer} {writer:?}", rwlock.try_read().map(|_| ())));
                let reader = RwLockWriteGuard::downgrade(writer);
                say(format!("{:?} {reader}", rwlock.try_read()));
                drop(reader);
                let _ = catch_unwind(AssertUnwindSafe(|| {
                    let _read = rwlock.read().unwrap();
                    panic!("a reader poisons nothing");
                }));
                say(format!("{rwlock:?}"));
                say(panic_of(|| {
                    let _written = rwlock.write().unwrap();
                    panic!("of the rwlock");
                }));
                say(format!("{rwlock:?} {:?}", rwlock.read()));
                say(format!("{:?} {:?}", rwlock.try_write(), rwlock.is_poisoned()));
                rwlock.clear_poison();
                say(format!("{:?}", rwlock.into_inner()));

                let condvar = Condvar::new();
                let m = Mutex::new(0);
                let (guard, result) = condvar.wait_timeout(m.lock().unwrap(), Duration::ZERO).unwrap();
                say(format!("{condvar:?} {guard:?} {result:?}"));
                let (guard, result) = condvar.wait_timeout_while(guard, Duration::ZERO, |n| *n == 0).unwrap();
                say(format!("{guard:?} {result:?}"));
                let (guard, result) = condvar.wait_timeout_while(guard, Duration::ZERO, |n| *n == 1).unwrap();
                say(format!("{guard:?} {result:?}"));
                drop(condvar.wait_while(guard, |_| false).unwrap());

                let once = Once::new();
                say(format!("{once:?} {}", once.is_completed()));
                say(panic_of(|| once.call_once(|| panic!("of the once"))));
                say(panic_of(|| once.call_once(|| ())));
                say(panic_of(|| once.wait()));
                let mut state = String::new();
                once.call_once_force(|s| state = format!("{s:?} {}", s.is_poisoned()));
                say(format!("{once:?} {state} {}", once.is_completed()));
                once.wait();
                once.wait_force();

                let cell = OnceLock::new();
                say(format!("{cell:?} {:?} {:?}", cell.get(), cell == OnceLock::from(1)));
                say(panic_of(|| *cell.get_or_init(|| panic!("of the cell"))));
                say(format!("{} {:?} {:?}", cell.get_or_init(|| 3), cell.set(4), cell.clone()));
                let mut cell = cell;
                say(format!("{}", cell.wait()));
                say(format!("{:?}", cell.get_mut()));
                say(format!("{:?}", cell.take()));
                say(format!("{:?}", cell.into_inner()));

                let mut lazy = LazyLock::new(|| 8);
                say(format!("{lazy:?} {:?}", LazyLock::get(&lazy)));
                say(format!("{:?}", LazyLock::get_mut(&mut lazy)));
                say(format!("{} {lazy:?} {:?}", *lazy, LazyLock::get(&lazy)));
                *lazy += 1;
                say(format!("{}", LazyLock::force_mut(&mut lazy)));
                say(format!("{:?}", LazyLock::get_mut(&mut lazy)));
                let broken: LazyLock<u8> = LazyLock::new(|| panic!("of the lazy"));
                say(panic_of(|| *broken));
                say(panic_of(|| *broken));
                say(format!("{broken:?}"));

                say(format!("{:?} {:?} {}", BARRIER, BARRIER.wait(), BARRIER.wait().is_leader()));
                say(format!("{:?} {:?} {:?} {:?}", MUTEX, RWLOCK, CONDVAR, ONCE));
                say(format!("{:?} {}", ONCE_LOCK, *LAZY));

                let (s, r) = sync_channel::<u8>(1);
                say(format!("{s:?} {r:?} {:?} {:?}", s.try_send(1), s.try_send(2)));
                say(format!("{:?} {:?}", r.recv_timeout(Duration::ZERO), r.recv_timeout(Duration::ZERO)));
                say(format!("{:?} {:?}", r.try_recv(), r.try_iter().next()));
                drop(r);
                say(format!("{:?} {:?}", s.send(1), s.try_send(1)));
                let (s, r) = channel::<u8>();
                (0..3).for_each(|i| s.send(i).unwrap());
                say(format!("{s:?} {:?} {:?}", r.try_iter().take(1).collect::<Vec<_>>(), r.iter().next()));
                drop(s);
                say(format!("{:?} {:?}", r.iter().collect::<Vec<_>>(), r.recv()));
                say(format!("{:?} {:?}", r.try_recv(), r.recv_timeout(Duration::ZERO)));
                say(format!("{:?}", r.into_iter().next()));
                said
            }
        }
    };
}

source!(theirs, ::std::sync);
source!(ours, ::gort::sync);

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
