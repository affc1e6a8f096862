//! The protocol of Redis, as far as clients speak it: a command is an array of strings, or a line of words.

use std::ops::Range;

/// The longest command, and the most words in it.
const MAX_COMMAND: usize = 64 << 20;
const MAX_WORDS: usize = 1 << 20;
const MAX_LINE: usize = 64 << 10;

/// A command's words, and the bytes that it takes.
pub(crate) type Command<'a> = (Vec<&'a [u8]>, usize);

/// Takes commands out of what has come. Of one that is not all there it keeps what it has seen, so that each byte is
/// looked at once.
#[derive(Default)]
pub(crate) struct Parser {
    /// How many words there will be, when that is known.
    count: Option<usize>,
    words: Vec<Range<usize>>,
    /// Where what comes after them begins.
    at: usize,
}

impl Parser {
    /// The command that `input` begins with; none if it is not all there yet, in which case it is to be there the
    /// next time too. An error ends the connection.
    pub(crate) fn parse<'a>(&mut self, input: &'a [u8]) -> Result<Option<Command<'a>>, &'static str> {
        if input.first() != Some(&b'*') {
            let Some((line, end)) = line(input, 0)? else { return Ok(None) };
            let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
            return Ok(Some((words.collect(), end)));
        }
        let count = match self.count {
            Some(count) => count,
            None => {
                let Some((count, at)) = line(input, 1)? else { return Ok(None) };
                self.at = at;
                let count = number(count).filter(|&n| n <= MAX_WORDS).ok_or("invalid multibulk length")?;
                *self.count.insert(count)
            }
        };
        while self.words.len() < count {
            match input.get(self.at) {
                None => return Ok(None),
                Some(b'$') => {}
                Some(_) => return Err("expected '$'"),
            }
            let Some((length, begin)) = line(input, self.at + 1)? else { return Ok(None) };
            let length: usize = number(length).ok_or("invalid bulk length")?;
            let end = begin.saturating_add(length);
            if end > MAX_COMMAND {
                return Err("too big a command");
            }
            let Some(rest) = input.get(end..end + 2) else { return Ok(None) };
            if rest != b"\r\n" {
                return Err("expected the end of a string");
            }
            self.words.push(begin..end);
            self.at = end + 2;
        }
        let Self { words, at, .. } = std::mem::take(self);
        Ok(Some((words.into_iter().map(|word| &input[word]).collect(), at)))
    }
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
