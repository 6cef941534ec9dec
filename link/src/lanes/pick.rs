use edri_event::Priority;

use super::body::Body;
use super::queue::Queue;

/// The queues of all lanes, and whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    queues: [Queue; Place::ALL.len()],
    /// How often each lane was passed over since it had its turn.
    passed_over: [u32; 4],
}

/// A lane, from the most urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    Control,
    High,
    Normal,
    Bulk,
}

/// A queue of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// What never has to wait for the other end.
    Free(Lane),
    /// What has to keep to the lane's window.
    Metered(Lane),
}

/// After so many turns of higher lanes a lane that has something gets its turn.
const SHARE: u32 = 16;

impl Lane {
    /// Where events of a priority go.
    pub(crate) fn of(priority: Priority) -> Self {
        match priority {
            Priority::Control => Self::Control,
            Priority::High => Self::High,
            Priority::Normal => Self::Normal,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::High => "high",
            Self::Normal => "normal",
            Self::Bulk => "bulk",
        }
    }
}

impl Place {
    const ALL: [Self; 8] = [
        Self::Free(Lane::Control),
        Self::Metered(Lane::Control),
        Self::Free(Lane::High),
        Self::Metered(Lane::High),
        Self::Free(Lane::Normal),
        Self::Metered(Lane::Normal),
        Self::Free(Lane::Bulk),
        Self::Metered(Lane::Bulk),
    ];

    /// Its number on the wire.
    pub(crate) fn index(self) -> usize {
        match self {
            Self::Free(lane) => 2 * lane as usize,
            Self::Metered(lane) => 2 * lane as usize + 1,
        }
    }

    pub(crate) fn lane(self) -> Lane {
        match self {
            Self::Free(lane) | Self::Metered(lane) => lane,
        }
    }
}

impl Lanes {
    pub(crate) fn push(&mut self, place: Place, body: Body) {
        self.queues[place.index()].push(body);
    }

    pub(crate) fn queue(&mut self, place: Place) -> &mut Queue {
        &mut self.queues[place.index()]
    }

    pub(crate) fn cost(&self, place: Place) -> u64 {
        self.queues[place.index()].cost()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queues.iter().all(Queue::is_empty)
    }

    pub(crate) fn clear(&mut self) {
        self.queues.iter_mut().for_each(Queue::clear);
    }

    /// The queue whose turn it is, among those that have something that may go now.
    pub(crate) fn pick(&mut self, may_go: impl Fn(Place, &Queue) -> bool) -> Option<Place> {
        // Of a lane's two queues the free one goes first: what is in it is bounded by what the other end asked for.
        let mut ready = Place::ALL
            .into_iter()
            .filter(|place| {
                let queue = &self.queues[place.index()];
                !queue.is_empty() && may_go(*place, queue)
            })
            .peekable();
        let first = *ready.peek()?;
        let mut picked = first;
        let mut waiting = [false; 4];
        for place in ready {
            waiting[place.lane() as usize] = true;
            if place.lane() != picked.lane() && self.passed_over[place.lane() as usize] >= SHARE {
                picked = place;
            }
        }
        for (lane, passed_over) in self.passed_over.iter_mut().enumerate() {
            let waits = waiting[lane] && lane != picked.lane() as usize;
            *passed_over = if waits { *passed_over + 1 } else { 0 };
        }
        Some(picked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::CallId;

    fn full() -> Lanes {
        let mut lanes = Lanes::default();
        for place in [Lane::Control, Lane::High, Lane::Normal, Lane::Bulk].map(Place::Free) {
            (0..10_000).for_each(|_| lanes.push(place, Body::Cancel { call: CallId::new(1) }));
        }
        lanes
    }

    #[test]
    fn the_most_urgent_lane_goes_first_and_every_other_keeps_a_share() {
        let mut lanes = full();
        let mut turns = [0; 4];
        for _ in 0..1_000 {
            let place = lanes.pick(|_, _| true).unwrap();
            lanes.queue(place).pop();
            turns[place.lane() as usize] += 1;
        }
        assert!(turns[0] > 700, "{turns:?}");
        assert!(turns[1..].iter().all(|&turns| turns >= 40), "{turns:?}");
    }

    #[test]
    fn a_lane_that_has_to_wait_holds_up_no_other() {
        let mut lanes = full();
        let picked = lanes.pick(|place, _| place.lane() == Lane::Bulk);
        assert_eq!(picked, Some(Place::Free(Lane::Bulk)));
        assert_eq!(lanes.pick(|_, _| false), None);
    }

    #[test]
    fn a_queue_knows_what_it_holds() {
        let mut lanes = Lanes::default();
        let place = Place::Free(Lane::Normal);
        lanes.push(place, Body::Cancel { call: CallId::new(1) });
        lanes.push(place, Body::Cancel { call: CallId::new(2) });
        assert_eq!(lanes.cost(place), 128);
        assert!(
            lanes
                .queue(place)
                .remove(|body| matches!(body, Body::Cancel { call } if *call == CallId::new(1)))
        );
        assert_eq!(lanes.cost(place), 64);
        lanes.queue(place).pop();
        assert!(lanes.is_empty() && lanes.cost(place) == 0);
    }
}
