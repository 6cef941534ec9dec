use std::convert::Infallible;
use std::time::Instant;

use bytes::Bytes;
use edri_event::Priority;

use super::queue::{Late, Queue, What};
use crate::message::LeftAt;

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
    /// Appends a message: see [`Queue::push`].
    #[inline]
    pub(crate) fn push<E>(
        &mut self,
        place: Place,
        what: What,
        deadline: Option<Instant>,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(Option<LeftAt>, usize), E>,
    ) -> Result<(), E> {
        self.queues[place.index()].push(what, deadline, write)
    }

    /// Appends one whose payload is not copied: see [`Queue::push_apart`].
    pub(crate) fn push_apart(
        &mut self,
        place: Place,
        what: What,
        deadline: Option<Instant>,
        body: Bytes,
        write: impl FnOnce(&mut Vec<u8>) -> Option<LeftAt>,
    ) {
        self.queues[place.index()].push_apart(what, deadline, body, write);
    }

    /// Appends a message without a deadline; `write` tells how long its payload is.
    pub(crate) fn push_encoded(
        &mut self,
        place: Place,
        what: What,
        write: impl FnOnce(&mut Vec<u8>) -> usize,
    ) {
        let Ok(()) = self.push::<Infallible>(place, what, None, |out| Ok((None, write(out))));
    }

    /// Appends one that is encoded when its turn has come.
    pub(crate) fn push_late(&mut self, place: Place, late: Late) {
        self.queues[place.index()].push_late(late);
    }

    pub(crate) fn queue(&mut self, place: Place) -> &mut Queue {
        &mut self.queues[place.index()]
    }

    #[inline]
    pub(crate) fn cost(&self, place: Place) -> u64 {
        self.queues[place.index()].cost()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queues.iter().all(Queue::is_empty)
    }

    /// All queues, from the most urgent.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Queue> {
        self.queues.iter_mut()
    }

    /// Gives back what room empty queues have.
    pub(crate) fn shrink(&mut self) {
        self.queues.iter_mut().for_each(Queue::shrink);
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
    use crate::interest::Interest;
    use crate::lanes::{Kind, Particulars, Taken};
    use crate::message::{Circumstances, Opening, put_event, put_event_before};

    fn push(lanes: &mut Lanes, place: Place, call: u64, bytes: &[u8]) {
        lanes.push_encoded(place, What::Request(CallId::new(call)), |out| {
            out.extend_from_slice(bytes);
            bytes.len()
        });
    }

    fn full() -> Lanes {
        let mut lanes = Lanes::default();
        for place in [Lane::Control, Lane::High, Lane::Normal, Lane::Bulk].map(Place::Free) {
            (0..10_000).for_each(|_| push(&mut lanes, place, 1, &[7]));
        }
        lanes
    }

    #[test]
    fn the_most_urgent_lane_goes_first_and_every_other_keeps_a_share() {
        let mut lanes = full();
        let mut turns = [0; 4];
        for _ in 0..1_000 {
            let place = lanes.pick(|_, _| true).unwrap();
            lanes.queue(place).take();
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
    fn what_is_taken_back_is_gone_and_what_is_around_it_stays() {
        let long = vec![9; 20_000];
        for gone in 0..4 {
            let mut lanes = Lanes::default();
            let place = Place::Metered(Lane::Normal);
            for call in 0..4 {
                let short = [call as u8; 10];
                push(&mut lanes, place, call, if call == 2 { &long } else { &short });
                lanes.push_encoded(place, What::Plain, |out| {
                    out.push(100 + call as u8);
                    1
                });
            }
            let queue = lanes.queue(place);
            assert!(queue.remove(|what| *what == What::Request(CallId::new(gone))));
            assert!(!queue.remove(|what| *what == What::Request(CallId::new(gone))));
            let mut left = Vec::new();
            while let Some((taken, _)) = queue.take() {
                left.push(match taken {
                    Taken::Short(bytes) => bytes.to_vec(),
                    Taken::Long(message) => message.to_bytes().to_vec(),
                });
            }
            let expected = (0..4).flat_map(|call| {
                let bytes = if call == 2 { long.clone() } else { vec![call as u8; 10] };
                let request = (u64::from(call as u8) != gone).then_some(bytes);
                request.into_iter().chain([vec![100 + call as u8]])
            });
            assert!(left.into_iter().eq(expected));
            assert!(lanes.is_empty() && lanes.cost(place) == 0);
        }
    }

    #[test]
    fn a_queue_that_goes_on_for_long_does_not_grow() {
        let mut queue = Queue::default();
        for round in 0..100_000_u32 {
            let written = queue.push(What::Plain, None, |out| {
                out.extend_from_slice(&round.to_le_bytes());
                Ok::<_, ()>((None, 4))
            });
            assert_eq!(written, Ok(()));
            if round >= 100 {
                let Some((Taken::Short(bytes), None)) = queue.take() else { panic!("nothing is there") };
                assert_eq!(bytes, (round - 100).to_le_bytes());
            }
        }
        assert_eq!(queue.cost(), 100 * 68);
        assert!(queue.room() < 64 * 1024, "{}", queue.room());
    }

    #[test]
    fn what_could_not_be_written_leaves_nothing() {
        let mut queue = Queue::default();
        let failed = queue.push(What::Plain, None, |out| {
            out.extend_from_slice(b"half");
            Err("the codec fails")
        });
        assert_eq!(failed, Err("the codec fails"));
        assert!(queue.is_empty() && queue.cost() == 0 && queue.take().is_none());
    }

    #[test]
    fn a_payload_that_is_not_copied_is_sent_as_one_that_is_in_pieces_of_any_length() {
        let payload: Vec<u8> = (0..10_000_u32).map(|number| number as u8).collect();
        let circumstances = Circumstances { deadline: Some(Instant::now()), ..Circumstances::default() };
        let (to, deadline) = (Interest::from_number(7), circumstances.deadline);
        let mut queue = Queue::default();
        let written = queue.push(What::Plain, deadline, |out| {
            put_event(out, Opening::Notify, to, &circumstances, |out| {
                out.extend_from_slice(&payload);
                Ok::<_, Infallible>(())
            })
        });
        assert_eq!(written, Ok(()));
        queue.push_apart(What::Plain, deadline, payload.clone().into(), |out| {
            put_event_before(out, Opening::Notify, to, &circumstances, payload.len())
        });
        let mut taken = || match queue.take() {
            Some((Taken::Long(message), Some(Particulars { deadline: Some((deadline, left_at)), .. }))) => {
                (message, deadline, left_at)
            }
            other => panic!("{other:?}"),
        };
        let ((mut copied, ..), (mut shared, deadline, left_at)) = (taken(), taken());
        for message in [&mut copied, &mut shared] {
            message.write_left(left_at, deadline, deadline - std::time::Duration::from_secs(1));
        }
        let whole = copied.to_bytes();
        assert_eq!((shared.len(), shared.to_bytes()), (whole.len(), whole.clone()));
        for length in [1, 3, 15, 16, 17, 4_096, 20_000] {
            let mut pieces = Vec::new();
            for from in (0..whole.len()).step_by(length) {
                let rest = shared.piece(from, (from + length).min(whole.len()), &mut pieces);
                pieces.extend_from_slice(&rest);
            }
            assert_eq!(pieces, whole);
        }
        assert!(queue.is_empty() && queue.cost() == 0);
    }

    #[test]
    fn notifications_in_a_row_are_taken_as_one_or_one_by_one_and_are_counted_each() {
        let write = |out: &mut Vec<u8>, number: u8| {
            let (to, circumstances) = (Interest::from_number(300), Circumstances::default());
            put_event(out, Opening::Notify, to, &circumstances, |out| {
                out.extend_from_slice(&[number; 10]);
                Ok::<_, Infallible>(())
            })
        };
        let mut queue = Queue::default();
        let mut expected = Vec::new();
        for number in 0..100 {
            assert_eq!(queue.push(What::Plain, None, |out| write(out, number)), Ok(()));
            queue.join_last();
            assert_eq!(write(&mut expected, number), Ok((None, 10)));
        }
        assert_eq!((queue.cost(), queue.first().map(|first| first.kind)), (7_400, Some(Kind::Row)));
        let mut got = Vec::new();
        for left in (0..3).map(|taken| 7_400 - 74 * (taken + 1)) {
            let Some((bytes, cost)) = queue.take_of_row() else { panic!("nothing is there") };
            assert_eq!(cost.get(), 74);
            got.extend_from_slice(bytes);
            assert_eq!(queue.cost(), left);
        }
        // What is more than bytes keeps its place.
        push_particular(&mut queue);
        queue.join_last();
        assert_eq!(queue.push(What::Plain, None, |out| write(out, 100)), Ok(()));
        queue.join_last();
        assert_eq!(write(&mut expected, 100), Ok((None, 10)));
        while let Some((Taken::Short(bytes), particulars)) = queue.take() {
            if particulars.is_none() {
                got.extend_from_slice(bytes);
            }
        }
        assert_eq!(got, expected);
        assert!(queue.is_empty() && queue.cost() == 0 && queue.take_of_row().is_none());
    }

    fn push_particular(queue: &mut Queue) {
        let written = queue.push(What::Request(CallId::new(1)), None, |out| {
            out.push(7);
            Ok::<_, Infallible>((None, 0))
        });
        assert_eq!(written, Ok(()));
    }
}
