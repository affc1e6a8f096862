use std::rc::Rc;

fn main() {
    let rc = Rc::new(1);
    let show = move |n: i32| println!("{rc} {n}");
    gort::go!(show(2));
}
