use crate::settings::Settings;
use crate::wire::{
    Credentials, Hello, Identity, Limits, Peer, Purpose, Refusal, Refused, Station, VERSION, Welcome,
};

/// Whether whoever says `hello`, which is of a version that is spoken here, may come in.
pub(crate) fn admit(hello: Hello, ours: &Settings) -> Result<(Welcome, Peer), Refused> {
    check_identity(&hello.identity, &ours.identity)?;
    if let Some(token) = &ours.token
        && !hello.credentials.match_token(token)
    {
        let reason = match &hello.credentials {
            Credentials::None => "no token was given: expected one",
            _ => "the token is not the one that is expected",
        };
        return Err(Refused::new(Refusal::Token, reason));
    }
    if hello.purpose != Purpose::Join {
        let reason = "it came to look, and there is a router here: expected one that wants to join";
        return Err(Refused::new(Refusal::Station, reason));
    }
    check_limits(&hello.limits)?;
    let welcome = Welcome {
        version: VERSION,
        identity: ours.identity.clone(),
        station: Station::Router,
        features: hello.features & ours.features(),
        limits: ours.limits,
        heartbeat: ours.heartbeat_millis(),
    };
    let features = welcome.features;
    Ok((welcome, Peer { identity: hello.identity, version: VERSION, limits: hello.limits, features }))
}

/// Whether the end that says `welcome` is one to talk to: a router or a switch, as `expected`.
pub(crate) fn check_welcome(welcome: Welcome, expected: Expected, ours: &Settings) -> Result<Peer, Refused> {
    if welcome.version != VERSION {
        let reason = format!("it chose version {} of the link protocol: expected {VERSION}", welcome.version);
        return Err(Refused::new(Refusal::Version, reason));
    }
    let found = match welcome.station {
        Station::Router => Expected::Router,
        Station::Switch { .. } => Expected::Switch,
    };
    if found != expected {
        let reason = format!("a {} is there: expected a {}", found.name(), expected.name());
        return Err(Refused::new(Refusal::Station, reason));
    }
    check_identity(&welcome.identity, &ours.identity)?;
    check_limits(&welcome.limits)?;
    let features = welcome.features & ours.features();
    Ok(Peer { identity: welcome.identity, version: welcome.version, limits: welcome.limits, features })
}

/// What is to be at the accepting end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Router,
    Switch,
}

impl Expected {
    fn name(self) -> &'static str {
        match self {
            Self::Router => "router",
            Self::Switch => "switch",
        }
    }
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
    use crate::wire::{FEATURES, Token};

    fn hello() -> Hello {
        let identity = Identity::new(RouterId::from_bits(1), "there");
        let mut hello = Hello::new(identity, Credentials::Token(Token::new("unasked")), Limits::default(), 1);
        hello.versions = (VERSION, VERSION + 3);
        hello.features = !0;
        hello
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
    fn a_welcome_in_a_version_that_was_not_offered_is_not_accepted() {
        let (mut welcome, _) = admit(hello(), &here()).unwrap();
        welcome.version += 1;
        let there = Settings::new(hello().identity);
        let refused = check_welcome(welcome, Expected::Router, &there).unwrap_err();
        assert_eq!(refused.code, Refusal::Version);
    }

    #[test]
    fn a_router_where_a_switch_is_expected_is_left_and_the_other_way_round() {
        let (mut welcome, _) = admit(hello(), &here()).unwrap();
        let there = Settings::new(hello().identity);
        let refused = check_welcome(welcome.clone(), Expected::Switch, &there).unwrap_err();
        assert_eq!(
            (refused.code, &*refused.reason),
            (Refusal::Station, "a router is there: expected a switch")
        );
        welcome.station = Station::Switch { member: 7 };
        assert!(check_welcome(welcome.clone(), Expected::Switch, &there).is_ok());
        let refused = check_welcome(welcome, Expected::Router, &there).unwrap_err();
        assert_eq!(refused.reason, "a switch is there: expected a router");
    }
}
