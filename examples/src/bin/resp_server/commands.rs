//! What clients can ask for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use crate::glob;
use crate::resp::{Reply, number};
use crate::store::{Bytes, Score, Sorted, Store, WrongType};

type List = VecDeque<Bytes>;
type Set = BTreeSet<Bytes>;
type Hash = BTreeMap<Bytes, Bytes>;

const NAMES: &[&str] = &[
    "APPEND",
    "CLIENT",
    "COMMAND",
    "CONFIG",
    "DBSIZE",
    "DECR",
    "DECRBY",
    "DEL",
    "ECHO",
    "EXISTS",
    "EXPIRE",
    "FLUSHALL",
    "FLUSHDB",
    "GET",
    "GETSET",
    "HDEL",
    "HEXISTS",
    "HGET",
    "HGETALL",
    "HLEN",
    "HSET",
    "INCR",
    "INCRBY",
    "INFO",
    "KEYS",
    "LINDEX",
    "LLEN",
    "LPOP",
    "LPUSH",
    "LRANGE",
    "MGET",
    "MSET",
    "PERSIST",
    "PEXPIRE",
    "PING",
    "PTTL",
    "RPOP",
    "RPUSH",
    "SADD",
    "SCARD",
    "SELECT",
    "SET",
    "SETNX",
    "SISMEMBER",
    "SMEMBERS",
    "SPOP",
    "SREM",
    "STRLEN",
    "TTL",
    "TYPE",
    "ZADD",
    "ZCARD",
    "ZPOPMIN",
    "ZRANGE",
    "ZREM",
    "ZSCORE",
];

/// Why a command was not carried out.
enum Failure {
    WrongType,
    NotAnInteger,
    NotAFloat,
    Syntax,
    BadExpiry,
    NoDatabase,
    NoCommand,
}

impl From<WrongType> for Failure {
    fn from(_: WrongType) -> Self {
        Failure::WrongType
    }
}

/// Carries out a command and appends the answer.
pub(crate) fn run(store: &mut Store, command: &[&[u8]], out: &mut Vec<u8>) {
    let [name, args @ ..] = command else { return };
    let name = name.to_ascii_uppercase();
    let begin = out.len();
    let Err(failure) = carry_out(store, &name, args, out) else { return };
    out.truncate(begin);
    match failure {
        Failure::WrongType => {
            out.error("WRONGTYPE Operation against a key holding the wrong kind of value");
        }
        Failure::NotAnInteger => out.error("ERR value is not an integer or out of range"),
        Failure::NotAFloat => out.error("ERR value is not a valid float"),
        Failure::Syntax => out.error("ERR syntax error"),
        Failure::BadExpiry => out.error("ERR invalid expire time"),
        Failure::NoDatabase => out.error("ERR DB index is out of range"),
        Failure::NoCommand => {
            let name = String::from_utf8_lossy(command[0]).escape_debug().to_string().to_lowercase();
            if NAMES.contains(&name.to_uppercase().as_str()) {
                out.error(&format!("ERR wrong number of arguments for '{name}' command"));
            } else {
                out.error(&format!("ERR unknown command '{name}'"));
            }
        }
    }
}

fn integer(text: &[u8]) -> Result<i64, Failure> {
    number(text).ok_or(Failure::NotAnInteger)
}

