use std::rc::Rc;

fn show(_: &str, _: Rc<i32>) {}

fn main() {
    let rc = Rc::new(1);
    gort::go!(show("one", Rc::clone(&rc)));
}
