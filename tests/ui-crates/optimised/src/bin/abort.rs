//! Goroutines with `panic = "abort"`: all but goexit and catching panics works.

#[path = "../both_saw_nothing.rs"]
mod both_saw_nothing;

#[inline(never)]
fn user_function() {
    panic!("on purpose");
}

fn works() {
    let sum: i32 = (0..10).map(|i| gort::spawn(move || i * i)).map(|h| h.join().unwrap()).sum();
    assert_eq!(sum, 285);
    let (tx, rx) = gort::channel::bounded(0);
    gort::go!(move || (0..3).for_each(|i| tx.send(i).unwrap()));
    assert_eq!(rx.iter().collect::<Vec<_>>(), [0, 1, 2]);
    let mut borrowed = 0;
    gort::scope(|s| {
        s.spawn(|| borrowed += 1);
    });
    println!("{borrowed} worked");
}

#[gort::main]
fn main() {
    let theirs = std::env::args().nth(2);
    match theirs.as_deref() {
        Some("their hook") => std::panic::set_hook(Box::new(|info| eprintln!("their hook: {info}"))),
        Some("a hook that aborts") => std::panic::set_hook(Box::new(|_| std::process::abort())),
        Some(other) => panic!("no hook {other:?}"),
        None => {}
    }
    match std::env::args().nth(1).as_deref() {
        Some("works") => works(),
        Some("both_saw_nothing") => both_saw_nothing::run(),
        Some("go") => {
            gort::go!(user_function());
            gort::park();
        }
        Some("spawn") => drop(gort::spawn(user_function).join()),
        Some("blocking") => drop(gort::spawn(|| gort::blocking(user_function)).join()),
        Some("main") => user_function(),
        Some("aborts") => drop(gort::spawn(|| std::process::abort()).join()),
        Some("goexit") => drop(gort::spawn(|| gort::goexit()).join()),
        Some("deadlock") => gort::park(),
        other => panic!("no program {other:?}"),
    }
}
