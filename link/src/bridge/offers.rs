use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use edri_router::{
    Addressee, ConsumerId, Demand, Description, Role as Part, Router, Run, Shareable, ShareableEvent as _,
};

use super::seam::{MOST_HOPS, Seam, schema_of};
use crate::interest::{Consumer, Interest, Offered, RETIRED, Role};
use crate::numbers::ByNumber;

/// What this router, and those behind its other links, consume, as the other end has been told.
#[derive(Default)]
pub(super) struct Offers {
    told: HashMap<Description, (Shareable, HashMap<Who, Told>)>,
    /// What comes under each interest, and where it goes.
    pub(super) under: ByNumber<Interest, Offer>,
    /// Those of them that were withdrawn last: what is on its way goes to whoever is there, or is a dead letter.
    retired: VecDeque<Interest>,
}

/// As what, and which of several.
type Who = (Part, Option<ConsumerId>);

struct Told {
    interest: Interest,
    hops: u8,
    load: u32,
}

/// What the other end was told that is consumed here.
pub(super) enum Offer {
    Notification { run: Box<dyn Run>, to: Addressee },
    Responder(Shareable, ConsumerId),
    Observer(Shareable),
    Acceptor(Shareable, ConsumerId),
}

impl Offer {
    /// Whether it is for one consumer in particular.
    pub(super) fn is_addressed(&self) -> bool {
        match self {
            Self::Notification { to: Addressee::Subscribers, .. } | Self::Observer(_) => false,
            Self::Notification { .. } | Self::Responder(..) | Self::Acceptor(..) => true,
        }
    }
}

impl Offers {
    /// Tells how loaded those are who are told from each other, where that has changed.
    pub(super) fn update_loads(&mut self, router: &Router, seam: &Seam, offered: &mut Offered) {
        for (event, told) in self.told.values_mut() {
            if !told.keys().any(|(part, _)| matches!(part, Part::Responder | Part::Acceptor)) {
                continue;
            }
            for Demand { role, consumer, load, .. } in event.demands(router, seam.horizon()) {
                let load = u32::try_from(load).unwrap_or(u32::MAX);
                if let Some(known) = told.get_mut(&(role, consumer))
                    && consumer.is_some()
                    && known.load != load
                {
                    known.load = load;
                    offered.set_load(known.interest, load);
                }
            }
        }
    }

    /// Tells the other end what has changed in who consumes `event`.
    pub(super) fn update(&mut self, router: &Router, seam: &Seam, offered: &mut Offered, event: &Shareable) {
        let event = event.known().unwrap_or_else(|| event.clone());
        let description = event.description();
        let (before, told) =
            self.told.entry(description.clone()).or_insert_with(|| (event.clone(), HashMap::new()));
        // It was foreign, and is not any more.
        let is_new = *before != event;
        *before = event.clone();
        let mut gone = std::mem::take(told);
        for demand in event.demands(router, seam.horizon()) {
            let Demand { role, consumer, hops, load, .. } = demand;
            let load = u32::try_from(load).unwrap_or(u32::MAX);
            let who = (role, consumer);
            match gone.remove(&who) {
                Some(mut known) if hops < MOST_HOPS && (known.hops == hops || consumer.is_none()) => {
                    // Those who are told of together have no load: how far the nearest is takes its place.
                    let (was, is) = if consumer.is_none() {
                        (u32::from(known.hops), u32::from(hops))
                    } else {
                        (known.load, load)
                    };
                    if was != is {
                        offered.set_load(known.interest, is);
                    }
                    (known.load, known.hops) = (load, hops);
                    if is_new && let Some((offer, ..)) = offer(&event, &who) {
                        self.under.insert(known.interest, offer);
                    }
                    told.insert(who, known);
                }
                known => {
                    gone.extend(known.map(|known| (who.clone(), known)));
                    if hops >= MOST_HOPS {
                        continue;
                    }
                    let Some((offer, role, group)) = offer(&event, &who) else { continue };
                    let Some(schema) = schema_of(&event, role) else { continue };
                    let consumer = match consumer {
                        Some(id) => Consumer::own(Some(id.to_bits()), load).away(hops),
                        None => Consumer::own(None, hops.into()),
                    };
                    let interest = offered.announce(schema, group.as_deref(), consumer);
                    self.under.insert(interest, offer);
                    told.insert(who, Told { interest, hops, load });
                }
            }
        }
        for Told { interest, .. } in gone.into_values() {
            offered.retire(interest);
            self.retired.push_back(interest);
            if self.retired.len() > RETIRED
                && let Some(oldest) = self.retired.pop_front()
            {
                self.under.remove(&oldest);
            }
        }
        if told.is_empty() {
            self.told.remove(&description);
        }
    }
}

fn offer(event: &Shareable, (part, consumer): &Who) -> Option<(Offer, Role, Option<Arc<str>>)> {
    Some(match (event, part, *consumer) {
        (Shareable::Notification(event), Part::Subscriber, _) => {
            (Offer::Notification { run: event.run(), to: Addressee::Subscribers }, Role::Subscriber, None)
        }
        (Shareable::Notification(event), Part::Member(group), Some(member)) => {
            let to = Addressee::Member(group.clone(), member);
            (Offer::Notification { run: event.run(), to }, Role::Subscriber, Some(group.clone()))
        }
        (Shareable::Request(_), Part::Responder, Some(responder)) => {
            (Offer::Responder(event.clone(), responder), Role::Responder, None)
        }
        (Shareable::Request(_), Part::Observer, _) => (Offer::Observer(event.clone()), Role::Observer, None),
        (Shareable::Tunnel(_), Part::Acceptor, Some(acceptor)) => {
            (Offer::Acceptor(event.clone(), acceptor), Role::Acceptor, None)
        }
        _ => return None,
    })
}
