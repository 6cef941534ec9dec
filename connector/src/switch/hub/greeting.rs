use std::net::SocketAddr;
use std::time::{Duration, Instant};

use edri_link::wire::{Credentials, Hello, Identity, Permit, Refusal, Refused, VERSION};

use super::member::{Newcomer, Vouched};
use crate::switch::settings::{LONGEST_NAME, Rights, SwitchSettings, TokenRule};

/// Where a connection comes from, and what is known of it before it says anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    pub(crate) bearer: Bearer,
}

/// What carries a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bearer {
    /// Nothing keeps it secret.
    Plain,
    /// TLS, without a certificate of the router.
    #[cfg_attr(not(feature = "tls"), allow(dead_code, reason = "no connection is"))]
    Encrypted,
    /// TLS, with a certificate for a router of one of these names.
    #[cfg_attr(not(feature = "tls"), allow(dead_code, reason = "no connection is"))]
    Certified(Vec<String>),
}

/// A peer does not want to hear from the switch more often.
const CLOSEST: Duration = Duration::from_millis(20);

impl Origin {
    /// Whether nobody can listen to it.
    fn is_private(&self) -> bool {
        self.bearer != Bearer::Plain || self.address.ip().to_canonical().is_loopback()
    }
}

/// Whether whoever says `hello` may come in, and as whom.
pub(crate) fn admit(
    hello: Hello,
    origin: &Origin,
    settings: &SwitchSettings,
    now: Instant,
) -> Result<Newcomer, Refused> {
    let mut identity = hello.identity;
    check_name("router", &identity.name)?;
    check_name("network", &identity.network)?;
    let vouched = match &origin.bearer {
        Bearer::Certified(names) => {
            identity.name = certified(names, identity.name)?;
            Vouched::Certificate
        }
        Bearer::Plain | Bearer::Encrypted => {
            check_token(&hello.credentials, &identity.network, &identity.name, origin, settings)?
        }
    };
    let rights = may_join(&identity, settings)?;
    hello.limits.check().map_err(|reason| Refused::new(Refusal::Limits, reason))?;
    if hello.limits.interests < settings.limits.interests {
        let reason = format!(
            "it takes {} interests of each other router: expected {} at least, which is what others may have",
            hello.limits.interests, settings.limits.interests
        );
        return Err(Refused::new(Refusal::Limits, reason));
    }
    if u128::from(hello.heartbeat) < CLOSEST.as_millis() {
        let reason =
            format!("it wants a heartbeat every {} ms: expected {CLOSEST:?} at least", hello.heartbeat);
        return Err(Refused::new(Refusal::Limits, reason));
    }
    let permit: Permit = rights.permit();
    Ok(Newcomer {
        identity,
        version: VERSION,
        features: hello.features,
        limits: hello.limits,
        proof: hello.proof,
        vouched,
        rights,
        permit,
        address: origin.address,
        encrypted: origin.bearer != Bearer::Plain,
        since: now,
    })
}

/// What a router may do that is known to be this one, if it may join at all.
fn may_join(identity: &Identity, settings: &SwitchSettings) -> Result<Rights, Refused> {
    let Identity { router, network, name, .. } = identity;
    if !settings.networks.has(network) {
        return Err(Refused::new(Refusal::Network, format!("there is no network {network:?} here")));
    }
    if settings.refuse.iter().any(|pattern| pattern.matches(name) || pattern.matches(&router.to_string())) {
        let reason = format!("the router {name:?} is not let in, whatever it shows");
        return Err(Refused::new(Refusal::Forbidden, reason));
    }
    settings.access.rights(network, *router, name).ok_or_else(|| {
        let reason =
            format!("the access list has no rule about the router {name:?} in the network {network:?}");
        Refused::new(Refusal::Forbidden, reason)
    })
}

impl Newcomer {
    /// Whether it would be let in by these settings, too, and might do the same.
    pub(crate) fn stands_under(&self, settings: &SwitchSettings) -> bool {
        let is_known = match &self.vouched {
            Vouched::Certificate => true,
            Vouched::Token(rule) => settings.tokens.contains(rule),
            Vouched::Nobody => settings.tokens.is_empty(),
        };
        is_known && may_join(&self.identity, settings).as_ref() == Ok(&self.rights)
    }
}

/// Names are shown to people, by terminals among others.
fn check_name(what: &str, name: &str) -> Result<(), Refused> {
    let reason = if name.len() > LONGEST_NAME {
        format!("the name of its {what} has {} bytes: expected at most {LONGEST_NAME}", name.len())
    } else if name.chars().any(char::is_control) {
        format!("the name of its {what} is {name:?}: expected no control characters")
    } else {
        return Ok(());
    };
    Err(Refused::new(Refusal::Forbidden, reason))
}

/// The name that a certificate vouches for.
fn certified(names: &[String], called: String) -> Result<String, Refused> {
    if names.contains(&called) {
        return Ok(called);
    }
    let reason = match names {
        [] => {
            "its certificate names no router: expected a subject alternative name of the kind DNS".to_owned()
        }
        [first, ..] if called.is_empty() => return Ok(first.clone()),
        names => {
            format!("it calls itself {called:?}: expected {}, as its certificate says", names.join(" or "))
        }
    };
    Err(Refused::new(Refusal::Forbidden, reason))
}

fn check_token(
    credentials: &Credentials,
    network: &str,
    name: &str,
    origin: &Origin,
    settings: &SwitchSettings,
) -> Result<Vouched, Refused> {
    let refused = |reason: &str| Err(Refused::new(Refusal::Token, reason));
    if settings.tokens.is_empty() {
        return Ok(Vouched::Nobody);
    }
    let Credentials::Token(token) = credentials else {
        return refused("no token was given: expected one");
    };
    if !origin.is_private() {
        return refused(
            "the token came in clear over a network, and counts for nothing: expected TLS. Whoever was listening knows it now",
        );
    }
    // All are compared, so that the time does not tell which one was right.
    let known: Vec<_> = settings.tokens.iter().filter(|rule| rule.secret.matches(token)).collect();
    match known.iter().find(|rule| rule.covers(network, name)) {
        Some(rule) => Ok(Vouched::Token(Box::new(TokenRule::clone(rule)))),
        None if known.is_empty() => refused("the token is not one that is expected"),
        None => {
            let reason = format!("the token is not for a router {name:?} in the network {network:?}");
            Err(Refused::new(Refusal::Forbidden, reason))
        }
    }
}
