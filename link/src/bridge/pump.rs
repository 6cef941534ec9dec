//! One tunnel: between its local end and the link.
//!
//! Each direction is a task of its own, so that codecs run beside the link. Outward, it waits until the other end has
//! granted room and the link has taken the item before; inward, the other end is granted room as the local end takes
//! items. So each holds one item, and a window's worth inward.

use bytes::Bytes;
use edri_router::{EncodedEnd, EncodedReceiver, EncodedSender, InFlight, LinkLost, TunnelError, Unsent};
use futures_util::FutureExt as _;
use tokio::sync::{mpsc, oneshot, watch};

use crate::channel::{Allowance, Cost};
use crate::message::Ending;
use crate::tunnel::TunnelId;

/// What a tunnel has to say to the link.
#[derive(Debug)]
pub(super) enum Said {
    Item(Pumped, Bytes),
    End(Pumped, Ending),
    Handled(Pumped, usize),
    Stop(Pumped, Ending),
}

/// Which tunnel it is that says something. Where the other router is started anew, another may go by the same name before
/// the last word of the one before is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pumped {
    pub(super) tunnel: TunnelId,
    pub(super) serial: u64,
}

impl Said {
    pub(super) fn by(&self) -> Pumped {
        match self {
            Self::Item(pumped, _)
            | Self::End(pumped, _)
            | Self::Handled(pumped, _)
            | Self::Stop(pumped, _) => *pumped,
        }
    }
}

/// What the link has to say to a tunnel. Bounded by the tunnel's window.
#[derive(Debug)]
pub(super) enum Heard {
    Item(Bytes),
    End(Ending),
    /// The link has ended.
    Lost(LinkLost),
}

/// Where tunnels say it: items and ends in order, and bounded; the rest at once, bounded by what came.
#[derive(Clone, Debug)]
pub(super) struct Mouth {
    pub(super) outward: mpsc::Sender<Said>,
    pub(super) inward: mpsc::UnboundedSender<Said>,
}

/// A tunnel that is being pumped, and what of it has not ended; dropped, its local ends get what came, and are lost.
#[derive(Debug)]
pub(super) struct Pump {
    pub(super) pumped: Pumped,
    outward: Option<watch::Sender<Leave>>,
    inward: Option<mpsc::UnboundedSender<Heard>>,
    /// It counts as under way to whom it was opened.
    _in_flight: Option<InFlight>,
}

/// What the outward direction may do.
#[derive(Debug)]
enum Leave {
    /// Send so much, in total.
    Granted(u64),
    /// Nothing any more: the link has ended.
    Lost(LinkLost),
}

impl Pump {
    /// Begins to pump what the local end gives outward, and what comes inward to it.
    pub(super) fn start(
        end: EncodedEnd,
        pumped: Pumped,
        granted: u64,
        mouth: Mouth,
        in_flight: Option<InFlight>,
    ) -> Self {
        let (sender, receiver) = end.split();
        let (leave, may_send) = watch::channel(Leave::Granted(granted));
        let (heard, hearing) = mpsc::unbounded_channel();
        let (given_up, may_be_gone) = oneshot::channel();
        let outward = outward(pumped, receiver, may_send, mouth.outward);
        tokio::spawn(async move {
            if outward.await == LocalEnd::GivenUp {
                // Gone, the other direction has ended, too.
                let _ = given_up.send(());
            }
        });
        tokio::spawn(inward(pumped, sender, hearing, may_be_gone, mouth.inward));
        Self { pumped, outward: Some(leave), inward: Some(heard), _in_flight: in_flight }
    }

    /// The link has ended: what has not ended before is lost, after what came.
    pub(super) fn lose(self, lost: &LinkLost) {
        if let Some(outward) = &self.outward {
            outward.send_replace(Leave::Lost(lost.clone()));
        }
        if let Some(inward) = &self.inward {
            // Gone, its local end has stopped.
            let _ = inward.send(Heard::Lost(lost.clone()));
        }
    }

    /// So much may be sent, in total.
    pub(super) fn grant(&self, granted: u64) {
        if let Some(outward) = &self.outward {
            outward.send_replace(Leave::Granted(granted));
        }
    }

    /// The other end wants no more, or this one has said that nothing more comes.
    pub(super) fn end_outward(&mut self) {
        self.outward = None;
    }

