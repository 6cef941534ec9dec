use std::future::Future;

use edri_event::Failure;
use edri_router::{Context, Health, Message};

use crate::entrance::Entrance;
use crate::handled::Handled;
use crate::run::{Engine, Run};
use crate::settings::Settings;

/// Handles events: what `#[manager]` makes of an `impl` block.
///
/// Written by hand it is the same: an inbox type with a variant per event, a handler for it, and the list of
/// events in [`attach`](Self::attach).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a manager",
    label = "not a manager",
    note = "put `#[manager]` on its `impl` block"
)]
pub trait Manager: Sized + Send + 'static {
    /// What may wait for it: one variant per event it handles.
    type Inbox: Message;

    /// How it is run unless its host says otherwise.
    fn settings() -> Settings;

    /// Names the events it handles.
    fn attach(entrance: &mut Entrance<'_, Self>);

    /// Handles one event to its end. A failure or panic of the handler does not leave this call: it is in what this
    /// gives back, with the event if nobody has been told.
    fn handle(
        &mut self,
        message: Self::Inbox,
        cx: &mut Context,
    ) -> impl Future<Output = Handled<Self::Inbox>> + Send;

    /// Handles one event here and now if its handler never waits. What has such handlers is handled several times
    /// faster with this than without.
    ///
    /// # Errors
    /// The event itself, if its handler may wait.
    fn handle_now(
        &mut self,
        message: Self::Inbox,
        cx: &mut Context,
    ) -> Result<Handled<Self::Inbox>, Self::Inbox> {
        let _ = cx;
        Err(message)
    }

    /// Whether [`handle_now`](Self::handle_now) would give this event back, as far as that can be told from outside:
    /// those that would are spared the way there.
    fn may_wait(message: &Self::Inbox) -> bool {
        let _ = message;
        false
    }

    /// Called before the first event; events that come meanwhile wait. A failure stops the manager; of one that is
    /// made anew it is one more fall.
    fn started(&mut self, cx: &Context) -> impl Future<Output = Result<(), Failure>> + Send {
        let _ = cx;
        std::future::ready(Ok(()))
    }

    /// Called after the last event, when it has been told to stop, or is to make way for a new one because another in
    /// its group fell. Not called on a manager that fell itself.
    fn stopping(&mut self, cx: &Context) -> impl Future<Output = Result<(), Failure>> + Send {
        let _ = cx;
        std::future::ready(Ok(()))
    }

    /// How it is: asked now and then, between two events, and answered at once. It must not block. A panic is told as a
    /// failure of the manager, which goes on.
    fn health(&self) -> Health {
        Health::ok()
    }

    /// Runs it from start to stop. Not to be written by hand.
    #[doc(hidden)]
    fn run(self, engine: Engine<Self>) -> Run {
        engine.run(self)
    }
}

/// A manager whose handlers all take `&self`: they may run [at the same time](crate::Mode::Concurrent).
#[diagnostic::on_unimplemented(
    message = "the handlers of `{Self}` cannot run at the same time",
    label = "not a shared manager",
    note = "all of them have to take `&self`, and the manager has to be `Sync`"
)]
pub trait SharedManager: Manager + Sync {
    /// As [`Manager::handle`].
    fn handle_shared(
        &self,
        message: Self::Inbox,
        cx: &mut Context,
    ) -> impl Future<Output = Handled<Self::Inbox>> + Send;
}

/// `Sync`, said with a lifetime: a bound with one may stand on a type that does not keep it, which takes away the
/// implementation under it and is no error in itself.
#[doc(hidden)]
pub trait SyncFor<'edri>: Sync {}

impl<T: Sync + ?Sized> SyncFor<'_> for T {}
