//! Redis over loopback, spoken to in plain RESP. It is started for each run, and skipped where it is not installed.

use std::{
    env,
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::keys::{Operation, Operations, THREADS, VALUE, keys};
use crate::{
    contender::Contender,
    measure::{Sample, Stopwatch},
    scenario::Scenario,
};

/// How many requests are sent before their answers are read.
const PIPELINED: u64 = 64;

/// The same for writes that are synced.
pub(super) const PIPELINED_DURABLE: u64 = 100;

/// What does not take part, and why.
pub(crate) fn skipped(scenario: Scenario) -> Option<&'static str> {
    let takes_part = matches!(scenario, Scenario::Kv | Scenario::KvDurable);
    (takes_part && !is_installed()).then_some("redis: skipped, redis-server is not installed")
}

pub(super) fn contenders() -> Vec<Contender> {
    if !is_installed() {
        return Vec::new();
    }
    vec![
        Contender::new(Scenario::Kv, "redis", |operations| run(operations, 1)).with_share(0.01),
        Contender::new(Scenario::Kv, "redis, pipelined by 64", |operations| run(operations, PIPELINED))
            .with_share(0.2),
        Contender::new(Scenario::KvDurable, "redis always, pipelined by 100", durable),
    ]
}

fn is_installed() -> bool {
    let paths = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&paths).any(|path| path.join("redis-server").is_file())
}

/// A server on a port of its own, which ends with this.
struct Server {
    process: Child,
    port: u16,
    _directory: TempDir,
}

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(10);

impl Server {
    fn start(options: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("there is a free port")
            .port();
        let process = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
            .arg(directory.path())
            .args(options)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server starts");
        let server = Self { process, port, _directory: directory };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < PATIENCE, "redis-server does not listen");
            thread::sleep(Duration::from_millis(5));
        }
        server
    }

    fn connect(&self) -> Connection {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        stream.set_nodelay(true).expect("a socket takes options");
        let answers = BufReader::with_capacity(1 << 16, stream.try_clone().expect("a socket can be cloned"));
        Connection { stream, answers, sent: Vec::new(), waiting: 0 }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Connection {
    stream: TcpStream,
    answers: BufReader<TcpStream>,
    sent: Vec<u8>,
    /// How many answers have not been read.
    waiting: u64,
}

impl Connection {
    fn get(&mut self, key: &str) {
        self.command(&[b"GET", key.as_bytes()]);
    }

    fn set(&mut self, key: &str) {
        self.command(&[b"SET", key.as_bytes(), &VALUE]);
    }

    fn command(&mut self, words: &[&[u8]]) {
        write!(self.sent, "*{}\r\n", words.len()).expect("memory takes it");
        for word in words {
            write!(self.sent, "${}\r\n", word.len()).expect("memory takes it");
            self.sent.extend_from_slice(word);
            self.sent.extend_from_slice(b"\r\n");
        }
        self.waiting += 1;
    }

    /// Sends what was asked, and reads all answers.
    fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.sent)?;
        self.sent.clear();
        let mut line = Vec::new();
        for _ in 0..std::mem::take(&mut self.waiting) {
            line.clear();
            self.answers.read_until(b'\n', &mut line)?;
            match line.first() {
                Some(b'+') => {}
                Some(b'$') if line.starts_with(b"$64") => {
                    let mut value = [0; VALUE.len() + 2];
                    self.answers.read_exact(&mut value)?;
                }
                _ => panic!("redis answered {:?}", String::from_utf8_lossy(&line)),
            }
        }
        Ok(())
    }
}

fn run(operations: u64, pipelined: u64) -> Sample {
    let server = Server::start(&[]);
    let keys = keys();
    let mut loader = server.connect();
    for part in keys.chunks(1000) {
        part.iter().for_each(|key| loader.set(key));
        loader.flush().expect("redis answers");
    }
    let each = operations / THREADS / pipelined * pipelined;
    let connections: Vec<_> = (0..THREADS).map(|_| server.connect()).collect();
    let stopwatch = Stopwatch::start();
    thread::scope(|scope| {
        for (thread, mut connection) in (0..).zip(connections) {
            let keys = &keys;
            scope.spawn(move || {
                for operation in Operations::new(keys, thread, each) {
                    match operation {
                        Operation::Get(key) => connection.get(key),
                        Operation::Set(key) => connection.set(key),
                    }
                    if connection.waiting == pipelined {
                        connection.flush().expect("redis answers");
                    }
                }
            });
        }
    });
    stopwatch.stop((each * THREADS).max(1))
}

fn durable(operations: u64) -> Sample {
    let server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let keys = keys();
    let mut connection = server.connect();
    let stopwatch = Stopwatch::start();
    for number in 0..operations {
        connection.set(&keys[number as usize % keys.len()]);
        if connection.waiting == PIPELINED_DURABLE || number + 1 == operations {
            connection.flush().expect("redis answers");
        }
    }
    stopwatch.stop(operations)
}
