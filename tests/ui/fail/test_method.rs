struct Tests;

impl Tests {
    #[gort::test]
    fn works(&self) {}
}

fn main() {
    Tests.works();
}
