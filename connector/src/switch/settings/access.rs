use std::sync::Arc;

use edri_event::RouterId;

use edri_link::wire::{Pattern, Permit};

/// What some routers may do with some events. A router may do what any of the rules that are about it allows.
///
/// A switch without rules lets everybody do everything. With a rule or more, a router that none of them is about is
/// turned away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Access {
    /// In which networks. Empty: in all.
    pub networks: Vec<Pattern>,
    /// Which routers, by their names, or by their ids in hexadecimal. Empty: all.
    pub routers: Vec<Pattern>,
    /// Which notifications they may send, which requests they may make, and which tunnels they may open.
    pub publish: Vec<Pattern>,
    /// Which notifications, and answers to others, they may hear.
    pub subscribe: Vec<Pattern>,
    /// Which requests they may answer, and which tunnels they may accept.
    pub answer: Vec<Pattern>,
}

/// All rules of a switch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessList(Vec<Arc<Access>>);

/// What one router may do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Rights {
    /// There is no access list.
    All,
    /// What one of these allows.
    These(Arc<[Arc<Access>]>),
}

/// What may be done with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Subscribe,
    Answer,
}

impl Access {
    /// All that these routers may do is what is said from here on.
    pub fn of(routers: impl IntoIterator<Item = Pattern>) -> Self {
        Self { routers: routers.into_iter().collect(), ..Self::default() }
    }

    /// In these networks only.
    #[must_use]
    pub fn within(mut self, networks: impl IntoIterator<Item = Pattern>) -> Self {
        self.networks.extend(networks);
        self
    }

    /// They may send these.
    #[must_use]
    pub fn publish(mut self, events: impl Into<Pattern>) -> Self {
        self.publish.push(events.into());
        self
    }

    /// They may hear these.
    #[must_use]
    pub fn subscribe(mut self, events: impl Into<Pattern>) -> Self {
        self.subscribe.push(events.into());
        self
    }

    /// They may answer these.
    #[must_use]
    pub fn answer(mut self, events: impl Into<Pattern>) -> Self {
        self.answer.push(events.into());
        self
    }

    fn is_about(&self, network: &str, router: RouterId, name: &str) -> bool {
        let id = router.to_string();
        any_or_empty(&self.networks, |pattern| pattern.matches(network))
            && any_or_empty(&self.routers, |pattern| pattern.matches(name) || pattern.matches(&id))
    }

    fn allows(&self, verb: Verb, event: &str) -> bool {
        let patterns = match verb {
            Verb::Subscribe => &self.subscribe,
            Verb::Answer => &self.answer,
        };
        patterns.iter().any(|pattern| pattern.matches(event))
    }
}

pub(super) fn any_or_empty(patterns: &[Pattern], is_meant: impl Fn(&Pattern) -> bool) -> bool {
    patterns.is_empty() || patterns.iter().any(is_meant)
}

impl AccessList {
    /// What a router may do; `None` if no rule is about it.
    pub(crate) fn rights(&self, network: &str, router: RouterId, name: &str) -> Option<Rights> {
        if self.0.is_empty() {
            return Some(Rights::All);
        }
        let about = self.0.iter().filter(|rule| rule.is_about(network, router, name));
        let these: Arc<[_]> = about.cloned().collect();
        (!these.is_empty()).then_some(Rights::These(these))
    }

    /// How long all patterns of what may be sent are together, if that is longer than can be told.
    pub(super) fn too_long_to_tell(&self) -> Option<usize> {
        let patterns = self.0.iter().flat_map(|rule| &rule.publish);
        let length = patterns.map(|pattern| pattern.as_str().len() + 2).sum();
        (length > super::LONGEST_PERMIT).then_some(length)
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Access> for AccessList {
    fn from_iter<I: IntoIterator<Item = Access>>(rules: I) -> Self {
        Self(rules.into_iter().map(Arc::new).collect())
    }
}

impl Rights {
    pub(crate) fn allow(&self, verb: Verb, event: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(rules) => rules.iter().any(|rule| rule.allows(verb, event)),
        }
    }

    /// What may be sent, as others are told.
    pub(crate) fn permit(&self) -> Permit {
        let Self::These(rules) = self else { return Permit::All };
        let mut patterns: Vec<_> = rules.iter().flat_map(|rule| rule.publish.iter().cloned()).collect();
        patterns.sort();
        patterns.dedup();
        if patterns.contains(&Pattern::any()) { Permit::All } else { Permit::Only(patterns) }
    }
}

impl Verb {
    /// As in: it may …
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe to",
            Self::Answer => "answer",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> AccessList {
        [
            Access::of(["press-*".into()]).within(["plant".into()]).publish("press::*").answer("press::Stop"),
            Access::of(["press-1".into()]).subscribe("*"),
            Access::of([Pattern::new(RouterId::from_bits(7).to_string())]).publish("*"),
        ]
        .into_iter()
        .collect()
    }

    fn rights(network: &str, name: &str) -> Option<Rights> {
        list().rights(network, RouterId::from_bits(1), name)
    }

    #[test]
    fn a_router_may_do_what_any_rule_about_it_allows_and_nothing_else() {
        let rights = rights("plant", "press-1").unwrap();
        assert!(rights.allow(Verb::Answer, "press::Stop"));
        assert!(!rights.allow(Verb::Answer, "press::Start"));
        assert!(rights.allow(Verb::Subscribe, "anything"));
        assert_eq!(rights.permit(), Permit::Only(vec!["press::*".into()]));
    }

    #[test]
    fn a_rule_is_about_the_networks_and_routers_it_names_by_name_or_id() {
        let outside = rights("office", "press-1").unwrap();
        assert!(!outside.permit().covers("press::Stopped") && outside.allow(Verb::Subscribe, "x"));
        assert_eq!(rights("office", "press-2"), None);
        let by_id = list().rights("office", RouterId::from_bits(7), "nobody").unwrap();
        assert!(by_id.permit() == Permit::All && !by_id.allow(Verb::Subscribe, "anything"));
    }

    #[test]
    fn without_rules_everybody_may_do_everything() {
        let rights = AccessList::default().rights("any", RouterId::from_bits(1), "any").unwrap();
        assert!(rights.permit() == Permit::All && rights.allow(Verb::Answer, "x"));
    }
}
