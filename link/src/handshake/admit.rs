use super::greeting::{Hello, Refusal, Refused, Welcome};
use super::{FEATURES, Identity, MAGIC, Peer, VERSION};
use crate::limits::Limits;
use crate::settings::Settings;

/// Whether whoever says `hello` may come in.
pub(crate) fn admit(hello: Hello, ours: &Settings) -> Result<(Welcome, Peer), Refused> {
    if hello.magic != MAGIC {
        let reason = format!("the greeting began with {:?}: expected {MAGIC:?}", hello.magic);
        return Err(Refused::new(Refusal::NoRouter, reason));
    }
    let (lowest, highest) = hello.versions;
    if !(lowest..=highest).contains(&VERSION) {
        let reason = format!(
            "it speaks versions {lowest} to {highest} of the link protocol: expected one that includes {VERSION}"
        );
        return Err(Refused::new(Refusal::Version, reason));
    }
    check_identity(&hello.identity, &ours.identity)?;
    if let Some(token) = &ours.token {
        let reason = match &hello.token {
            Some(given) if given.matches(token) => None,
            Some(_) => Some("the token is not the one that is expected"),
            None => Some("no token was given: expected one"),
        };
        if let Some(reason) = reason {
            return Err(Refused::new(Refusal::Token, reason));
        }
    }
    check_limits(&hello.limits)?;
    let welcome = Welcome {
        version: VERSION,
        identity: ours.identity.clone(),
        features: hello.features & FEATURES,
        limits: ours.limits,
        heartbeat: ours.heartbeat_millis(),
    };
    Ok((welcome, Peer { identity: hello.identity, version: VERSION, limits: hello.limits }))
}

/// Whether the end that says `welcome` is one to talk to.
pub(crate) fn check_welcome(welcome: Welcome, ours: &Settings) -> Result<Peer, Refused> {
    if welcome.version != VERSION {
        let reason = format!("it chose version {} of the link protocol: expected {VERSION}", welcome.version);
        return Err(Refused::new(Refusal::Version, reason));
    }
    check_identity(&welcome.identity, &ours.identity)?;
    check_limits(&welcome.limits)?;
    Ok(Peer { identity: welcome.identity, version: welcome.version, limits: welcome.limits })
}

fn check_identity(theirs: &Identity, ours: &Identity) -> Result<(), Refused> {
    if theirs.router == ours.router {
        let reason = format!("both ends are the router {}: a router cannot be linked to itself", ours.router);
        return Err(Refused::new(Refusal::Itself, reason));
    }
    if theirs.network != ours.network {
        let reason = format!("it belongs to the network {:?}: expected {:?}", theirs.network, ours.network);
        return Err(Refused::new(Refusal::Network, reason));
    }
    Ok(())
}

fn check_limits(limits: &Limits) -> Result<(), Refused> {
    limits.check().map_err(|reason| Refused::new(Refusal::Limits, reason))
}
