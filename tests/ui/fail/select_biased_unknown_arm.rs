use gort::channel::{Receiver, Sender};

#[expect(dead_code)]
fn wait(r: &Receiver<u32>, s: &Sender<u32>) {
    let _ = (r, s);
    gort::select_biased! { send(s, 1) -> _ => {} otherwise => {} }
}

fn main() {}
