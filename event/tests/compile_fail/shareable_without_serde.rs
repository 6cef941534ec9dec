//! A shareable event is serializable.

use edri_event::Notification;

#[derive(Notification)]
#[notification(shareable)]
struct Announcement;

fn main() {}
