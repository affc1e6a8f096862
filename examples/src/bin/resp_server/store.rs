//! What is stored: values of five types by their names, some of which expire.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Instant;

pub(crate) type Bytes = Vec<u8>;

pub(crate) enum Value {
    Text(Bytes),
    List(VecDeque<Bytes>),
    Set(BTreeSet<Bytes>),
    Hash(BTreeMap<Bytes, Bytes>),
    Sorted(Sorted),
}

/// Members by score, and their scores.
#[derive(Default)]
pub(crate) struct Sorted {
    pub(crate) scores: HashMap<Bytes, f64>,
    pub(crate) order: BTreeSet<(Score, Bytes)>,
}

/// A number that is ordered, as `total_cmp` has it.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Score(pub(crate) f64);

impl Eq for Score {}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Score {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl Sorted {
    /// Whether it is new.
    pub(crate) fn set(&mut self, member: &[u8], score: f64) -> bool {
        let old = self.scores.insert(member.to_vec(), score);
        if let Some(old) = old {
            self.order.remove(&(Score(old), member.to_vec()));
        }
        self.order.insert((Score(score), member.to_vec()));
        old.is_none()
    }

    pub(crate) fn remove(&mut self, member: &[u8]) -> bool {
        let Some(score) = self.scores.remove(member) else { return false };
        self.order.remove(&(Score(score), member.to_vec()))
    }
}

/// The types of values.
pub(crate) trait Kind: Default + Into<Value> {
    fn of(value: &mut Value) -> Option<&mut Self>;
    fn is_empty(&self) -> bool;
}

macro_rules! kinds {
    ($($variant:ident: $type:ty, $empty:expr;)*) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Value::$variant(value)
            }
        }

        impl Kind for $type {
            fn of(value: &mut Value) -> Option<&mut Self> {
                match value {
                    Value::$variant(value) => Some(value),
                    _ => None,
                }
            }

            fn is_empty(&self) -> bool {
                let empty: fn(&Self) -> bool = $empty;
                empty(self)
            }
        }
    )*};
}

kinds! {
    Text: Bytes, |_| false;
    List: VecDeque<Bytes>, VecDeque::is_empty;
    Set: BTreeSet<Bytes>, BTreeSet::is_empty;
    Hash: BTreeMap<Bytes, Bytes>, BTreeMap::is_empty;
    Sorted: Sorted, |sorted| sorted.scores.is_empty();
}

struct Entry {
    value: Value,
    expires: Option<Instant>,
}

/// All of it.
#[derive(Default)]
pub(crate) struct Store {
    entries: HashMap<Bytes, Entry>,
}

/// The value is of another type.
pub(crate) struct WrongType;

impl Store {
    fn entry(&mut self, key: &[u8]) -> Option<&mut Entry> {
        let entry = self.entries.get(key)?;
        if entry.expires.is_some_and(|at| at <= Instant::now()) {
            self.entries.remove(key);
            return None;
        }
        self.entries.get_mut(key)
    }

    pub(crate) fn type_of(&mut self, key: &[u8]) -> &'static str {
        match self.entry(key).map(|entry| &entry.value) {
            None => "none",
            Some(Value::Text(_)) => "string",
            Some(Value::List(_)) => "list",
            Some(Value::Set(_)) => "set",
            Some(Value::Hash(_)) => "hash",
            Some(Value::Sorted(_)) => "zset",
        }
    }

    pub(crate) fn contains(&mut self, key: &[u8]) -> bool {
        self.entry(key).is_some()
    }

    pub(crate) fn get<T: Kind>(&mut self, key: &[u8]) -> Result<Option<&mut T>, WrongType> {
        self.entry(key).map(|entry| T::of(&mut entry.value).ok_or(WrongType)).transpose()
    }

    /// Runs `f` on the value, which is made for it, and is not kept if it is empty afterwards.
    pub(crate) fn change<T: Kind, R>(
        &mut self,
        key: &[u8],
        f: impl FnOnce(&mut T) -> R,
    ) -> Result<R, WrongType> {
        if let Some(value) = self.get::<T>(key)? {
            let result = f(value);
            if value.is_empty() {
                self.entries.remove(key);
            }
            return Ok(result);
        }
        let mut value = T::default();
        let result = f(&mut value);
        if !value.is_empty() {
            self.set(key, value, None);
        }
        Ok(result)
    }

    pub(crate) fn set(&mut self, key: &[u8], value: impl Into<Value>, expires: Option<Instant>) {
        let entry = Entry { value: value.into(), expires };
        match self.entries.get_mut(key) {
            Some(old) => *old = entry,
            None => drop(self.entries.insert(key.to_vec(), entry)),
        }
    }

    pub(crate) fn remove(&mut self, key: &[u8]) -> bool {
        let was_there = self.contains(key);
        self.entries.remove(key);
        was_there
    }

    /// When it expires; none if there is no such key.
    pub(crate) fn expires(&mut self, key: &[u8]) -> Option<&mut Option<Instant>> {
        self.entry(key).map(|entry| &mut entry.expires)
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &Bytes> {
        self.entries.keys()
    }

    /// Forgets what has expired.
    pub(crate) fn sweep(&mut self) {
        let now = Instant::now();
        self.entries.retain(|_, entry| entry.expires.is_none_or(|at| at > now));
    }
}
