//! What most programs need: `use edri::prelude::*;`.

pub use edri_event::{Event, Failure, Key, Notification, Priority, Progress, Request, Tunnel};
pub use edri_manager::{Backoff, Concurrency, Group, Host, Managed, Manager, Restart, manager};
pub use edri_router::{
    Accepted, Answer, Capacity, Context, Delivered, InboxSettings, NotifyError, Opened, Overflow,
    Registration, RequestError, Router, Shared, Subscription, TunnelError,
};
pub use edri_worker::{Pool, RunningPool, Worker, WorkerContext};

pub use crate::{App, RunningApp};