    /// This end wants no more.
    pub(super) fn end_inward(&mut self) {
        self.inward = None;
    }

    pub(super) fn hear(&mut self, heard: Heard) {
        let ends = matches!(heard, Heard::End(_));
        if let Some(inward) = &self.inward {
            // Gone, its local end has stopped, and the other end will know.
            let _ = inward.send(heard);
        }
        if ends {
            self.inward = None;
        }
    }

    /// Whether both directions have ended.
    pub(super) fn is_over(&self) -> bool {
        self.outward.is_none() && self.inward.is_none()
    }
}

/// What a direction that has ended says of the local end.
#[derive(Debug, PartialEq, Eq)]
enum LocalEnd {
    MayBeThere,
    /// It gave up this direction, and perhaps the other with it.
    GivenUp,
}

async fn outward(
    pumped: Pumped,
    mut receiver: EncodedReceiver,
    mut leave: watch::Receiver<Leave>,
    said: mpsc::Sender<Said>,
) -> LocalEnd {
    let mut allowance = Allowance::default();
    let ending = loop {
        let lost = match &*leave.borrow_and_update() {
            Leave::Granted(granted) => {
                allowance.raise(*granted);
                None
            }
            Leave::Lost(lost) => Some(lost.clone()),
        };
        if let Some(lost) = lost {
            receiver.lose(lost);
            return LocalEnd::MayBeThere;
        }
        if !allowance.is_open() {
            if leave.changed().await.is_err() {
                return LocalEnd::MayBeThere;
            }
            continue;
        }
        let received = tokio::select! {
            received = receiver.recv() => received,
            changed = leave.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return LocalEnd::MayBeThere,
            },
        };
        match received {
            None => break Ending::Finished,
            Some(Err(error)) => break ending_of(&error),
            Some(Ok(item)) => {
                allowance.spend(Cost::of(item.len()));
                if said.send(Said::Item(pumped, item.into())).await.is_err() {
                    // The link has ended; why is said next.
                    if leave.changed().await.is_err() {
                        return LocalEnd::MayBeThere;
                    }
                }
            }
        }
    };
    // Gone, the link has ended, and with it the tunnel.
    let local = if ending == Ending::Finished { LocalEnd::MayBeThere } else { LocalEnd::GivenUp };
    let _ = said.send(Said::End(pumped, ending)).await;
    local
}

async fn inward(
    pumped: Pumped,
    mut sender: EncodedSender,
    mut heard: mpsc::UnboundedReceiver<Heard>,
    may_be_gone: oneshot::Receiver<()>,
    said: mpsc::UnboundedSender<Said>,
) {
    let mut may_be_gone = may_be_gone.fuse();
    loop {
        let heard = tokio::select! {
            biased;
            heard = heard.recv() => heard,
            Ok(()) = &mut may_be_gone => {
                // Usually it shows with the next item only that the local end wants none.
                if let Some(Err(error)) = sender.ready().now_or_never() {
                    let _ = said.send(Said::Stop(pumped, ending_of(&error)));
                    return;
                }
                continue;
            }
        };
        let Some(heard) = heard else { return };
        match heard {
            Heard::End(Ending::Finished) => return sender.finish(),
            Heard::End(Ending::Aborted(failure)) => return sender.abort(failure),
            Heard::End(Ending::Lost) => return,
            Heard::Lost(lost) => return sender.lose(lost),
            Heard::Item(payload) => {
                let ending = match sender.send(&payload).await {
                    Ok(()) => {
                        let _ = said.send(Said::Handled(pumped, payload.len()));
                        continue;
                    }
                    Err(Unsent::Refused(error)) => ending_of(&error),
                    Err(Unsent::Unreadable(failure)) => {
                        sender.abort(failure.clone());
                        let _ = said.send(Said::Stop(pumped, Ending::Aborted(failure)));
                        return;
                    }
                };
                let _ = said.send(Said::Stop(pumped, ending));
                return;
            }
        }
    }
}

fn ending_of(error: &TunnelError) -> Ending {
    match error {
        TunnelError::Aborted(failure) => Ending::Aborted(failure.clone()),
        TunnelError::Finished => Ending::Finished,
        _ => Ending::Lost,
    }
}
