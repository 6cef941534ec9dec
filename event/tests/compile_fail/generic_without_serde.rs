//! A generic event is one for those parameters that are serializable.

use edri_event::{Event, Notification};
use serde::{Deserialize, Serialize};

struct Stranger;

#[derive(Notification, Serialize, Deserialize)]
#[notification(shareable)]
struct Changed<T> {
    to: T,
}

fn send<E: Event>(_: E) {}

fn main() {
    send(Changed { to: 1 });
    send(Changed { to: Stranger });
}
