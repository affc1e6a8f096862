//! A program that handles faults of its own: of a page that it takes away, and of a file that ends too early.

use std::hint::black_box;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

const PAGE: usize = 4096;

/// A page that nobody may touch, and one past the end of a file.
static PAGES: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];
static FILE: AtomicUsize = AtomicUsize::new(0);
static HANDLED: AtomicUsize = AtomicUsize::new(0);
/// Who handled the two signals before.
static OLD: OnceLock<[libc::sigaction; 2]> = OnceLock::new();

/// Makes the pages, and handles their faults with a handler of this kind.
pub(super) fn install(flags: libc::c_int) {
    let map = |protection, how, file| {
        // SAFETY: maps fresh memory.
        let page = unsafe { libc::mmap(std::ptr::null_mut(), PAGE, protection, how, file, 0) };
        assert_ne!(page, libc::MAP_FAILED);
        page as usize
    };
    // SAFETY: a NUL-terminated name.
    let file = unsafe { libc::memfd_create(c"short".as_ptr(), 0) };
    FILE.store(file as usize, SeqCst);
    PAGES[0].store(map(libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1), SeqCst);
    PAGES[1].store(map(libc::PROT_READ, libc::MAP_SHARED, file), SeqCst);
    // A fault may come in between: `OLD` is known first.
    OLD.get_or_init(|| [libc::SIGSEGV, libc::SIGBUS].map(|signal| action(signal, None)));
    let handler = match flags & libc::SA_SIGINFO {
        0 => on_fault_simply as *const () as libc::sighandler_t,
        _ => on_fault as *const () as libc::sighandler_t,
    };
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        action(signal, Some((handler, flags)));
    }
}

/// Sets what is done about a signal; gives what was done before.
fn action(signal: libc::c_int, new: Option<(libc::sighandler_t, libc::c_int)>) -> libc::sigaction {
    // SAFETY: zero is a valid `sigaction`; the kernel reads the one and writes the other.
    unsafe {
        let (mut action, mut old): (libc::sigaction, libc::sigaction) = std::mem::zeroed();
        let new = new.map(|(handler, flags)| {
            action.sa_sigaction = handler;
            action.sa_flags = flags;
            &raw const action
        });
        assert_eq!(libc::sigaction(signal, new.unwrap_or(std::ptr::null()), &mut old), 0);
        old
    }
}

/// Lets the access that has faulted succeed.
fn mend(signal: libc::c_int) {
    // SAFETY: the page and the file are this module's.
    let mended = unsafe {
        if signal == libc::SIGBUS {
            libc::ftruncate(FILE.load(SeqCst) as libc::c_int, PAGE as i64)
        } else {
            libc::mprotect(PAGES[0].load(SeqCst) as *mut _, PAGE, libc::PROT_READ)
        }
    };
    assert_eq!(mended, 0);
    HANDLED.fetch_add(1, SeqCst);
}

/// Of a program that has no other faults.
extern "C" fn on_fault_simply(signal: libc::c_int) {
    mend(signal);
}

extern "C" fn on_fault(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid siginfo to a handler of a fault.
    let address = unsafe { (*info).si_addr() as usize };
    if PAGES.iter().any(|page| (page.load(SeqCst)..page.load(SeqCst) + PAGE).contains(&address)) {
        return mend(signal);
    }
    let old = OLD.get().unwrap()[usize::from(signal == libc::SIGBUS)];
    assert_ne!(old.sa_flags & libc::SA_SIGINFO, 0, "gort's or std's");
    type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
    // SAFETY: a handler of this type, as its flags say.
    let handler = unsafe { std::mem::transmute::<libc::sighandler_t, Handler>(old.sa_sigaction) };
    handler(signal, info, context);
}

/// Two faults.
fn touch() {
    // SAFETY: the page and the file are this module's, and the handler makes them accessible.
    unsafe {
        assert_eq!(libc::mprotect(PAGES[0].load(SeqCst) as *mut _, PAGE, libc::PROT_NONE), 0);
        assert_eq!(libc::ftruncate(FILE.load(SeqCst) as libc::c_int, 0), 0);
        for page in &PAGES {
            assert_eq!(black_box(page.load(SeqCst) as *const u8).read_volatile(), 0);
        }
    }
}

/// On the main goroutine's stack, on another's, on a system stack and on a plain thread. Then, if it is asked for,
/// a fault of gort's.
pub(super) fn faults_are_handled() {
    touch();
    let goroutine = gort::spawn(|| {
        gort::yield_now();
        touch();
    });
    goroutine.join().unwrap();
    gort::blocking_on_system_stack(touch);
    gort::blocking(|| std::thread::spawn(touch).join().unwrap());
    println!("handled {}", HANDLED.load(SeqCst));
    if super::argument(2) == "overflow" {
        gort::go!(println!("{}", super::recurse(0)));
        gort::park();
    }
}