fn carry_out(store: &mut Store, name: &[u8], args: &[&[u8]], out: &mut Vec<u8>) -> Result<(), Failure> {
    match (name, args) {
        // The connection and the server.
        (b"PING", []) => out.simple("PONG"),
        (b"PING" | b"ECHO", [text]) => out.bulk(text),
        (b"SELECT", [b"0"]) => out.simple("OK"),
        (b"SELECT", [n]) => return Err(integer(n).err().unwrap_or(Failure::NoDatabase)),
        (b"CLIENT" | b"COMMAND" | b"CONFIG", [which, rest @ ..]) => about(name, which, rest, out)?,
        (b"COMMAND", []) => out.array(0),
        (b"INFO", _) => out.bulk(b"# Server\r\nredis_version:7.0.0\r\nredis_mode:standalone\r\n"),
        (b"DBSIZE", []) => out.count(store.len()),
        (b"FLUSHALL" | b"FLUSHDB", _) => {
            store.clear();
            out.simple("OK");
        }

        // Keys.
        (b"DEL", [_, ..]) => out.count(args.iter().filter(|key| store.remove(key)).count()),
        (b"EXISTS", [_, ..]) => out.count(args.iter().filter(|key| store.contains(key)).count()),
        (b"TYPE", [key]) => out.simple(store.type_of(key)),
        (b"KEYS", [pattern]) => {
            store.sweep();
            let keys: Vec<_> = store.keys().filter(|key| glob::matches(pattern, key)).collect();
            out.array(keys.len());
            keys.iter().for_each(|key| out.bulk(key));
        }
        (b"EXPIRE" | b"PEXPIRE", [key, time]) => {
            let unit = if name[0] == b'P' { 1 } else { 1000 };
            let expires = Some(after(integer(time)?, unit)?);
            out.count(store.expires(key).map(|at| *at = expires).iter().len());
        }
        (b"PERSIST", [key]) => out.count(store.expires(key).and_then(Option::take).iter().len()),
        (b"TTL" | b"PTTL", [key]) => {
            let unit = if name[0] == b'P' { 1 } else { 1000 };
            out.integer(match store.expires(key) {
                None => -2,
                Some(None) => -1,
                Some(Some(at)) => {
                    let left = at.saturating_duration_since(Instant::now()).as_millis() as i64;
                    (left + unit / 2) / unit
                }
            });
        }

        // Strings.
        (b"GET", [key]) => out.bulk_or_nil(store.get::<Bytes>(key)?),
        (b"SET", [key, value, options @ ..]) => set(store, key, value, options, out)?,
        (b"SETNX", [key, value]) => {
            let new = !store.contains(key);
            if new {
                store.set(key, value.to_vec(), None);
            }
            out.count(usize::from(new));
        }
        (b"GETSET", [key, value]) => {
            out.bulk_or_nil(store.get::<Bytes>(key)?);
            store.set(key, value.to_vec(), None);
        }
        (b"MGET", [_, ..]) => {
            out.array(args.len());
            args.iter().for_each(|key| out.bulk_or_nil(store.get::<Bytes>(key).ok().flatten()));
        }
        (b"MSET", [_, _, ..]) if args.len().is_multiple_of(2) => {
            args.chunks(2).for_each(|pair| store.set(pair[0], pair[1].to_vec(), None));
            out.simple("OK");
        }
        (b"APPEND", [key, tail]) => {
            out.count(store.change(key, |text: &mut Bytes| {
                text.extend_from_slice(tail);
                text.len()
            })?);
        }
        (b"STRLEN", [key]) => out.count(store.get::<Bytes>(key)?.map_or(0, |text| text.len())),
        (b"INCR", [key]) => add(store, key, 1, out)?,
        (b"DECR", [key]) => add(store, key, -1, out)?,
        (b"INCRBY", [key, by]) => add(store, key, integer(by)?, out)?,
        (b"DECRBY", [key, by]) => {
            add(store, key, integer(by)?.checked_neg().ok_or(Failure::NotAnInteger)?, out)?;
        }

        // Lists.
        (b"LPUSH" | b"RPUSH", [key, values @ ..]) if !values.is_empty() => {
            out.count(store.change(key, |list: &mut List| {
                for value in values {
                    match name[0] {
                        b'L' => list.push_front(value.to_vec()),
                        _ => list.push_back(value.to_vec()),
                    }
                }
                list.len()
            })?);
        }
        (b"LPOP" | b"RPOP", [key]) => {
            out.bulk_or_nil(store.change(key, |list: &mut List| match name[0] {
                b'L' => list.pop_front(),
                _ => list.pop_back(),
            })?)
        }
        (b"LLEN", [key]) => out.count(store.get::<List>(key)?.map_or(0, |list| list.len())),
        (b"LINDEX", [key, i]) => {
            let i = integer(i)?;
            let list = store.get::<List>(key)?;
            out.bulk_or_nil(list.and_then(|list| {
                let i = if i < 0 { i + list.len() as i64 } else { i };
                usize::try_from(i).ok().and_then(|i| list.get(i))
            }));
        }
        (b"LRANGE", [key, first, last]) => match store.get::<List>(key)? {
            Some(list) => {
                let range = range(first, last, list.len())?;
                out.array(range.len());
                list.range(range).for_each(|value| out.bulk(value));
            }
            None => out.array(0),
        },

        // Sets.
        (b"SADD", [key, members @ ..]) if !members.is_empty() => {
            out.count(store.change(key, |set: &mut Set| {
                members.iter().filter(|member| set.insert(member.to_vec())).count()
            })?);
        }
        (b"SREM", [key, members @ ..]) if !members.is_empty() => {
            out.count(
                store.change(key, |set: &mut Set| {
                    members.iter().filter(|member| set.remove(**member)).count()
                })?,
            );
        }
        // Any member will do: the first.
        (b"SPOP", [key]) => out.bulk_or_nil(store.change(key, Set::pop_first)?),
        (b"SCARD", [key]) => out.count(store.get::<Set>(key)?.map_or(0, |set| set.len())),
        (b"SISMEMBER", [key, member]) => {
            out.count(store.get::<Set>(key)?.is_some_and(|set| set.contains(*member)).into());
        }
        (b"SMEMBERS", [key]) => match store.get::<Set>(key)? {
            Some(set) => {
                out.array(set.len());
                set.iter().for_each(|member| out.bulk(member));
            }
            None => out.array(0),
        },

        // Hashes.
        (b"HSET", [key, pairs @ ..]) if pairs.len().is_multiple_of(2) && !pairs.is_empty() => {
            out.count(store.change(key, |hash: &mut Hash| {
                let new = |pair: &&[&[u8]]| hash.insert(pair[0].to_vec(), pair[1].to_vec()).is_none();
                pairs.chunks(2).filter(new).count()
            })?);
        }
        (b"HGET", [key, field]) => {
            out.bulk_or_nil(store.get::<Hash>(key)?.and_then(|hash| hash.get(*field)));
        }
        (b"HDEL", [key, fields @ ..]) if !fields.is_empty() => {
            out.count(store.change(key, |hash: &mut Hash| {
                fields.iter().filter(|field| hash.remove(**field).is_some()).count()
            })?);
        }
        (b"HEXISTS", [key, field]) => {
            out.count(store.get::<Hash>(key)?.is_some_and(|hash| hash.contains_key(*field)).into());
        }
        (b"HLEN", [key]) => out.count(store.get::<Hash>(key)?.map_or(0, |hash| hash.len())),
        (b"HGETALL", [key]) => match store.get::<Hash>(key)? {
            Some(hash) => {
                out.array(2 * hash.len());
                hash.iter().for_each(|(field, value)| [field, value].iter().for_each(|text| out.bulk(text)));
            }
            None => out.array(0),
        },

        // Sorted sets.
        (b"ZADD", [key, pairs @ ..]) if pairs.len().is_multiple_of(2) && !pairs.is_empty() => {
            let score = |text| number::<f64>(text).filter(|n| !n.is_nan()).ok_or(Failure::NotAFloat);
            let pairs: Result<Vec<_>, Failure> = pairs.chunks(2).map(|p| Ok((score(p[0])?, p[1]))).collect();
            let pairs = pairs?;
            out.count(store.change(key, |sorted: &mut Sorted| {
                pairs.iter().filter(|(score, member)| sorted.set(member, *score)).count()
            })?);
        }
        (b"ZREM", [key, members @ ..]) if !members.is_empty() => {
            out.count(store.change(key, |sorted: &mut Sorted| {
                members.iter().filter(|member| sorted.remove(member)).count()
            })?);
        }
        (b"ZPOPMIN", [key]) => {
            let popped = store.change(key, |sorted: &mut Sorted| {
                let (Score(score), member) = sorted.order.pop_first()?;
                sorted.scores.remove(&member);
                Some((member, score))
            })?;
            out.array(2 * usize::from(popped.is_some()));
            if let Some((member, score)) = popped {
                out.bulk(&member);
                out.bulk(score.to_string().as_bytes());
            }
        }
        (b"ZCARD", [key]) => out.count(store.get::<Sorted>(key)?.map_or(0, |sorted| sorted.scores.len())),
        (b"ZSCORE", [key, member]) => {
            let score = store.get::<Sorted>(key)?.and_then(|sorted| sorted.scores.get(*member));
            out.bulk_or_nil(score.map(f64::to_string));
        }
        (b"ZRANGE", [key, first, last]) => match store.get::<Sorted>(key)? {
            Some(sorted) => {
                let range = range(first, last, sorted.scores.len())?;
                out.array(range.len());
                sorted.order.iter().skip(range.start).take(range.len()).for_each(|(_, m)| out.bulk(m));
            }
            None => out.array(0),
        },
        _ => return Err(Failure::NoCommand),
    }
    Ok(())
}

