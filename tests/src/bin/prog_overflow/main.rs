//! Programs for `tests/tests/prog_overflow.rs`: faults of several kinds.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

#[inline(never)]
fn recurse(n: u64) -> u64 {
    let big = black_box([n; 64]);
    if n == u64::MAX {
        return 0;
    }
    1 + recurse(black_box(n + 1)) + big[(n % 64) as usize]
}

/// Allocations that are yet to be slow; each takes ten milliseconds.
static SLOW: AtomicUsize = AtomicUsize::new(0);
/// Held by one who is in the allocator for good.
static LOCK: Mutex<()> = Mutex::new(());
static LOCKED: AtomicBool = AtomicBool::new(false);
/// Allocations until it is.
static LEFT: AtomicUsize = AtomicUsize::new(0);
/// Allocations until there is no memory any more.
static MEMORY: AtomicUsize = AtomicUsize::new(usize::MAX);

struct Allocator;

// SAFETY: all memory is the system allocator's.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if LEFT.load(SeqCst) > 0 && LEFT.fetch_sub(1, SeqCst) == 1 {
            LOCKED.store(true, SeqCst);
        }
        if LOCKED.load(SeqCst) {
            drop(LOCK.lock());
        }
        if MEMORY.load(SeqCst) != usize::MAX && MEMORY.fetch_sub(1, SeqCst) == 0 {
            MEMORY.store(0, SeqCst);
            return std::ptr::null_mut();
        }
        if SLOW.load(SeqCst) > 0 {
            SLOW.fetch_sub(1, SeqCst);
            std::thread::sleep(Duration::from_millis(10));
        }
        // SAFETY: the caller's word.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's word.
        unsafe { System.dealloc(memory, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// Names come late: they take some hundred allocations before there is any.
fn slow_names() {
    SLOW.store(300, SeqCst);
    println!("{}", recurse(0));
}

/// Whoever allocates from here on waits for good.
fn holds_the_allocator() {
    let _held = LOCK.lock();
    LOCKED.store(true, SeqCst);
    recurse(0);
}

/// The same from the hundredth allocation on.
fn holds_it_in_the_midst() {
    let _held = LOCK.lock();
    LEFT.store(100, SeqCst);
    recurse(0);
}

/// The report finds no memory for its names.
fn has_no_memory_left() {
    MEMORY.store(100, SeqCst);
    recurse(0);
}

/// Uses so many bytes of stack.
#[inline(never)]
fn uses(bytes: usize) -> usize {
    let page = black_box([1_u8; 4096]);
    if bytes < 4096 { 0 } else { uses(bytes - 4096) + usize::from(page[bytes % 4096]) }
}

/// A system stack has room for what a goroutine's has not, until it has none either.
#[inline(never)]
fn calls_on_the_system_stack(first_thread: bool) {
    gort::blocking_on_system_stack(|| {
        // SAFETY: no arguments.
        let tid = unsafe { libc::gettid() };
        assert_eq!(tid == std::process::id() as i32, first_thread);
        println!("{}", uses(2 << 20));
        println!("{}", recurse(0));
    });
}

mod handlers;

fn wild() {
    // SAFETY: none: it is meant to fault.
    unsafe { black_box(8 as *const u8).read_volatile() };
}

fn on_a_thread(f: fn()) {
    std::thread::spawn(f).join().unwrap();
}

mod started {
    #[gort::main]
    pub(super) fn main() {
        super::programs();
    }
}

fn main() {
    match argument(1).as_str() {
        "handled_before" => handlers::install(libc::SA_SIGINFO),
        "handled_simply_before" => handlers::install(0),
        _ => (),
    }
    started::main();
}

fn argument(n: usize) -> String {
    std::env::args().nth(n).unwrap_or_default()
}

fn programs() {
    match argument(1).as_str() {
        "main" => println!("{}", recurse(0)),
        "go" => {
            gort::go!(|| println!("{}", recurse(0)));
            gort::park();
        }
        "blocking" => {
            // Not joined: on a stack of its own.
            gort::go!(|| gort::blocking(|| println!("{}", recurse(0))));
            gort::park();
        }
        "slow_names" => {
            gort::go!(slow_names());
            gort::park();
        }
        "holds_the_allocator" => {
            gort::go!(holds_the_allocator());
            gort::park();
        }
        "holds_it_in_the_midst" => {
            gort::go!(holds_it_in_the_midst());
            gort::park();
        }
        "system_stack_of_the_first" => calls_on_the_system_stack(true),
        "system_stack_of_another" => {
            // Main's thread is its own.
            gort::lock_os_thread();
            gort::go!(calls_on_the_system_stack(false));
            gort::park();
        }
        "has_no_memory_left" => {
            gort::go!(has_no_memory_left());
            gort::park();
        }
        "handled_before" | "handled_simply_before" => handlers::faults_are_handled(),
        "handled_later" => {
            handlers::install(libc::SA_SIGINFO | libc::SA_ONSTACK);
            handlers::faults_are_handled();
        }
        "wild" => gort::spawn(wild).join().unwrap(),
        "thread" => gort::blocking(|| on_a_thread(|| println!("{}", recurse(0)))),
        other => panic!("no program {other:?}"),
    }
}
