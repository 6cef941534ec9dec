//! The command `edri`, from outside: real processes, real signals.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use edri_link::wire::{Credentials, Frame, Hello, Limits, write};
use serde_json::Value;
use tempfile::TempDir;

const EDRI: &str = env!("CARGO_BIN_EXE_edri");

const PATIENCE: Duration = Duration::from_secs(30);

fn edri(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(EDRI).args(arguments).current_dir(folder).stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = edri(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What it says of why it failed.
#[track_caller]
fn fails(folder: &Path, arguments: &[&str]) -> String {
    let output = edri(folder, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// `edri switch` as a process.
struct Switch {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Switch {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(EDRI)
            .arg("switch")
            .args(arguments)
            .current_dir(folder)
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (lines, writes) = (BufReader::new(child.stderr.take().unwrap()).lines(), Arc::clone(&log));
        thread::spawn(move || lines.map_while(Result::ok).for_each(|line| writes.lock().unwrap().push(line)));
        Self { child, log }
    }

    /// The first line of its log that has this in it.
    #[track_caller]
    fn says(&self, part: &str) -> String {
        let began = Instant::now();
        loop {
            let log = self.log.lock().unwrap();
            if let Some(line) = log.iter().find(|line| line.contains(part)) {
                return line.clone();
            }
            assert!(began.elapsed() < PATIENCE, "{part:?} is not in {log:#?}");
            drop(log);
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Where it listens.
    #[track_caller]
    fn address(&self) -> String {
        let line = self.says("the switch listens");
        line.split("address=").nth(1).unwrap().trim().to_owned()
    }

    /// Where it tells its status.
    #[track_caller]
    fn status_address(&self) -> String {
        let line = self.says("the status is told at");
        line.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned()
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    fn end(mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "it has not ended: {:#?}", self.log.lock().unwrap());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Switch {
    /// A failed test leaves nothing running.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn two_commands_make_a_secure_set_up() {
    let place = TempDir::new().unwrap();
    let folder = place.path();
    let told = succeeds(folder, &["cert", "new", "--router", "press-1", "--router", "press-2"]);
    assert!(told.contains("certs/press-2.key") && told.contains("edri switch --listen"), "{told}");
    let switch = Switch::start(folder, &["--listen", "127.0.0.1:0", "--tls", "certs"]);
    let address = switch.address();
    let told = succeeds(folder, &["ping", &address, "--tls", "certs", "--name", "press-1", "-c", "1"]);
    assert!(told.contains("TLS: welcome") && told.contains("1 answered, 0% lost"), "{told}");
    // Without a certificate, without TLS, under another name: nobody.
    let told = fails(folder, &["ping", &address, "--tls", "certs", "--name", "oven", "-c", "1"]);
    assert!(told.contains("CertificateRequired"), "{told}");
    let told = fails(folder, &["ping", &address, "-c", "1"]);
    assert!(told.contains("it speaks TLS"), "{told}");
    let other = ["--authority", "certs/authority.pem", "--certificate", "certs/press-1.pem"];
    let other = [&other[..], &["--key", "certs/press-1.key", "--name", "press-2", "-c", "1"]].concat();
    let told = fails(folder, &[&["ping", &address], &other[..]].concat());
    assert!(told.contains("expected press-1, as its certificate says"), "{told}");
    // One more router, later; and nothing is written over.
    succeeds(folder, &["cert", "router", "oven"]);
    succeeds(folder, &["ping", &address, "--tls", "certs", "--name", "oven", "-c", "1"]);
    let told = fails(folder, &["cert", "router", "oven"]);
    assert!(told.contains("certs/oven.key exists already and is not written over"), "{told}");
    let told = fails(folder, &["cert", "new"]);
    assert!(told.contains("there is an authority in certs already"), "{told}");
}

#[test]
fn a_switch_that_is_killed_can_be_started_again_at_once_and_one_that_is_told_to_stop_ends_with_0() {
    let place = TempDir::new().unwrap();
    let folder = place.path();
    let mut first = Switch::start(folder, &["--listen", "127.0.0.1:0"]);
    let address = first.address();
    succeeds(folder, &["ping", &address, "-c", "1"]);
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    let told = fails(folder, &["ping", &address, "-c", "1"]);
    assert!(told.contains("cannot connect"), "{told}");
    let second = Switch::start(folder, &["--listen", &address]);
    second.address();
    let found: Value =
        serde_json::from_str(&succeeds(folder, &["ping", &address, "-c", "2", "-i", "10 ms", "--json"]))
            .unwrap();
    assert_eq!((found["sent"].as_u64(), found["answered"].as_u64()), (Some(2), Some(2)));
    second.signal("TERM");
    second.says("the switch has stopped");
    assert_eq!(second.end().code(), Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let place = TempDir::new().unwrap();
    let config =
        "listen = [\"127.0.0.1:0\"]\ndrain-time = \"10 min\"\n[limits]\nhandshake-time = \"10 min\"\n";
    fs::write(place.path().join("switch.toml"), config).unwrap();
    let switch = Switch::start(place.path(), &["--config", "switch.toml"]);
    // Somebody who does not go: a member that reads nothing.
    let mut inside = std::net::TcpStream::connect(switch.address()).unwrap();
    let identity = edri_link::Identity::new(edri::event::RouterId::fresh(), "stays");
    let hello = Hello::new(identity, Credentials::None, Limits::default(), 60_000);
    let mut bytes = Vec::new();
    write(&mut bytes, &Frame::Hello(hello));
    std::io::Write::write_all(&mut inside, &bytes).unwrap();
    switch.says("a router joined");
    switch.signal("TERM");
    switch.says("about to stop");
    switch.signal("TERM");
    assert_eq!(switch.end().code(), Some(143));
    drop(inside);
}

#[test]
fn what_it_was_told_is_read_again_on_sighup_and_what_does_not_work_changes_nothing() {
    let place = TempDir::new().unwrap();
    let folder = place.path();
    let config = folder.join("switch.toml");
    fs::write(&config, "listen = [\"127.0.0.1:0\"]\nnetworks = [\"one\"]\n").unwrap();
    let switch = Switch::start(folder, &["--config", "switch.toml"]);
    let address = switch.address();
    let ping = ["ping", &address, "-c", "1", "--network", "two"];
    assert!(fails(folder, &ping).contains("there is no network \"two\" here"));
    fs::write(&config, "listen = [\"127.0.0.1:0\"]\nnetworks = [\"one\", \"two\"]\n").unwrap();
    switch.signal("HUP");
    switch.says("the settings were read again");
    succeeds(folder, &ping);
    fs::write(&config, "listen = [\"127.0.0.1:0\"]\nnetwork = []\n").unwrap();
    switch.signal("HUP");
    let told = switch.says("the settings stay as they were");
    assert!(told.contains("switch.toml:2: network: unknown field"), "{told}");
    succeeds(folder, &ping);
}

#[test]
fn settings_that_do_not_work_are_told_by_their_key() {
    let place = TempDir::new().unwrap();
    let folder = place.path();
    let config = folder.join("switch.toml");
    let refused = |text: &str, expected: &str| {
        fs::write(&config, text).unwrap();
        let told = fails(folder, &["switch", "--config", "switch.toml", "--check"]);
        assert!(told.contains(expected), "{told}");
    };
    refused("[limits]\nframe = \"1 KiB\"", "limits.frame is 1024 bytes: expected 16 KiB to 16 MiB");
    refused("\n\nlisten = 1", "switch.toml:3: listen: invalid type: integer `1`");
    refused("plain-text = \"no\"", "switch.toml:1: plain-text: \"no\" is none of them: expected");
    let told = fails(folder, &["switch", "--listen", "0.0.0.0:0"]);
    assert!(told.contains("0.0.0.0:0 can be reached from other machines and there is no TLS"), "{told}");
    let told = fails(folder, &["switch", "--token-file", "none"]);
    assert!(told.contains("--token-file none: No such file"), "{told}");
    // The command line goes before the file.
    fs::write(&config, "listen = [\"0.0.0.0:0\"]").unwrap();
    let fine = ["switch", "--config", "switch.toml", "--listen", "127.0.0.1:0", "--check"];
    assert_eq!(succeeds(folder, &fine), "the settings are fine\n");
}

#[test]
fn given_the_status_port_is_taken_then_it_warns_and_forwards() {
    let place = TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let status = taken.local_addr().unwrap().to_string();
    let switch = Switch::start(place.path(), &["--listen", "127.0.0.1:0", "--status", &status]);
    let told = switch.says("the status is not told");
    assert!(told.contains(&status), "{told}");
    succeeds(place.path(), &["ping", &switch.address(), "-c", "1"]);
}

#[test]
fn top_tells_programs_and_people_what_is_there() {
    let place = TempDir::new().unwrap();
    let folder = place.path();
    let switch = Switch::start(folder, &["--listen", "127.0.0.1:0", "--status", "127.0.0.1:0"]);
    let status = switch.status_address();
    let json: Value = serde_json::from_str(&succeeds(folder, &["top", &status, "--json"])).unwrap();
    assert_eq!(json["counts"]["open"].as_u64(), Some(0));
    assert_eq!(json["listen"][0].as_str(), Some(switch.address().as_str()));
    let table = succeeds(folder, &["top", &status]);
    assert!(table.contains("router") && table.contains("0 of 16384 connections"), "{table}");
    let told = fails(folder, &["top", &switch.address()]);
    assert!(told.contains("the status cannot be fetched"), "{told}");
}
