//! What most programs need: `use edri::prelude::*;`.

pub use edri_event::{Event, Failure, Key, Notification, Priority, Progress, Request, Tunnel};
pub use edri_manager::{Concurrency, Host, Managed, Manager, manager};
pub use edri_router::{
    Accepted, Answer, Capacity, Context, Delivered, Health, HealthChanged, InboxSettings, NotifyError,
    Opened, Overflow, Registration, RequestError, Router, Shared, Status, Subscription, TunnelError,
};
pub use edri_worker::{Pool, RunningPool, Worker, WorkerContext};

pub use crate::{App, RunningApp};
