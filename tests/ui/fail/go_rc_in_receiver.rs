use std::rc::Rc;

struct Shared(Rc<i32>);

impl Shared {
    fn new() -> Self {
        Shared(Rc::new(1))
    }

    fn show(&self, n: i32) {
        println!("{} {n}", self.0);
    }
}

fn main() {
    gort::go!(Shared::new().show(2));
}
