//! Past a thousand goroutines those that do the same at the same place are shown once.

use std::collections::BTreeMap;

use super::frames::Trace;
use super::layout::{self, Found, Layout, Made, Missing};
use super::sorted::Sorted;

/// From how many on.
pub(super) const MANY: usize = 1000;
/// Ranges of ids that are listed.
const LISTED: usize = 20;

/// All that must be equal: heading, frames, and where it was made.
type Key = (String, Result<Trace, Missing>, Made);

struct Group {
    first: Found,
    others: Vec<u64>,
}

/// The goroutines of a dump, in groups if there are many.
pub(super) struct Groups {
    /// By the id of the first that was found.
    list: Sorted<u64, Group>,
    by_key: Option<BTreeMap<Key, u64>>,
}

impl Groups {
    pub(super) fn new(many: bool) -> Self {
        Self { list: Sorted::default(), by_key: many.then(BTreeMap::new) }
    }

    pub(super) fn add(&mut self, found: Found) {
        if let Some(by_key) = &mut self.by_key {
            let made = Made { parent: 0, ..found.made };
            let key = (layout::heading(&found), found.trace.clone(), made);
            let first = *by_key.entry(key).or_insert(found.id);
            if let Some(group) = self.list.get_mut(first) {
                // They come in order, but for those that ran.
                let place = group.others.partition_point(|&id| id < found.id);
                group.others.insert(place, found.id);
                if group.first.made.parent != found.made.parent {
                    group.first.made.parent = 0;
                }
                if group.first.waits != found.waits {
                    group.first.waits = None;
                }
                return;
            }
        }
        self.list.get_or_insert_with(found.id, || Group { first: found, others: Vec::new() });
    }

    /// One text each, by id.
    pub(super) fn texts(self) -> Vec<String> {
        let mut layout = Layout::default();
        self.list.values().map(|group| group.text(&mut layout)).collect()
    }
}

impl Group {
    fn text(&self, layout: &mut Layout) -> String {
        let mut text = layout.goroutine(&self.first);
        if !self.others.is_empty() {
            let n = self.others.len();
            text.push_str(&format!("...{n} goroutines like this one elided: {}...\n", ranges(&self.others)));
        }
        text
    }
}

/// `3, 5-7, 9`, shortened past [`LISTED`] entries. The ids are sorted.
fn ranges(ids: &[u64]) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for &id in ids {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == id => *last = id,
            _ => ranges.push((id, id)),
        }
    }
    let more = if ranges.len() > LISTED { ", and more" } else { "" };
    ranges.truncate(LISTED);
    let text = |(a, b): (u64, u64)| if a == b { a.to_string() } else { format!("{a}-{b}") };
    let list: Vec<_> = ranges.into_iter().map(text).collect();
    format!("{}{more}", list.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_in_ranges() {
        let check = |ids: &[u64], expected: &str| assert_eq!(ranges(ids), expected);
        check(&[3], "3");
        check(&[3, 4], "3-4");
        check(&[3, 5, 6, 7, 9], "3, 5-7, 9");
        let even: Vec<u64> = (0..100).map(|i| 2 * i).collect();
        assert!(ranges(&even).ends_with("36, 38, and more"), "{}", ranges(&even));
    }
}
