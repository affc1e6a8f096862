use std::rc::Rc;

struct Shared(Rc<i32>);

impl Shared {
    fn show(&self) {
        println!("{}", self.0);
    }
}

fn main() {
    let shared = Shared(Rc::new(1));
    gort::go!(shared.show());
}
