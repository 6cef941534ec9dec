use std::collections::HashMap;
use std::time::{Duration, Instant};

use edri_event::RouterId;
use edri_link::wire::{Identity, Refusal, Refused};

/// Which router is called what, by its certificate: for a while nobody of another name may say that he is that router.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    names: HashMap<RouterId, Claim>,
}

#[derive(Debug)]
struct Claim {
    name: String,
    at: Instant,
}

/// Longer than anything waits for a router to come back.
const FOR: Duration = Duration::from_secs(600);

/// No more are remembered.
const MOST: usize = 65_536;

impl Claims {
    pub(crate) fn claim(&mut self, identity: &Identity, now: Instant) -> Result<(), Refused> {
        let is_current = |claim: &Claim| now.saturating_duration_since(claim.at) < FOR;
        if let Some(claim) = self.names.get_mut(&identity.router)
            && is_current(claim)
            && claim.name != identity.name
        {
            let reason = format!(
                "the router {} belongs to another: the certificate is for {:?}",
                identity.router, identity.name
            );
            return Err(Refused::new(Refusal::Taken, reason));
        }
        if self.names.len() >= MOST {
            self.names.retain(|_, claim| is_current(claim));
        }
        if self.names.len() < MOST || self.names.contains_key(&identity.router) {
            self.names.insert(identity.router, Claim { name: identity.name.clone(), at: now });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(bits: u128, name: &str) -> Identity {
        Identity::new(RouterId::from_bits(bits), name)
    }

    #[test]
    fn a_router_belongs_to_a_name_for_a_while() {
        let (mut claims, now) = (Claims::default(), Instant::now());
        assert_eq!(claims.claim(&identity(1, "a"), now), Ok(()));
        assert_eq!(claims.claim(&identity(1, "b"), now).unwrap_err().code, Refusal::Taken);
        assert_eq!(claims.claim(&identity(1, "a"), now + FOR / 2), Ok(()));
        assert!(claims.claim(&identity(1, "b"), now + FOR).is_err());
        assert_eq!(claims.claim(&identity(1, "b"), now + FOR * 2), Ok(()));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (mut claims, now) = (Claims::default(), Instant::now());
        for bits in 0..MOST as u128 + 10 {
            assert_eq!(claims.claim(&identity(bits, "a"), now), Ok(()));
        }
        assert_eq!(claims.names.len(), MOST);
        assert_eq!(claims.claim(&identity(1 << 100, "a"), now + FOR), Ok(()));
        assert_eq!(claims.names.len(), 1);
    }
}
