//! What most programs need: `use edri::prelude::*;`.

#[cfg(feature = "connector")]
pub use edri_connector::{Connections, Connector, NeighbourChange, NeighbourChanged};
pub use edri_event::{
    Event, Failure, Key, Notification, Priority, Progress, Request, Retention, RoutePolicy, Tunnel,
};
#[cfg(feature = "kvstore")]
pub use edri_kvstore::{Bounds, Expiry, Namespace, Store, StoreCell, StoreError, StoreHandle, Watched};
pub use edri_manager::{Backoff, Concurrency, Group, Host, Managed, Manager, Restart, manager};
pub use edri_manager_derive::worker;
pub use edri_router::{
    Accepted, Answer, Capacity, Context, DeadLetter, Delivered, Health, HealthChanged, InboxSettings,
    NotifyError, Opened, Overflow, Registration, Replay, RequestError, Requester, Router, Shared, Status,
    Subscription, TunnelError, Undelivered,
};
#[cfg(feature = "scheduler")]
pub use edri_scheduler::{Ask, Cron, Every, Schedule, ScheduleId, Scheduler, Schedules, Tick};
#[cfg(target_os = "linux")]
pub use edri_worker::{CommandPool, Invocation, Limits, PoolControl, ProcessPool};
pub use edri_worker::{Pool, RunningPool, Worker, WorkerContext};

pub use crate::{App, RunningApp};
