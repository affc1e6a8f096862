//! The example `resp_server`, by a client that speaks the protocol; by Redis's own tools too where they are.

#[path = "example_support/mod.rs"]
mod example_support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Stdio};

use example_support::{Server, command, read_slowly, stderr, stdout};

fn server() -> Server {
    Server::start("resp_server", &["127.0.0.1:0"])
}

struct Client(BufReader<TcpStream>);

impl Client {
    fn new(server: &Server) -> Self {
        Self(BufReader::new(server.connect()))
    }

    fn send(&mut self, args: &[&str]) {
        let mut text = format!("*{}\r\n", args.len());
        args.iter().for_each(|arg| text += &format!("${}\r\n{arg}\r\n", arg.len()));
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// The next answer, as redis-cli would show it on a line.
    fn answer(&mut self) -> String {
        let mut line = String::new();
        assert!(self.0.read_line(&mut line).unwrap() > 0, "the connection has ended");
        let rest = line[1..].trim_end_matches("\r\n").to_owned();
        match &line[..1] {
            "+" | "-" => rest,
            ":" => format!("({rest})"),
            "$" if rest == "-1" => "nil".to_owned(),
            "$" => {
                let mut bytes = vec![0; rest.parse::<usize>().unwrap() + 2];
                self.0.read_exact(&mut bytes).unwrap();
                let text = String::from_utf8_lossy(bytes.strip_suffix(b"\r\n").unwrap()).into_owned();
                format!("{text:?}")
            }
            "*" => {
                let elements: Vec<_> = (0..rest.parse().unwrap()).map(|_| self.answer()).collect();
                format!("[{}]", elements.join(" "))
            }
            _ => panic!("{line:?} is no answer"),
        }
    }

    #[track_caller]
    fn check(&mut self, command: &str, expected: &str) {
        let args: Vec<_> = command.split(' ').collect();
        self.send(&args);
        assert_eq!(self.answer(), expected, "{command}");
    }
}

#[test]
fn commands() {
    let server = server();
    let mut client = Client::new(&server);
    let wrong = "WRONGTYPE Operation against a key holding the wrong kind of value";
    let not_an_integer = "ERR value is not an integer or out of range";
    for (command, expected) in [
        ("PING", "PONG"),
        ("ping hello", r#""hello""#),
        ("ECHO hello", r#""hello""#),
        ("SELECT 0", "OK"),
        ("SELECT 1", "ERR DB index is out of range"),
        ("SELECT x", not_an_integer),
        ("COMMAND", "[]"),
        ("COMMAND DOCS", "[]"),
        ("COMMAND COUNT", "(56)"),
        ("CONFIG GET save", r#"["save" ""]"#),
        ("CONFIG SET save x", "OK"),
        ("CONFIG NONSENSE", "ERR syntax error"),
        ("CLIENT SETNAME x", "OK"),
        ("CLIENT NONSENSE", "ERR syntax error"),
        ("GET a", "nil"),
        ("SET a 1", "OK"),
        ("GET a", r#""1""#),
        ("TYPE a", "string"),
        ("TYPE nothing", "none"),
        ("SET a 2 NX", "nil"),
        ("SET b 2 XX", "nil"),
        ("SET a 3 XX", "OK"),
        ("SET a 3 XX NX", "ERR syntax error"),
        ("SET a 3 KEEP", "ERR syntax error"),
        ("SET a 3 EX", "ERR syntax error"),
        ("SET a 3 EX 0", "ERR invalid expire time"),
        ("SET a 3 EX many", not_an_integer),
        ("SETNX a 4", "(0)"),
        ("SETNX c 4", "(1)"),
        ("GETSET a 5", r#""3""#),
        ("INCR a", "(6)"),
        ("DECR a", "(5)"),
        ("INCRBY a 10", "(15)"),
        ("DECRBY a 20", "(-5)"),
        ("INCR counter", "(1)"),
        ("SET big 9223372036854775807", "OK"),
        ("INCR big", not_an_integer),
        ("DECRBY big -9223372036854775808", not_an_integer),
        ("SET word x", "OK"),
        ("INCR word", not_an_integer),
        ("APPEND word yz", "(3)"),
        ("STRLEN word", "(3)"),
        ("STRLEN nothing", "(0)"),
        ("MSET x 1 y 2", "OK"),
        ("MGET x nothing y", r#"["1" nil "2"]"#),
        ("MSET x 1 y", "ERR wrong number of arguments for 'mset' command"),
        ("EXISTS x y z", "(2)"),
        ("DEL x y z", "(2)"),
        ("EXISTS x", "(0)"),
        ("RPUSH list a b c", "(3)"),
        ("LPUSH list z y", "(5)"),
        ("LRANGE list 0 -1", r#"["y" "z" "a" "b" "c"]"#),
        ("LRANGE list -2 100", r#"["b" "c"]"#),
        ("LRANGE list 3 1", "[]"),
        ("LRANGE list -100 -100", "[]"),
        ("LRANGE nothing 0 1", "[]"),
        ("LRANGE list a b", not_an_integer),
        ("LLEN list", "(5)"),
        ("LINDEX list 0", r#""y""#),
        ("LINDEX list -1", r#""c""#),
        ("LINDEX list 5", "nil"),
        ("LPOP list", r#""y""#),
        ("RPOP list", r#""c""#),
        ("TYPE list", "list"),
        ("GET list", wrong),
        ("MGET list a", r#"[nil "-5"]"#),
        ("INCR list", wrong),
        ("LPUSH a x", wrong),
        ("LPOP nothing", "nil"),
        ("SADD set a b a", "(2)"),
        ("SADD set b c", "(1)"),
        ("SCARD set", "(3)"),
        ("SISMEMBER set a", "(1)"),
        ("SISMEMBER set z", "(0)"),
        ("SMEMBERS set", r#"["a" "b" "c"]"#),
        ("SREM set a z", "(1)"),
        ("SPOP set", r#""b""#),
        ("SPOP set", r#""c""#),
        ("SPOP set", "nil"),
        ("EXISTS set", "(0)"),
        ("HSET hash f 1 g 2", "(2)"),
        ("HSET hash f 3 h 4", "(1)"),
        ("HGET hash f", r#""3""#),
        ("HGET hash z", "nil"),
        ("HEXISTS hash g", "(1)"),
        ("HLEN hash", "(3)"),
        ("HGETALL hash", r#"["f" "3" "g" "2" "h" "4"]"#),
        ("HDEL hash f g z", "(2)"),
        ("HSET hash f", "ERR wrong number of arguments for 'hset' command"),
        ("ZADD zset 2 b 1 a 3 c", "(3)"),
        ("ZADD zset 0.5 c", "(0)"),
        ("ZADD zset x c", "ERR value is not a valid float"),
        ("ZRANGE zset 0 -1", r#"["c" "a" "b"]"#),
        ("ZSCORE zset c", r#""0.5""#),
        ("ZCARD zset", "(3)"),
        ("ZPOPMIN zset", r#"["c" "0.5"]"#),
        ("ZREM zset a z", "(1)"),
        ("ZPOPMIN zset", r#"["b" "2"]"#),
        ("ZPOPMIN zset", "[]"),
        ("EXPIRE nothing 10", "(0)"),
        ("TTL nothing", "(-2)"),
        ("TTL a", "(-1)"),
        ("EXPIRE a 100", "(1)"),
        ("TTL a", "(100)"),
        ("PERSIST a", "(1)"),
        ("PERSIST a", "(0)"),
        ("EXPIRE a many", not_an_integer),
        ("EXPIRE a 9223372036854775807", "ERR invalid expire time"),
        ("PEXPIRE a -1", "(1)"),
        ("EXISTS a", "(0)"),
        ("SET short x PX 1000000", "OK"),
        ("TTL short", "(1000)"),
        ("GET", "ERR wrong number of arguments for 'get' command"),
        ("NONSENSE 1", "ERR unknown command 'nonsense'"),
        ("FLUSHALL", "OK"),
        ("DBSIZE", "(0)"),
        ("KEYS *", "[]"),
    ] {
        client.check(command, expected);
    }
}

#[test]
fn each_client_has_a_number() {
    let server = server();
    let [mut one, mut two] = [Client::new(&server), Client::new(&server)];
    let id = |client: &mut Client| {
        client.send(&["CLIENT", "id"]);
        let answer = client.answer();
        answer.trim_matches(['(', ')']).parse::<u64>().expect(&answer)
    };
    let numbers = [id(&mut one), id(&mut two), id(&mut one)];
    assert!(numbers[0] == numbers[2] && numbers[0] != numbers[1], "{numbers:?}");
}

#[test]
fn keys_by_pattern() {
    let server = server();
    let mut client = Client::new(&server);
    client.check("MSET hello 1 hallo 1 hxllo 1 hllo 1 heeello 1 h*llo 1 x] 1", "OK");
    let mut check = |pattern: &str, expected: &[&str]| {
        client.send(&["KEYS", pattern]);
        let answer = client.answer();
        let mut keys: Vec<_> =
            answer.trim_matches(['[', ']']).split(' ').map(|k| k.trim_matches('"')).collect();
        keys.retain(|key| !key.is_empty());
        keys.sort_unstable();
        assert_eq!(keys, expected, "{pattern}");
    };
    let most = ["h*llo", "hallo", "heeello", "hello", "hllo", "hxllo"];
    check("h*", &most);
    check("*", &[&most[..], &["x]"]].concat());
    check("**l*o", &most);
    check("h*e*o", &["heeello", "hello"]);
    check("h?llo", &["h*llo", "hallo", "hello", "hxllo"]);
    check("h[ae]llo", &["hallo", "hello"]);
    check("h[a-f]llo", &["hallo", "hello"]);
    check("h[f-a]llo", &["hallo", "hello"]);
    check("h[^e]llo", &["h*llo", "hallo", "hxllo"]);
    check("h[^a-f]llo", &["h*llo", "hxllo"]);
    check(r"h\*llo", &["h*llo"]);
    check(r"h[\*x]llo", &["h*llo", "hxllo"]);
    check(r"x[\]]", &["x]"]);
    check("hello", &["hello"]);
    check("hell", &[]);
    check("ello", &[]);
    check("hello?", &[]);
    check("h[ae", &[]);
    check("", &[]);
    // What is no match is found out without trying everything.
    check(&("a*".repeat(1000) + "b"), &[]);
    client.check(&format!("SET {} 1", "a".repeat(5000)), "OK");
    client.check(&format!("KEYS {}b", "a*".repeat(1000)), "[]");
}

#[test]
fn what_expires_is_gone() {
    let server = server();
    let mut client = Client::new(&server);
    client.check("SET a 1 PX 20", "OK");
    client.check("RPUSH b 1", "(1)");
    client.check("PEXPIRE b 20", "(1)");
    for key in ["a", "b"] {
        loop {
            client.send(&["EXISTS", key]);
            match client.answer().as_str() {
                "(1)" => std::thread::yield_now(),
                gone => break assert_eq!(gone, "(0)"),
            }
        }
        client.check(&format!("TTL {key}"), "(-2)");
    }
    client.check("LPUSH b 2", "(1)");
    client.check("TTL b", "(-1)");
}

#[test]
fn pipelined_commands_are_answered_in_order() {
    for procs in ["1", "2", "8"] {
        let server = Server::start_with("resp_server", &["127.0.0.1:0"], procs);
        let mut client = Client::new(&server);
        let mut text = String::new();
        for i in 0..10_000 {
            text += &format!(
                "*3\r\n$3\r\nSET\r\n$5\r\nkey{:02}\r\n${}\r\n{i}\r\nGET key{:02}\r\n",
                i % 50,
                i.to_string().len(),
                i % 50
            );
        }
        let mut stream = client.0.get_ref().try_clone().unwrap();
        let writer = std::thread::spawn(move || stream.write_all(text.as_bytes()).unwrap());
        for i in 0..10_000 {
            assert_eq!((client.answer().as_str(), client.answer()), ("OK", format!("\"{i}\"")));
        }
        writer.join().unwrap();
    }
}

#[test]
fn many_clients_count_together() {
    for procs in ["1", "2", "8"] {
        let server = Server::start_with("resp_server", &["127.0.0.1:0"], procs);
        std::thread::scope(|s| {
            for _ in 0..20 {
                s.spawn(|| {
                    let mut client = Client::new(&server);
                    for _ in 0..100 {
                        client.send(&["INCR", "n"]);
                        client.answer();
                    }
                });
            }
        });
        Client::new(&server).check("GET n", r#""2000""#);
    }
}

#[test]
fn a_command_may_come_byte_by_byte_and_strings_may_hold_anything() {
    let server = server();
    let mut client = Client::new(&server);
    let text = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$7\r\na\r\n\0$*\xff\r\n  GET   k\t\r\n\r\n";
    for byte in text {
        client.0.get_mut().write_all(&[*byte]).unwrap();
    }
    assert_eq!((client.answer().as_str(), client.answer().as_str()), ("OK", "\"a\\r\\n\\0$*\u{fffd}\""));
}

#[test]
fn a_command_may_have_very_many_words() {
    let server = server();
    let mut client = Client::new(&server);
    let n = (1 << 20) - 1;
    client.send(&[&["EXISTS"][..], &vec!["x"; n]].concat());
    assert_eq!(client.answer(), "(0)");
    client.check("SET x 1", "OK");
    client.send(&[&["EXISTS"][..], &vec!["x"; n]].concat());
    assert_eq!(client.answer(), format!("({n})"));
}

#[test]
fn a_silent_client_is_left() {
    let server = Server::start("resp_server", &["127.0.0.1:0", "0.5"]);
    let mut client = Client::new(&server);
    client.check("PING", "PONG");
    assert_eq!(client.0.read_to_end(&mut Vec::new()).unwrap(), 0);
}

#[test]
fn a_client_that_reads_slowly_is_left() {
    let server = Server::start("resp_server", &["127.0.0.1:0", "1"]);
    let mut client = Client::new(&server);
    client.check(&format!("SET x {}", "x".repeat(1 << 20)), "OK");
    let mut stream = client.0.into_inner();
    // More than is read at once: as the rest is not, the end is a reset, which comes before what is on its way.
    stream.write_all("GET x\r\n".repeat(20_000).as_bytes()).unwrap();
    read_slowly(stream, 3 << 20);
}

#[test]
fn what_is_no_command_ends_the_connection() {
    let server = server();
    let check = |text: &[u8], expected: &str| {
        let mut stream = server.connect();
        stream.write_all(b"PING\r\n").unwrap();
        stream.write_all(text).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert_eq!(said, format!("+PONG\r\n{expected}"), "{}", String::from_utf8_lossy(text));
    };
    check(b"*many\r\n", "-ERR Protocol error: invalid multibulk length\r\n");
    check(b"*-1\r\n", "-ERR Protocol error: invalid multibulk length\r\n");
    check(b"*99999999\r\n", "-ERR Protocol error: invalid multibulk length\r\n");
    check(b"*1\r\nGET\r\n", "-ERR Protocol error: expected '$'\r\n");
    check(b"*1\r\n$-1\r\n", "-ERR Protocol error: invalid bulk length\r\n");
    check(b"*1\r\n$999999999\r\n", "-ERR Protocol error: too big a command\r\n");
    check(b"*1\r\n$18446744073709551615\r\n", "-ERR Protocol error: too big a command\r\n");
    let mega = [b"$1048576\r\n", &vec![b'x'; 1 << 20][..], b"\r\n"].concat();
    let giant = [b"*65\r\n", &mega.repeat(63)[..], b"$1048576\r\n"].concat();
    check(&giant, "-ERR Protocol error: too big a command\r\n");
    check(b"*1\r\n$1\r\nabc\r\n", "-ERR Protocol error: expected the end of a string\r\n");
    check(b"*0\r\n\r\n", "");
    check(b"QUIT\r\nPING\r\n", "+OK\r\n");
    check(b"*1\r\n$4\r\nPI", "");
}

/// Whether the tool is there; that it is not is said past the test's capture of its output.
fn is_installed_or_told(tool: &str) -> bool {
    let found =
        Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        let _ = writeln!(std::io::stderr(), "redis_tools_are_content: skipped, there is no {tool}");
    }
    found
}

#[test]
fn redis_tools_are_content() {
    let server = server();
    let port = server.address.port().to_string();
    if is_installed_or_told("redis-cli") {
        let cli = |args: &[&str]| {
            let output = command("redis-cli").args(["-p", &port]).args(args).output().unwrap();
            assert!(output.status.success(), "{}", stderr(&output));
            stdout(&output)
        };
        assert_eq!(cli(&["SET", "greeting", "hello world"]), "OK\n");
        assert_eq!(cli(&["GET", "greeting"]), "hello world\n");
        assert_eq!(cli(&["RPUSH", "list", "a", "b"]), "2\n");
        assert_eq!(cli(&["LRANGE", "list", "0", "-1"]), "a\nb\n");
    }
    if is_installed_or_told("redis-benchmark") {
        for pipeline in ["1", "16"] {
            let args = ["-p", &port, "-c", "20", "-n", "2000", "-P", pipeline, "--csv"];
            let output = command("redis-benchmark").args(args).output().unwrap();
            let (text, err) = (stdout(&output), stderr(&output));
            assert!(output.status.success() && !text.contains("rror") && err.is_empty(), "{text}{err}");
            assert!(text.lines().count() >= 20, "{text}");
        }
    }
}
