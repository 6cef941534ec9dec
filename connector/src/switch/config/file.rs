use std::fmt;
use std::fs;
use std::marker::PhantomData;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::error::Wrong;
use crate::switch::settings::{
    Access, Clients, Networks, Pattern, PlainText, Secret, Size, Span, SwitchLimits, SwitchSettings,
    TlsSettings, TokenRule,
};

/// The keys of a configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct File {
    #[serde(default)]
    listen: Vec<String>,
    status: Option<String>,
    networks: Option<Vec<String>>,
    heartbeat: Option<Text<Span>>,
    drain_time: Option<Text<Span>>,
    plain_text: Option<Text<PlainText>>,
    tls: Option<Tls>,
    #[serde(default, deserialize_with = "patterns")]
    refuse: Vec<Pattern>,
    #[serde(default)]
    token: Vec<Spanned<Token>>,
    #[serde(default)]
    access: Vec<AccessKeys>,
    #[serde(default)]
    limits: Limits,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    authority: Option<PathBuf>,
    clients: Option<Text<Clients>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Token {
    secret: Option<Spanned<String>>,
    secret_file: Option<Spanned<PathBuf>>,
    #[serde(default, deserialize_with = "patterns")]
    routers: Vec<Pattern>,
    #[serde(default, deserialize_with = "patterns")]
    networks: Vec<Pattern>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct AccessKeys {
    #[serde(default, deserialize_with = "patterns")]
    networks: Vec<Pattern>,
    #[serde(default, deserialize_with = "patterns")]
    routers: Vec<Pattern>,
    #[serde(default, deserialize_with = "patterns")]
    publish: Vec<Pattern>,
    #[serde(default, deserialize_with = "patterns")]
    subscribe: Vec<Pattern>,
    #[serde(default, deserialize_with = "patterns")]
    answer: Vec<Pattern>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Limits {
    connections: Option<usize>,
    connections_per_address: Option<usize>,
    handshakes: Option<usize>,
    handshake_time: Option<Text<Span>>,
    frame: Option<Text<Size>>,
    queue: Option<Text<Size>>,
    memory: Option<Text<Size>>,
    stall_time: Option<Text<Span>>,
    backlog: Option<Text<Size>>,
    networks: Option<usize>,
    interests: Option<u32>,
    types: Option<u32>,
}

/// A value that is written as a text, or as a plain number where it can be understood without a unit.
struct Text<T>(T);

/// What can be written so.
trait Written: FromStr<Err: fmt::Display> {
    const EXPECTED: &str;
}

impl Written for Size {
    const EXPECTED: &str = "a size such as \"64 KiB\"";
}

impl Written for Span {
    const EXPECTED: &str = "a time such as \"5 s\"";
}

impl Written for PlainText {
    const EXPECTED: &str = "\"on-loopback\" or \"anywhere\"";
}

impl Written for Clients {
    const EXPECTED: &str = "\"required\", \"optional\" or \"not-asked\"";
}

impl<'de, T: Written> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads<T>(PhantomData<T>);

        impl<T: Written> Visitor<'_> for Reads<T> {
            type Value = Text<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(T::EXPECTED)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Text<T>, E> {
                text.parse().map(Text).map_err(E::custom)
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Text<T>, E> {
                self.visit_str(&number.to_string())
            }
        }

        deserializer.deserialize_any(Reads(PhantomData))
    }
}

/// Names with stars. An empty one would mean nothing.
fn patterns<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Pattern>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    if texts.iter().any(String::is_empty) {
        return Err(D::Error::custom("holds an empty name: expected names, in which * stands for anything"));
    }
    Ok(texts.into_iter().map(Pattern::new).collect())
}

impl File {
    /// Reads the files of secrets, too.
    pub(super) fn into_settings(self, folder: &Path) -> Result<SwitchSettings, Wrong> {
        let mut settings = SwitchSettings::new(self.listen);
        settings.status = self.status;
        if let Some(networks) = self.networks {
            settings.networks = Networks::only(networks);
        }
        if let Some(Text(heartbeat)) = self.heartbeat {
            settings.heartbeat = heartbeat.get();
        }
        if let Some(Text(drain)) = self.drain_time {
            settings.drain = drain.get();
        }
        if let Some(Text(plain_text)) = self.plain_text {
            settings.plain_text = plain_text;
        }
        settings.tls = self.tls.map(|tls| tls.into_settings(folder));
        settings.tokens = self
            .token
            .into_iter()
            .map(|token| token.get_ref().rule(token.span(), folder))
            .collect::<Result<_, _>>()?;
        settings.refuse = self.refuse;
        settings.access = self.access.into_iter().map(AccessKeys::into_rule).collect();
        self.limits.put_into(&mut settings.limits);
        Ok(settings)
    }
}

impl Tls {
    fn into_settings(self, folder: &Path) -> TlsSettings {
        let by_default = if self.authority.is_some() { Clients::Required } else { Clients::NotAsked };
        TlsSettings {
            certificate: folder.join(self.certificate),
            key: folder.join(self.key),
            authority: self.authority.map(|authority| folder.join(authority)),
            clients: self.clients.map_or(by_default, |clients| clients.0),
        }
    }
}

impl Token {
    fn rule(&self, at: Range<usize>, folder: &Path) -> Result<TokenRule, Wrong> {
        let (at, secret) = match (&self.secret, &self.secret_file) {
            (Some(secret), None) => (secret.span(), secret.get_ref().clone()),
            (None, Some(file)) => {
                let path = folder.join(file.get_ref());
                let read = fs::read_to_string(&path);
                let secret = read.map_err(|error| Wrong {
                    at: file.span(),
                    reason: format!("{} cannot be read: {error}", path.display()),
                })?;
                (file.span(), secret)
            }
            (Some(_), Some(_)) => {
                let reason = "has both secret and secret-file: expected one of them".to_owned();
                return Err(Wrong { at, reason });
            }
            (None, None) => {
                let reason = "has neither secret nor secret-file: expected one of them".to_owned();
                return Err(Wrong { at, reason });
            }
        };
        let secret = Secret::new(&secret).map_err(|reason| Wrong { at, reason })?;
        let mut rule = TokenRule::new(secret);
        rule.routers.clone_from(&self.routers);
        rule.networks.clone_from(&self.networks);
        Ok(rule)
    }
}

impl AccessKeys {
    fn into_rule(self) -> Access {
        let mut rule = Access::of(self.routers);
        rule.networks = self.networks;
        rule.publish = self.publish;
        rule.subscribe = self.subscribe;
        rule.answer = self.answer;
        rule
    }
}

impl Limits {
    fn put_into(self, limits: &mut SwitchLimits) {
        fn put<T>(place: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *place = value;
            }
        }
        put(&mut limits.connections, self.connections);
        put(&mut limits.per_address, self.connections_per_address);
        put(&mut limits.handshakes, self.handshakes);
        put(&mut limits.handshake, self.handshake_time.map(|time| time.0.get()));
        // What goes beyond 32 bits is beyond the limit, too.
        put(&mut limits.frame, self.frame.map(|size| u32::try_from(size.0.get()).unwrap_or(u32::MAX)));
        put(&mut limits.queue, self.queue.map(|size| size.0.get()));
        put(&mut limits.memory, self.memory.map(|size| size.0.get()));
        put(&mut limits.stall, self.stall_time.map(|time| time.0.get()));
        put(&mut limits.backlog, self.backlog.map(|size| size.0.get()));
        put(&mut limits.networks, self.networks);
        put(&mut limits.interests, self.interests);
        put(&mut limits.types, self.types);
    }
}
