fn main() {
    let text = String::from("local");
    let borrowed = &text;
    gort::go! {
        let n = borrowed.len();
        println!("{n}");
    }
}