fn set(
    store: &mut Store,
    key: &[u8],
    value: &[u8],
    options: &[&[u8]],
    out: &mut Vec<u8>,
) -> Result<(), Failure> {
    let (mut expires, mut only_new, mut only_old) = (None, false, false);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let mut time = |unit| {
            let time = integer(options.next().ok_or(Failure::Syntax)?)?;
            if time > 0 { after(time, unit) } else { Err(Failure::BadExpiry) }
        };
        match option.to_ascii_uppercase().as_slice() {
            b"EX" => expires = Some(time(1000)?),
            b"PX" => expires = Some(time(1)?),
            b"NX" => only_new = true,
            b"XX" => only_old = true,
            _ => return Err(Failure::Syntax),
        }
    }
    if only_new && only_old {
        return Err(Failure::Syntax);
    }
    // Most say neither, and need no look at what is there.
    if (only_new || only_old) && store.contains(key) == only_new {
        out.nil();
    } else {
        store.set(key, value.to_vec(), expires);
        out.simple("OK");
    }
    Ok(())
}

fn add(store: &mut Store, key: &[u8], by: i64, out: &mut Vec<u8>) -> Result<(), Failure> {
    let before = store.get::<Bytes>(key)?.map_or(Ok(0), |text| integer(text))?;
    let sum = before.checked_add(by).ok_or(Failure::NotAnInteger)?;
    store.change(key, |text: &mut Bytes| *text = sum.to_string().into_bytes())?;
    out.integer(sum);
    Ok(())
}

