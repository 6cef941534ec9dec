//! Patterns against a naive model and against another implementation, and through the changes of clocks.

#![allow(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

#[path = "cron/changes.rs"]
mod changes;
#[path = "cron/model.rs"]
mod model;
#[path = "cron/oracle.rs"]
mod oracle;
#[path = "cron/plan.rs"]
mod plan;
