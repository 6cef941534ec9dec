use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use edri_event::Request;
use edri_link::{Consumer, End, Endpoint, Interest, Link, Schema};
use edri_router::{DeathCause, Horizon, WorkerDeath};

use super::carrier::{Carrier, now, settings, stream};
use super::conversation::Conversation;
use super::descriptors::{hand_over, pair};
use super::entrance::arguments;
use super::image::Image;
use super::language::give_back;
use super::parcel::Parcel;
use crate::child::{OutputEnds, Process, Spec};
use crate::crew::{Crew, End as Ended, How, LifeContext, Lives};

/// Workers that are processes of the same program, as long as they live.
pub(super) struct ProcessLives<R: Request> {
    pub(super) crew: Arc<Crew<R, Parcel>>,
    /// But for the program and its first arguments.
    pub(super) spec: Arc<Spec>,
    pub(super) image: Image,
    /// What the worker is called in the program's table.
    pub(super) enlisted: &'static str,
    pub(super) depth: u32,
    /// The most jobs that one has at a time.
    pub(super) jobs: usize,
    /// A child greets within that time.
    pub(super) greeting: Duration,
    /// The job, as the child has to know it.
    pub(super) schema: Schema,
}

/// All that there is of a child at its beginning.
pub(super) struct Begun {
    pub(super) process: Process,
    pub(super) ends: OutputEnds,
    pub(super) carrier: Carrier,
    pub(super) link: Link,
    /// Under which it is told what the child gives back.
    pub(super) returns: Interest,
}

impl<R: Request> Lives for ProcessLives<R> {
    async fn live(self: Arc<Self>, life: LifeContext) -> Ended {
        match self.begin(&life).await {
            Ok(begun) => Conversation::new(self, life, begun).hold().await,
            Err(error) => {
                let cause = DeathCause::NotStarted { reason: self.spec_of(&life).explain(&error) };
                let death = WorkerDeath::new(life.worker.to_string(), cause, Vec::new());
                Ended { how: How::Died(death), was_of_use: false }
            }
        }
    }
}

impl<R: Request> ProcessLives<R> {
    async fn begin(&self, life: &LifeContext) -> io::Result<Begun> {
        let ((near, far), (link, linked)) = (pair()?, pair()?);
        hand_over(&near, linked)?;
        let spec = Arc::new(self.spec_of(life));
        let (process, ends) = Process::start_on(&spec, Vec::new(), &life.worker, far).await?;
        let (carrier, link, returns) = self.connect(life, near, link)?;
        Ok(Begun { process, ends, carrier, link, returns })
    }

    fn connect(
        &self,
        life: &LifeContext,
        jobs: OwnedFd,
        link: OwnedFd,
    ) -> io::Result<(Carrier, Link, Interest)> {
        let router = &self.crew.router;
        let name = format!("the parent of {}", life.worker);
        let ours = settings(router.id(), &name, self.greeting);
        let mut endpoint = Endpoint::accepting(ours.clone(), now());
        let returns = endpoint.announce(give_back(), None, Consumer::default());
        let carrier = Carrier::new(jobs, endpoint)?;
        let mut ours = ours;
        ours.horizon = Some(Horizon::new());
        let link = Link::start(router, stream(link)?, End::Accepting, ours);
        Ok((carrier, link, returns))
    }

    fn spec_of(&self, life: &LifeContext) -> Spec {
        let mut spec = Spec::clone(&self.spec);
        let own: Vec<OsString> = arguments(self.enlisted, life.number, self.depth);
        spec.arguments.splice(0..0, own);
        spec.called = Some(self.image.program(crate::crew::Begun::Anew).into());
        spec.program = self.image.program(life.begun).into();
        spec
    }
}
