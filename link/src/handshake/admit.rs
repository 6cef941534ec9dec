use super::greeting::{Hello, Welcome};
use super::{FEATURES, Identity, MAGIC, Peer, Refusal, Refused, VERSION};
use crate::settings::Settings;
use crate::wire::Limits;

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

#[cfg(test)]
mod tests {
    use edri_event::RouterId;

    use super::*;
    use crate::handshake::Token;

    fn hello() -> Hello {
        Hello {
            magic: MAGIC,
            versions: (VERSION, VERSION + 3),
            identity: Identity::new(RouterId::from_bits(1), "there"),
            token: Some(Token::new("not asked for")),
            features: !0,
            limits: Limits::default(),
            heartbeat: 1,
        }
    }

    fn here() -> Settings {
        Settings::new(Identity::new(RouterId::from_bits(2), "here"))
    }

    #[test]
    fn the_version_that_both_speak_and_the_features_that_both_have_are_agreed_upon() {
        let (welcome, peer) = admit(hello(), &here()).unwrap();
        assert_eq!((welcome.version, welcome.features, peer.version), (VERSION, FEATURES, VERSION));
    }

    #[test]
    fn an_unknown_version_is_refused_with_the_one_that_is_spoken() {
        let later = Hello { versions: (VERSION + 1, VERSION + 2), ..hello() };
        let refused = admit(later, &here()).unwrap_err();
        assert_eq!(refused.code, Refusal::Version);
        assert!(refused.reason.contains(&format!("includes {VERSION}")), "{refused}");
    }

    #[test]
    fn whoever_begins_otherwise_is_no_router() {
        let other = Hello { magic: *b"HTTP", ..hello() };
        assert_eq!(admit(other, &here()).unwrap_err().code, Refusal::NoRouter);
    }

    #[test]
    fn a_welcome_in_a_version_that_was_not_offered_is_not_accepted() {
        let (mut welcome, _) = admit(hello(), &here()).unwrap();
        welcome.version += 1;
        let there = Settings::new(hello().identity);
        assert_eq!(check_welcome(welcome, &there).unwrap_err().code, Refusal::Version);
    }
}
