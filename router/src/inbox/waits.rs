use crate::vitals::{Histogram, Moment};

/// How long events of normal priority wait: one in so many is followed from where it is taken in to where it is
/// handed out, one at a time.
pub(super) struct Waits {
    pub(super) times: Histogram,
    followed: Option<(Place, Moment)>,
}

/// Where the event that is followed is.
#[derive(Clone, Copy)]
enum Place {
    /// In its lane, behind so many.
    Lane(usize),
    /// With the receiver, who knows which one it is.
    Hand,
}

/// For a receiver: none of those in hand.
pub(super) const NONE: u32 = u32::MAX;

impl Waits {
    pub(super) fn new() -> Self {
        Self { times: Histogram::new(), followed: None }
    }

    /// The event behind `ahead` others of its lane has just come.
    pub(super) fn follow(&mut self, ahead: usize) {
        if self.followed.is_none() {
            self.followed = Some((Place::Lane(ahead), Moment::now()));
        }
    }

    /// The first of the lane has been handed out.
    pub(super) fn handed_out(&mut self) {
        if self.move_up() {
            self.measure();
        }
    }

    /// The first of the lane has been dropped.
    pub(super) fn dropped(&mut self) {
        if self.move_up() {
            self.followed = None;
        }
    }

    /// Whether it was the one.
    fn move_up(&mut self) -> bool {
        match &mut self.followed {
            Some((Place::Lane(0), _)) => true,
            Some((Place::Lane(ahead), _)) => {
                *ahead -= 1;
                false
            }
            Some((Place::Hand, _)) | None => false,
        }
    }

    /// The whole lane, so many, is in the receiver's hand, and its first is handed out. Answers how many will be in
    /// hand when it is the turn of the one that is followed.
    pub(super) fn taken(&mut self, events: usize) -> u32 {
        match &mut self.followed {
            Some((Place::Lane(0), _)) => {
                self.measure();
                NONE
            }
            Some((place @ Place::Lane(_), _)) => {
                let Place::Lane(ahead) = *place else { return NONE };
                *place = Place::Hand;
                u32::try_from(events - ahead).unwrap_or(NONE)
            }
            Some((Place::Hand, _)) | None => NONE,
        }
    }

    /// So many have been put back from the hand to the front of the lane; of `turn` as in [`taken`](Self::taken).
    pub(super) fn put_back(&mut self, events: usize, turn: u32) {
        match &mut self.followed {
            Some((Place::Lane(ahead), _)) => *ahead += events,
            Some((place @ Place::Hand, _)) => *place = Place::Lane(events.saturating_sub(turn as usize)),
            None => {}
        }
    }

    /// The one that is followed is handed out.
    pub(super) fn measure(&mut self) {
        if let Some((_, since)) = self.followed.take() {
            self.times.record(since.elapsed());
        }
    }
}
