use std::collections::HashMap;
use std::task::Poll;

use edri_router::{EncodedEnd, InFlight, LinkLost};
use tokio::sync::mpsc;

use super::outgoing::TUNNEL_WINDOW;
use super::pump::{Heard, Mouth, Pump, Pumped, Said};
use super::ringing::{Due, Ringing, Source};
use super::toward::Toward;
use crate::drive::Happened;
use crate::line::SendError;
use crate::message::Ending;
use crate::tunnel::TunnelId;

/// The tunnels of a link, and what they have to say.
pub(super) struct Pumps {
    pumped: HashMap<TunnelId, Pump>,
    /// Those that this end opens, until the other end has accepted.
    opening: HashMap<TunnelId, (EncodedEnd, InFlight)>,
    /// How many there have been.
    serial: u64,
    mouth: Mouth,
    outward: mpsc::Receiver<Said>,
    inward: mpsc::UnboundedReceiver<Said>,
    /// There was no room for what they have to say.
    is_stuck: bool,
}

/// So many items of all tunnels together wait for the link; each tunnel holds one more.
const ITEMS: usize = 16;

impl Pumps {
    pub(super) fn new() -> Self {
        let (outward_mouth, outward) = mpsc::channel(ITEMS);
        let (inward_mouth, inward) = mpsc::unbounded_channel();
        let mouth = Mouth { outward: outward_mouth, inward: inward_mouth };
        Self {
            pumped: HashMap::new(),
            opening: HashMap::new(),
            serial: 0,
            is_stuck: false,
            mouth,
            outward,
            inward,
        }
    }

    /// This end opens one.
    pub(super) fn opening(&mut self, tunnel: TunnelId, end: EncodedEnd, in_flight: InFlight) {
        self.opening.insert(tunnel, (end, in_flight));
    }

    /// This end accepts one, which may send so much.
    pub(super) fn accept(
        &mut self,
        toward: &mut impl Toward,
        tunnel: TunnelId,
        granted: u64,
        end: EncodedEnd,
    ) {
        toward.line().accept_tunnel(tunnel, TUNNEL_WINDOW);
        self.start(tunnel, granted, end, None);
    }

    /// So much may be sent into it, in total; for the first time, that it was accepted.
    pub(super) fn granted(&mut self, tunnel: TunnelId, granted: u64) {
        match self.opening.remove(&tunnel) {
            Some((end, in_flight)) => self.start(tunnel, granted, end, Some(in_flight)),
            None => self.with(tunnel, |pump| pump.grant(granted)),
        }
    }

    pub(super) fn hear(&mut self, tunnel: TunnelId, heard: Heard) {
        self.begin(tunnel);
        self.with(tunnel, |pump| pump.hear(heard));
    }

    /// The other end wants no more.
    pub(super) fn stopped(&mut self, tunnel: TunnelId) {
        self.begin(tunnel);
        self.with(tunnel, Pump::end_outward);
    }

    /// Says what tunnels have to say, as far as there is room.
    pub(super) fn poll(&mut self, toward: &mut impl Toward, (due, ringing): (Due, &Ringing)) -> Happened {
        let mut happened = Happened::Nothing;
        if !due.has(Source::Tunnels) && !std::mem::take(&mut self.is_stuck) {
            return happened;
        }
        let mut cx = ringing.context(Source::Tunnels);
        loop {
            if !toward.line().has_room_for_items() {
                // To be tried again when there may be.
                self.is_stuck = true;
                break;
            }
            let Poll::Ready(Some(said)) = self.outward.poll_recv(&mut cx) else { break };
            self.say(toward, said);
            happened = Happened::Something;
        }
        while let Poll::Ready(Some(said)) = self.inward.poll_recv(&mut cx) {
            self.say(toward, said);
            happened = Happened::Something;
        }
        happened
    }

    /// The link has ended: all of them are lost, after what came.
    pub(super) fn end(&mut self, lost: &LinkLost) {
        self.lose(lost);
        // Whoever waits to say something waits no longer.
        self.outward.close();
        while self.outward.try_recv().is_ok() {}
    }

    /// Those that there are are lost, after what came; others may follow.
    pub(super) fn lose(&mut self, lost: &LinkLost) {
        for (_, (end, _)) in self.opening.drain() {
            end.lose(lost.clone());
        }
        self.pumped.drain().for_each(|(_, pump)| pump.lose(lost));
    }

    fn say(&mut self, toward: &mut impl Toward, said: Said) {
        let Pumped { tunnel, serial } = said.by();
        if self.pumped.get(&tunnel).is_none_or(|pump| pump.pumped.serial != serial) {
            return;
        }
        match said {
            Said::Item(_, payload) => match toward.line().send_item(tunnel, payload) {
                Ok(()) | Err(SendError::TunnelClosed) => {}
                // Too long, it is missing: the other end must not go on as if it were not.
                Err(error) => {
                    toward.line().end_tunnel(tunnel, Ending::Aborted(error.into()));
                    self.with(tunnel, Pump::end_outward);
                }
            },
            Said::End(_, ending) => {
                toward.line().end_tunnel(tunnel, ending);
                self.with(tunnel, Pump::end_outward);
            }
            Said::Handled(_, size) => toward.line().item_handled(tunnel, size),
            Said::Stop(_, ending) => {
                toward.line().stop_tunnel(tunnel, ending);
                self.with(tunnel, Pump::end_inward);
            }
        }
    }

    /// The other end speaks through a tunnel whose acceptance has not been heard: that need not come first.
    fn begin(&mut self, tunnel: TunnelId) {
        if let Some((end, in_flight)) = self.opening.remove(&tunnel) {
            self.start(tunnel, 0, end, Some(in_flight));
        }
    }

    fn start(&mut self, tunnel: TunnelId, granted: u64, end: EncodedEnd, in_flight: Option<InFlight>) {
        self.serial += 1;
        let pumped = Pumped { tunnel, serial: self.serial };
        let pump = Pump::start(end, pumped, granted, self.mouth.clone(), in_flight);
        self.pumped.insert(tunnel, pump);
    }

    fn with(&mut self, tunnel: TunnelId, change: impl FnOnce(&mut Pump)) {
        if let Some(pump) = self.pumped.get_mut(&tunnel) {
            change(pump);
            if pump.is_over() {
                self.pumped.remove(&tunnel);
            }
        }
    }
}
