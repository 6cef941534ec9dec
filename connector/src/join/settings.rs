use std::time::Duration;

use edri_event::Failure;
use edri_link::wire::Proof;
use edri_link::{Durable, DurableSettings, Filter, Identity, Limits, Settings, Token};
use edri_router::{Horizon, InboxSettings, Router};

use crate::switch::{PlainText, SwitchLimits, TlsSettings};
#[cfg(feature = "tls")]
use crate::tls::TlsClient;

/// What a connector is told.
#[derive(Clone, Debug)]
pub(super) struct JoinSettings {
    /// Where it goes, or where it listens: `HOST:PORT` each.
    pub(super) addresses: Vec<String>,
    pub(super) network: String,
    pub(super) name: Option<String>,
    pub(super) token: Option<Token>,
    pub(super) filter: Filter,
    pub(super) horizon: Option<Horizon>,
    pub(super) inbox: InboxSettings,
    pub(super) outbox: u32,
    pub(super) limits: Limits,
    pub(super) heartbeat: Duration,
    pub(super) rejoin: Duration,
    pub(super) absence: Duration,
    pub(super) closing: Duration,
    /// What lasts, and where; and when it is open.
    pub(super) durable: Option<DurableSettings>,
    pub(super) open: Option<Durable>,
    pub(super) plain_text: PlainText,
    /// Whom it trusts where it connects.
    #[cfg(feature = "tls")]
    pub(super) tls: Option<TlsClient>,
    /// How it proves who it is where it listens.
    pub(super) certificates: Option<TlsSettings>,
    /// How many may connect where it listens.
    pub(super) doors: SwitchLimits,
}

/// The longest name of a router or a network, in bytes, which is what a switch takes.
const LONGEST_NAME: usize = 256;

impl JoinSettings {
    pub(super) fn new<T: Into<String>>(addresses: impl IntoIterator<Item = T>) -> Self {
        Self {
            addresses: addresses.into_iter().map(Into::into).collect(),
            network: String::new(),
            name: None,
            token: None,
            filter: Filter::all(),
            horizon: None,
            inbox: InboxSettings::default(),
            outbox: 1024 * 1024,
            limits: Limits::default(),
            heartbeat: Duration::from_secs(5),
            rejoin: Duration::from_secs(60),
            absence: Duration::from_secs(20),
            closing: Duration::from_secs(5),
            durable: None,
            open: None,
            plain_text: PlainText::OnLoopback,
            #[cfg(feature = "tls")]
            tls: None,
            certificates: None,
            doors: SwitchLimits {
                connections: 1024,
                per_address: 256,
                handshakes: 64,
                ..SwitchLimits::default()
            },
        }
    }

    /// What cannot work.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let wrong = |reason: &str| Err(Failure::new("settings", reason));
        if self.addresses.is_empty() {
            return wrong("no address was given: expected HOST:PORT, one or several");
        }
        if let Some(address) = self.addresses.iter().find(|address| !has_port(address)) {
            let expected = "expected HOST:PORT, such as switch.local:8899 or [::1]:8899";
            return wrong(&format!("{address:?} is no address: {expected}"));
        }
        for (what, text) in [("network", Some(&self.network)), ("router's name", self.name.as_ref())] {
            if let Some(text) = text.filter(|text| text.len() > LONGEST_NAME) {
                let length = text.len();
                return wrong(&format!("the {what} is {length} bytes long: expected at most {LONGEST_NAME}"));
            }
        }
        if self.token.is_some() && self.plain_text == PlainText::Anywhere && !self.is_encrypted() {
            return wrong(
                "plain text is allowed anywhere and there is a token: expected TLS, or it would travel in clear",
            );
        }
        if self.heartbeat < Duration::from_millis(10) {
            let told = self.heartbeat;
            return wrong(&format!("the heartbeat is {told:?}: expected at least 10 ms"));
        }
        self.limits.check().or_else(|reason| wrong(&reason))
    }

    fn is_encrypted(&self) -> bool {
        #[cfg(feature = "tls")]
        if self.tls.is_some() {
            return true;
        }
        self.certificates.is_some()
    }

    /// For a link of `router` that begins: it is known to nobody yet.
    pub(super) fn link(&self, router: &Router) -> Settings {
        let name = self.name.clone();
        let name = name.unwrap_or_else(|| format!("router-{:08x}", (router.id().to_bits() >> 96) as u32));
        let mut identity = Identity::new(router.id(), name);
        identity.network.clone_from(&self.network);
        let mut settings = Settings::network(identity);
        settings.limits = self.limits;
        settings.outbox = self.outbox;
        settings.inbox = self.inbox;
        settings.heartbeat = self.heartbeat;
        settings.rejoin = Some(self.rejoin);
        settings.absence = self.absence;
        settings.closing = self.closing;
        settings.horizon = self.horizon;
        settings.filter = self.filter.clone();
        settings.token.clone_from(&self.token);
        settings.durable.clone_from(&self.open);
        settings.proof = Proof::fresh();
        settings
    }
}

fn has_port(address: &str) -> bool {
    address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(settings: &JoinSettings) -> String {
        settings.check().unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_work_is_refused_with_what_is_expected() {
        let none: [&str; 0] = [];
        assert!(refused(&JoinSettings::new(none)).contains("expected HOST:PORT, one or several"));
        for address in ["", "8899", "switch.local", ":8899", "switch.local:http", "switch.local:70000"] {
            let told = refused(&JoinSettings::new(["localhost:1", address]));
            assert!(told.contains(&format!("{address:?} is no address")), "{told}");
        }
        let good = || JoinSettings::new(["[::1]:8899", "switch.local:8899", "127.0.0.1:0"]);
        assert_eq!(good().check(), Ok(()));
        let long = JoinSettings { network: "n".repeat(257), ..good() };
        assert!(refused(&long).contains("257 bytes long: expected at most 256"));
        let clear = JoinSettings {
            token: Some(Token::new("0123456789abcdef")),
            plain_text: PlainText::Anywhere,
            ..good()
        };
        assert!(refused(&clear).contains("expected TLS"));
        let restless = JoinSettings { heartbeat: Duration::ZERO, ..good() };
        assert!(refused(&restless).contains("expected at least 10 ms"));
    }

    #[test]
    fn each_link_is_of_an_incarnation_of_its_own() {
        let (router, settings) = (Router::new(), JoinSettings::new(["localhost:1"]));
        let (one, other) = (settings.link(&router), settings.link(&router));
        assert_ne!(one.identity.incarnation, other.identity.incarnation);
        assert_eq!(one.identity.router, other.identity.router);
        assert!(one.identity.name.starts_with("router-"));
    }
}
