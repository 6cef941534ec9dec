//! An event is of one kind.

use edri_event::{Notification, Request};

#[derive(Notification, Request)]
#[request(response = u8)]
struct Both;

fn main() {}
