use gort::channel::{Receiver, Sender};

#[expect(dead_code)]
fn wait(r: &Receiver<u32>, s: &Sender<u32>) {
    let _ = (r, s);
    let _: u32 = gort::select! { recv(r) -> v => v.unwrap(), send(s, 1) -> _ => "text" };
}

fn main() {}
