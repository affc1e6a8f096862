use gort::channel::Receiver;

struct Pair {
    a: u32,
}

#[expect(dead_code)]
fn wait(pairs: &Receiver<Pair>, r: &Receiver<u32>) {
    gort::select! {
        recv(pairs) -> Ok(Pair { a }) | Err(Pair { a }) { drop(a) }
        recv(r) -> _ => {}
    }
}

fn main() {}
