use std::error::Error;
use std::rc::Rc;

#[derive(Debug)]
struct Local(#[allow(dead_code)] Rc<u8>);

impl std::fmt::Display for Local {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "local")
    }
}

impl Error for Local {}

fn parse(text: &str) -> Result<u32, Box<dyn Error>> {
    match text {
        "" => Err(Box::new(Local(Rc::new(0)))),
        text => Ok(text.parse()?),
    }
}

// An error that is not `Send` never leaves its goroutine.
#[gort::main]
fn main() -> Result<(), Box<dyn Error>> {
    let n = parse("7")?;
    assert_eq!(n, 7);
    assert!(parse("").is_err());
    Ok(())
}
