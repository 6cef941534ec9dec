//! One tunnel: between its local end and the link.
//!
//! Each direction is a task of its own, so that codecs run beside the link. Outward, it waits until the other end has
//! granted room and the link has taken the item before; inward, the other end is granted room as the local end takes
//! items. So each holds one item, and a window's worth inward.

use std::future::poll_fn;

use bytes::Bytes;
use edri_event::{Failure, Wire};
use edri_router::{TunnelError, TunnelReceiver, TunnelSender};
use futures_util::{FutureExt as _, SinkExt as _};
use tokio::sync::{mpsc, oneshot, watch};

use crate::channel::{Allowance, Cost};
use crate::message::Ending;
use crate::tunnel::TunnelId;

/// What a tunnel has to say to the link.
#[derive(Debug)]
pub(super) enum Said {
    Item(TunnelId, Bytes),
    End(TunnelId, Ending),
    Handled(TunnelId, usize),
    Stop(TunnelId, Ending),
}

/// What the link has to say to a tunnel. Bounded by the tunnel's window.
#[derive(Debug)]
pub(super) enum Heard {
    Item(Bytes),
    End(Ending),
}

/// Where tunnels say it: items and ends in order, and bounded; the rest at once, bounded by what came.
#[derive(Clone, Debug)]
pub(super) struct Mouth {
    pub(super) outward: mpsc::Sender<Said>,
    pub(super) inward: mpsc::UnboundedSender<Said>,
}

/// A tunnel's ends, not pumped yet.
pub(super) struct Ends(Box<dyn FnOnce(TunnelId, u64, Mouth) -> Pump + Send>);

/// A tunnel that is being pumped, and what of it has not ended; dropped, its local ends get what came, and are lost.
#[derive(Debug)]
pub(super) struct Pump {
    outward: Option<watch::Sender<u64>>,
    inward: Option<mpsc::UnboundedSender<Heard>>,
}

impl Ends {
    pub(super) fn start(self, tunnel: TunnelId, granted: u64, mouth: Mouth) -> Pump {
        (self.0)(tunnel, granted, mouth)
    }
}

impl Pump {
    /// So much may be sent, in total.
    pub(super) fn grant(&self, granted: u64) {
        if let Some(outward) = &self.outward {
            outward.send_replace(granted);
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

/// Prepares to pump what `receiver` gives outward, and what comes inward to `sender`.
pub(super) fn pump<O: Send + 'static, I: Send + 'static>(
    receiver: TunnelReceiver<O>,
    outward_wire: Wire<O>,
    sender: TunnelSender<I>,
    inward_wire: Wire<I>,
) -> Ends {
    Ends(Box::new(move |tunnel, first, mouth| {
        let (granted, may_send) = watch::channel(first);
        let (heard, hearing) = mpsc::unbounded_channel();
        let (given_up, may_be_gone) = oneshot::channel();
        let outward = outward(tunnel, receiver, outward_wire, may_send, mouth.outward);
        tokio::spawn(async move {
            if outward.await == LocalEnd::GivenUp {
                // Gone, the other direction has ended, too.
                let _ = given_up.send(());
            }
        });
        tokio::spawn(inward(tunnel, sender, inward_wire, hearing, may_be_gone, mouth.inward));
        Pump { outward: Some(granted), inward: Some(heard) }
    }))
}

/// What a direction that has ended says of the local end.
#[derive(Debug, PartialEq, Eq)]
enum LocalEnd {
    MayBeThere,
    /// It gave up this direction, and perhaps the other with it.
    GivenUp,
}

async fn outward<T>(
    tunnel: TunnelId,
    mut receiver: TunnelReceiver<T>,
    wire: Wire<T>,
    mut granted: watch::Receiver<u64>,
    said: mpsc::Sender<Said>,
) -> LocalEnd {
    let mut allowance = Allowance::default();
    let ending = loop {
        allowance.raise(*granted.borrow_and_update());
        if !allowance.is_open() {
            if granted.changed().await.is_err() {
                return LocalEnd::MayBeThere;
            }
            continue;
        }
        let received = tokio::select! {
            received = receiver.recv() => received,
            changed = granted.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return LocalEnd::MayBeThere,
            },
        };
        match received {
            None => break Ending::Finished,
            Some(Err(error)) => break ending_of(&error),
            Some(Ok(item)) => {
                let mut bytes = Vec::new();
                if let Err(error) = wire.encode(&item, &mut bytes) {
                    break Ending::Aborted(Failure::new("codec", error.to_string()));
                }
                allowance.spend(Cost::of(bytes.len()));
                if said.send(Said::Item(tunnel, bytes.into())).await.is_err() {
                    return LocalEnd::MayBeThere;
                }
            }
        }
    };
    // Gone, the link has ended, and with it the tunnel.
    let local = if ending == Ending::Finished { LocalEnd::MayBeThere } else { LocalEnd::GivenUp };
    let _ = said.send(Said::End(tunnel, ending)).await;
    local
}

async fn inward<T>(
    tunnel: TunnelId,
    mut sender: TunnelSender<T>,
    wire: Wire<T>,
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
                if let Some(Err(error)) = poll_fn(|cx| sender.poll_ready_unpin(cx)).now_or_never() {
                    let _ = said.send(Said::Stop(tunnel, ending_of(&error)));
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
            Heard::Item(payload) => {
                let ending = match wire.decode(&payload) {
                    Ok(item) => match sender.send(item).await {
                        Ok(()) => {
                            let _ = said.send(Said::Handled(tunnel, payload.len()));
                            continue;
                        }
                        Err(error) => ending_of(&error),
                    },
                    Err(error) => {
                        let failure = Failure::new("codec", error.to_string());
                        sender.abort(failure.clone());
                        let _ = said.send(Said::Stop(tunnel, Ending::Aborted(failure)));
                        return;
                    }
                };
                let _ = said.send(Said::Stop(tunnel, ending));
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
