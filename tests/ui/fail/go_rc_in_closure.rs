use std::rc::Rc;

fn main() {
    let rc = Rc::new(1);
    gort::go!(move || println!("{rc}"));
}
