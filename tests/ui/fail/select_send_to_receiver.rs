use gort::channel::{Receiver, Sender};

#[expect(dead_code)]
fn wait(r: &Receiver<u32>, s: &Sender<u32>) {
    let _ = (r, s);
    gort::select! { recv(r) -> _ => {} send(r, 1) -> _ => {} }
}

fn main() {}
