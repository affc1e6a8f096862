//! A map that lies sorted in a vector. A dump makes several, of which none is large but where the keys come in order;
//! the code of a hash table or a tree for each would be larger than that of the dump.

/// Keys, each once, in ascending order, with their values.
pub(super) struct Sorted<K, V>(Vec<(K, V)>);

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord + Copy, V> Sorted<K, V> {
    /// Where the key stands, or else would stand.
    pub(super) fn find(&self, key: K) -> Result<usize, usize> {
        match self.0.last() {
            Some(&(last, _)) if last < key => Err(self.0.len()),
            _ => self.0.binary_search_by_key(&key, |&(key, _)| key),
        }
    }

    pub(super) fn get(&self, key: K) -> Option<&V> {
        self.find(key).ok().map(|i| &self.0[i].1)
    }

    pub(super) fn get_mut(&mut self, key: K) -> Option<&mut V> {
        self.find(key).ok().map(|i| &mut self.0[i].1)
    }

    /// The value of the key, made if it is not there.
    pub(super) fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let i = self.find(key).unwrap_or_else(|i| {
            self.0.insert(i, (key, make()));
            i
        });
        &mut self.0[i].1
    }

    pub(super) fn as_slice(&self) -> &[(K, V)] {
        &self.0
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }
}

#[cfg(test)]
impl<K: Ord + Copy, V> FromIterator<(K, V)> for Sorted<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut sorted = Self::default();
        for (key, value) in entries {
            sorted.get_or_insert_with(key, || value);
        }
        sorted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_order_and_once() {
        let mut sorted: Sorted<u64, char> = [(5, 'e'), (2, 'b'), (9, 'i'), (2, 'x')].into_iter().collect();
        assert_eq!(sorted.as_slice(), [(2, 'b'), (5, 'e'), (9, 'i')]);
        assert_eq!(
            (sorted.find(2), sorted.find(1), sorted.find(6), sorted.find(10)),
            (Ok(0), Err(0), Err(2), Err(3))
        );
        *sorted.get_or_insert_with(6, || 'x') = 'f';
        assert_eq!(sorted.get_mut(9), Some(&mut 'i'));
        assert_eq!((sorted.get(6), sorted.get(7)), (Some(&'f'), None));
        assert_eq!(sorted.values().collect::<String>(), "befi");
    }
}
