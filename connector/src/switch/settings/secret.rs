use std::fmt;

use super::access::any_or_empty;
use edri_link::wire::{Pattern, Token};

/// A shared secret: who gives it may join as one of some routers, in some networks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenRule {
    /// What has to be given.
    pub secret: Secret,
    /// What the routers that give it may be called. Empty: anything.
    pub routers: Vec<Pattern>,
    /// Which networks they may join. Empty: all.
    pub networks: Vec<Pattern>,
}

/// A secret text. It is not shown by anything.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Token);

/// A secret that is shorter than this can be guessed.
const SHORTEST: usize = 16;

/// A greeting does not hold a longer one beside everything else.
const LONGEST: usize = 4 * 1024;

impl TokenRule {
    /// Whoever gives the secret may join as any router, in any network.
    pub fn new(secret: Secret) -> Self {
        Self { secret, routers: Vec::new(), networks: Vec::new() }
    }

    /// Whether a router of that name may join that network by it.
    pub(crate) fn covers(&self, network: &str, name: &str) -> bool {
        any_or_empty(&self.networks, |pattern| pattern.matches(network))
            && any_or_empty(&self.routers, |pattern| pattern.matches(name))
    }
}

impl Secret {
    /// A secret of 16 to 4,096 bytes, without the white space around it.
    ///
    /// # Errors
    /// What is wrong with its length.
    pub fn new(text: &str) -> Result<Self, String> {
        let text = text.trim();
        match text.len() {
            SHORTEST..=LONGEST => Ok(Self(Token::new(text))),
            length => {
                Err(format!("a secret of {length} bytes: expected {SHORTEST} to {LONGEST}, chosen at random"))
            }
        }
    }

    /// Compares in a time that depends on the lengths alone.
    pub(crate) fn matches(&self, given: &Token) -> bool {
        self.0.matches(given)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_the_same_only_as_itself_and_is_not_shown() {
        let secret = Secret::new(" 0123456789abcdef\n").unwrap();
        assert!(secret.matches(&Token::new("0123456789abcdef")));
        for other in ["", "0123456789abcde", "0123456789abcdeg", "0123456789abcdef0"] {
            assert!(!secret.matches(&Token::new(other)));
        }
        assert!(!format!("{:?}", TokenRule::new(secret)).contains("0123"));
    }

    #[test]
    fn a_secret_that_can_be_guessed_is_refused() {
        assert!(Secret::new("secret").unwrap_err().contains("a secret of 6 bytes: expected 16 to"));
    }

    #[test]
    fn it_covers_the_routers_and_networks_that_it_names() {
        let mut rule = TokenRule::new(Secret::new("0123456789abcdef").unwrap());
        assert!(rule.covers("any", "thing"));
        rule.routers.push("press-*".into());
        rule.networks.push("plant".into());
        assert!(rule.covers("plant", "press-1"));
        assert!(!rule.covers("plant", "oven") && !rule.covers("office", "press-1"));
    }
}
