//! What is asked and how an answer is known to be whole and right.

use std::io::{self, ErrorKind};

use benches::serve::BODY;

/// The longest answer that is understood.
pub(super) const LONGEST: usize = 1024;

/// How many bytes an echo has.
const ECHO: usize = 64;

/// A kind of request.
#[derive(Clone, Copy)]
pub(super) enum Exchange {
    /// 64 bytes that differ from request to request, and come back.
    Echo,
    /// `GET /`, answered by the text that all servers here answer with.
    Http,
}

impl Exchange {
    /// Writes the `serial`-th request to `request`.
    pub(super) fn ask(self, serial: u64, request: &mut Vec<u8>) {
        request.clear();
        match self {
            Exchange::Echo => {
                let words = (0..ECHO as u64 / 8).map(|i| serial.wrapping_mul(0x9E37_79B9_7F4A_7C15) + i);
                words.for_each(|word| request.extend(word.to_le_bytes()));
            }
            Exchange::Http => request.extend(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
        }
    }

    /// Whether the answer to `request` is whole. An error says that it is
    /// another one than it should be.
    pub(super) fn answered(self, request: &[u8], answer: &[u8]) -> io::Result<bool> {
        match self {
            Exchange::Echo if answer.len() < request.len() => Ok(false),
            Exchange::Echo if answer == request => Ok(true),
            Exchange::Echo => Err(wrong("the echo is not what was sent")),
            Exchange::Http => http_answered(answer),
        }
    }
}

fn http_answered(answer: &[u8]) -> io::Result<bool> {
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut response = httparse::Response::new(&mut headers);
    let head = match response.parse(answer) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(false),
        Err(error) => return Err(wrong(&error.to_string())),
    };
    let length = response
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .and_then(|header| std::str::from_utf8(header.value).ok()?.trim().parse::<usize>().ok());
    if response.code != Some(200) || length != Some(BODY.len()) {
        return Err(wrong("not a 200 with the right length"));
    }
    match &answer[head..] {
        body if body.len() < BODY.len() => Ok(false),
        body if body == BODY.as_bytes() => Ok(true),
        _ => Err(wrong("not the right text")),
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_is_compared() {
        let mut request = Vec::new();
        Exchange::Echo.ask(7, &mut request);
        assert_eq!(request.len(), ECHO);
        let check = |answer: &[u8]| Exchange::Echo.answered(&request, answer).ok();
        assert_eq!(check(&request), Some(true));
        assert_eq!(check(&request[1..]), Some(false));
        assert_eq!(check(&[0; ECHO]), None);
    }

    #[test]
    fn an_http_answer_is_read_to_its_end() {
        let check = |answer: &str| http_answered(answer.as_bytes()).ok();
        let right = "HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\nHello, World!";
        assert_eq!(check(right), Some(true));
        assert_eq!(check(&right[..right.len() - 1]), Some(false));
        assert_eq!(check(&right[..20]), Some(false));
        assert_eq!(check(&right.replace("200", "404")), None);
        assert_eq!(check(&right.replace("World", "world")), None);
    }
}
