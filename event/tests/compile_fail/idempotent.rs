//! Only a request is asked again, and the option is a flag.

use edri_event::{Notification, Request};

#[derive(Request)]
#[request(response = u8, idempotent = true)]
struct Question;

#[derive(Notification)]
#[notification(idempotent)]
struct News;

fn main() {}
