//! The protocol of Redis, as far as clients speak it: a command is an array of strings, or a line of words.

/// The longest string, and the most of them in a command.
const MAX_BULK: usize = 64 << 20;
const MAX_ARGS: usize = 1 << 20;
const MAX_LINE: usize = 64 << 10;

/// A command's words, and the bytes that it takes.
pub(crate) type Command<'a> = (Vec<&'a [u8]>, usize);

/// The first command; none if it is not all there yet. An error ends the connection.
pub(crate) fn parse(input: &[u8]) -> Result<Option<Command<'_>>, &'static str> {
    if input.first() != Some(&b'*') {
        let Some((line, end)) = line(input, 0)? else { return Ok(None) };
        let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        return Ok(Some((words.collect(), end)));
    }
    let Some((count, mut at)) = line(input, 1)? else { return Ok(None) };
    let count = number::<usize>(count).filter(|&n| n <= MAX_ARGS).ok_or("invalid multibulk length")?;
    let mut args = Vec::with_capacity(count.min(64));
    for _ in 0..count {
        match input.get(at) {
            None => return Ok(None),
            Some(b'$') => {}
            Some(_) => return Err("expected '$'"),
        }
        let Some((length, begin)) = line(input, at + 1)? else { return Ok(None) };
        let length = number::<usize>(length).filter(|&n| n <= MAX_BULK).ok_or("invalid bulk length")?;
        let end = begin + length;
        let Some(rest) = input.get(end..end + 2) else { return Ok(None) };
        if rest != b"\r\n" {
            return Err("expected the end of a string");
        }
        args.push(&input[begin..end]);
        at = end + 2;
    }
    Ok(Some((args, at)))
}

/// The line that begins at `at`, without its end, and where the next one begins.
fn line(input: &[u8], at: usize) -> Result<Option<(&[u8], usize)>, &'static str> {
    let rest = &input[at.min(input.len())..];
    match rest.iter().take(MAX_LINE).position(|&b| b == b'\n') {
        Some(n) => Ok(Some((rest[..n].strip_suffix(b"\r").unwrap_or(&rest[..n]), at + n + 1))),
        None if rest.len() < MAX_LINE => Ok(None),
        None => Err("too big a line"),
    }
}

/// A number as it stands in a command.
pub(crate) fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Answers, appended to what is to be sent.
pub(crate) trait Reply {
    fn put(&mut self, bytes: &[u8]);

    fn line(&mut self, kind: u8, text: &str) {
        self.put(&[kind]);
        self.put(text.as_bytes());
        self.put(b"\r\n");
    }

    fn simple(&mut self, text: &str) {
        self.line(b'+', text);
    }

    fn error(&mut self, text: &str) {
        self.line(b'-', text);
    }

    fn integer(&mut self, n: i64) {
        self.line(b':', &n.to_string());
    }

    fn count(&mut self, n: usize) {
        self.integer(n as i64);
    }

    /// The answers that follow are the elements.
    fn array(&mut self, n: usize) {
        self.line(b'*', &n.to_string());
    }

    fn bulk(&mut self, bytes: &[u8]) {
        self.line(b'$', &bytes.len().to_string());
        self.put(bytes);
        self.put(b"\r\n");
    }

    fn nil(&mut self) {
        self.put(b"$-1\r\n");
    }

    fn bulk_or_nil(&mut self, bytes: Option<impl AsRef<[u8]>>) {
        match bytes {
            Some(bytes) => self.bulk(bytes.as_ref()),
            None => self.nil(),
        }
    }
}

impl Reply for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}
