//! The patterns of KEYS: `*`, `?`, `[a-z]`, `[^a-z]`, and `\` before what stands for itself.

pub(crate) fn matches(mut pattern: &[u8], mut text: &[u8]) -> bool {
    // What follows the last star, and the text from which on it is tried.
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', after @ ..] = pattern {
            star = Some((after, text));
            pattern = after;
        } else if let [byte, rest @ ..] = text
            && let Some(after) = fits(pattern, *byte)
        {
            (pattern, text) = (after, rest);
        } else if pattern.is_empty() && text.is_empty() {
            return true;
        } else if let Some((after, [_, rest @ ..])) = star {
            // The star takes one more.
            star = Some((after, rest));
            (pattern, text) = (after, rest);
        } else {
            return false;
        }
    }
}

/// The pattern after its first element, if that fits the byte.
fn fits(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    let (fits, after) = match pattern {
        [] => return None,
        [b'?', after @ ..] => (true, after),
        [b'[', b'^', set @ ..] => {
            let (fits, after) = is_in(set, byte);
            (!fits, after)
        }
        [b'[', set @ ..] => is_in(set, byte),
        [b'\\', c, after @ ..] | [c, after @ ..] => (*c == byte, after),
    };
    fits.then_some(after)
}

/// Whether the byte is in the set, and what is after its bracket.
fn is_in(mut set: &[u8], byte: u8) -> (bool, &[u8]) {
    let mut found = false;
    loop {
        let (here, after) = match set {
            [] => return (found, set),
            [b']', after @ ..] => return (found, after),
            [a, b'-', b, after @ ..] => ((*a.min(b)..=*a.max(b)).contains(&byte), after),
            [b'\\', c, after @ ..] | [c, after @ ..] => (*c == byte, after),
        };
        found |= here;
        set = after;
    }
}