/// What clients ask about the server and themselves, and tell it.
fn about(name: &[u8], which: &[u8], rest: &[&[u8]], out: &mut Vec<u8>) -> Result<(), Failure> {
    match (name, which.to_ascii_uppercase().as_slice()) {
        // A goroutine a client.
        (b"CLIENT", b"ID") => out.line(b':', &gort::current().id().to_string()),
        (b"CLIENT", b"SETNAME" | b"SETINFO") => out.simple("OK"),
        (b"COMMAND", b"COUNT") => out.count(NAMES.len()),
        (b"COMMAND", b"DOCS" | b"INFO") => out.array(0),
        // Mostly about persistence: there is none.
        (b"CONFIG", b"GET") => {
            out.array(2 * rest.len());
            rest.iter().for_each(|name| [*name, b""].iter().for_each(|text| out.bulk(text)));
        }
        (b"CONFIG", b"SET" | b"RESETSTAT") => out.simple("OK"),
        _ => return Err(Failure::Syntax),
    }
    Ok(())
}

/// The instant `time` units of so many milliseconds from now. One that lies in the past is now.
fn after(time: i64, unit: i64) -> Result<Instant, Failure> {
    let milliseconds = time.checked_mul(unit).ok_or(Failure::BadExpiry)?.max(0) as u64;
    Instant::now().checked_add(Duration::from_millis(milliseconds)).ok_or(Failure::BadExpiry)
}

/// From the first to the last of `len`; negative ones count from the end.
fn range(first: &[u8], last: &[u8], len: usize) -> Result<std::ops::Range<usize>, Failure> {
    let from_begin = |i: i64| if i < 0 { (i + len as i64).max(-1) } else { i };
    let begin = (from_begin(integer(first)?).max(0) as usize).min(len);
    let end = ((from_begin(integer(last)?) + 1) as usize).min(len);
    Ok(begin..end.max(begin))
}
