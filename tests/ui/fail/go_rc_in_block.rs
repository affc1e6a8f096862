use std::rc::Rc;

fn main() {
    let rc = Rc::new(1);
    gort::go! {
        let n = *rc + 1;
        println!("{n}");
    }
}
