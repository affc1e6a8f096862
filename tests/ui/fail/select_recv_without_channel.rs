use gort::channel::{Receiver, Sender};

#[expect(dead_code)]
fn wait(r: &Receiver<u32>, s: &Sender<u32>) {
    let _ = (r, s);
    gort::select! { recv -> v => drop(v) }
}

fn main() {}
