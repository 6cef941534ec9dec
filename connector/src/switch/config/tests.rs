use std::path::PathBuf;
use std::time::Duration;

use edri_link::wire::Token;

use super::*;
use crate::switch::settings::{Access, Clients, Networks, PlainText, Verb};

fn read(text: &str) -> Result<SwitchSettings, ConfigError> {
    SwitchSettings::from_toml(text, "switch.toml", Path::new("/etc/edri"))
}

#[test]
fn every_key_has_its_effect() {
    let settings = read(
        r#"
        listen = ["0.0.0.0:8899", "[::]:8899"]
        status = "127.0.0.1:8900"
        networks = ["plant", "office"]
        heartbeat = "2 s"
        drain-time = "1 min"
        plain-text = "anywhere"
        refuse = ["press-7"]

        [tls]
        certificate = "switch.pem"
        key = "/run/switch.key"
        authority = "authority.pem"
        clients = "optional"

        [[token]]
        secret = "0123456789abcdef"
        routers = ["press-*"]
        networks = ["plant"]

        [[access]]
        routers = ["press-*"]
        publish = ["press::*"]
        subscribe = ["*"]
        answer = ["press::Stop"]

        [limits]
        connections = 1
        connections-per-address = 2
        handshakes = 3
        handshake-time = "4 s"
        frame = "16 KiB"
        queue = "6 MiB"
        memory = 70000000
        stall-time = "8 s"
        backlog = "9 MiB"
        networks = 10
        interests = 11
        types = 12
        "#,
    )
    .unwrap();
    assert_eq!(settings.listen, ["0.0.0.0:8899", "[::]:8899"]);
    assert_eq!(settings.status.as_deref(), Some("127.0.0.1:8900"));
    assert_eq!(settings.networks, Networks::only(["office", "plant"]));
    assert_eq!(settings.heartbeat, Duration::from_secs(2));
    assert_eq!(settings.drain, Duration::from_secs(60));
    assert_eq!(settings.plain_text, PlainText::Anywhere);
    assert_eq!(settings.refuse, ["press-7".into()]);
    let tls = settings.tls.as_ref().unwrap();
    assert_eq!(tls.certificate, PathBuf::from("/etc/edri/switch.pem"));
    assert_eq!(tls.key, PathBuf::from("/run/switch.key"));
    assert_eq!(tls.authority, Some(PathBuf::from("/etc/edri/authority.pem")));
    assert_eq!(tls.clients, Clients::Optional);
    assert!(settings.tokens[0].secret.matches(&Token::new("0123456789abcdef")));
    assert!(settings.tokens[0].covers("plant", "press-1") && !settings.tokens[0].covers("office", "press-1"));
    let rule = Access::of(["press-*".into()]).publish("press::*").subscribe("*").answer("press::Stop");
    assert_eq!(settings.access, [rule].into_iter().collect());
    let limits = &settings.limits;
    assert_eq!((limits.connections, limits.per_address, limits.handshakes), (1, 2, 3));
    assert_eq!((limits.handshake, limits.stall), (Duration::from_secs(4), Duration::from_secs(8)));
    assert_eq!((limits.frame, limits.queue), (16 << 10, 6 << 20));
    assert_eq!((limits.memory, limits.backlog), (70_000_000, 9 << 20));
    assert_eq!((limits.networks, limits.interests, limits.types), (10, 11, 12));
}

#[test]
fn an_empty_file_is_the_defaults_and_waits_for_the_command_line() {
    assert_eq!(read("").unwrap(), SwitchSettings::new([""; 0]));
}

/// Names the file and the line, the key, and what was expected.
#[track_caller]
fn refused(text: &str, line: usize, key: &str, expected: &[&str]) {
    let error = read(text).unwrap_err();
    let told = error.to_string();
    assert!(told.starts_with(&format!("switch.toml:{line}: {key}: ")), "{told}");
    assert_eq!((error.line, error.key.as_deref()), (Some(line), Some(key)));
    for part in expected {
        assert!(told.contains(part), "{part:?} is not in {told:?}");
    }
}

#[test]
fn errors_name_the_line_the_key_the_value_and_what_was_expected() {
    refused("listen = [\"a:1\"]\nlisen = 3", 2, "lisen", &["unknown field `lisen`", "`listen`"]);
    refused("listen = 3", 1, "listen", &["integer `3`", "expected a sequence"]);
    refused("[limits]\n\nframe = \"1 furlong\"", 3, "limits.frame", &["\"1 furlong\"", "64 KiB"]);
    refused("[limits]\nframe = true", 2, "limits.frame", &["boolean `true`", "expected a size such as"]);
    refused("[limits]\nqueue = -1", 2, "limits.queue", &["\"-1\"", "expected bytes"]);
    refused("[limits]\nconnections = -1", 2, "limits.connections", &["-1"]);
    refused("heartbeat = 5", 1, "heartbeat", &["\"5\"", "expected a number with ms, s"]);
    refused("plain-text = \"yes\"", 1, "plain-text", &["\"yes\"", "\"on-loopback\"", "\"anywhere\""]);
    refused("[tls]\nkey = \"k\"", 1, "tls", &["missing field `certificate`"]);
    refused(
        "[tls]\ncertificate = \"c\"\nkey = \"k\"\nclients = 1",
        4,
        "tls.clients",
        &["\"1\"", "\"not-asked\""],
    );
    refused("\n[[token]]\nrouters = []", 2, "token[0]", &["neither secret nor secret-file"]);
    refused("[[token]]\nsecret = \"short\"", 2, "token[0].secret", &["of 5 bytes: expected 16"]);
    refused(
        "[[token]]\nsecret = \"0123456789abcdef\"\n[[token]]\nsecret-file = \"none\"",
        4,
        "token[1].secret-file",
        &["/etc/edri/none cannot be read"],
    );
    refused("[[access]]\n[[access]]\nrouters = [\"\"]", 3, "access[1].routers", &["an empty name"]);
    refused("[[access]]\nroles = []", 2, "access[0].roles", &["unknown field `roles`"]);
}

#[test]
fn what_is_not_toml_is_refused_with_its_line() {
    let told = read("listen = [\"a:1\"]\nstatus = ").unwrap_err().to_string();
    assert!(told.starts_with("switch.toml:2: "), "{told}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let told = SwitchSettings::from_file(Path::new("/no/such/switch.toml")).unwrap_err().to_string();
    assert!(told.starts_with("/no/such/switch.toml: it cannot be read: "), "{told}");
}

#[test]
fn a_secret_may_be_in_a_file_beside_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), "0123456789abcdef\n").unwrap();
    fs::write(folder.path().join("switch.toml"), "[[token]]\nsecret-file = \"token\"").unwrap();
    let settings = SwitchSettings::from_file(&folder.path().join("switch.toml")).unwrap();
    assert!(settings.tokens[0].secret.matches(&Token::new("0123456789abcdef")));
}

#[test]
fn what_an_access_rule_does_not_mention_it_does_not_allow() {
    let settings = read("[[access]]\nrouters = [\"a\"]\nsubscribe = [\"*\"]").unwrap();
    let rights = settings.access.rights("", edri_event::RouterId::from_bits(1), "a").unwrap();
    assert!(rights.allow(Verb::Subscribe, "x") && !rights.permit().covers("x"));
}
