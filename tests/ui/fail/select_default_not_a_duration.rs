use gort::channel::{Receiver, Sender};

#[expect(dead_code)]
fn wait(r: &Receiver<u32>, s: &Sender<u32>) {
    let _ = (r, s);
    gort::select! { recv(r) -> _ => {} send(s, 1) -> _ => {} default(5) => {} }
}

fn main() {}
