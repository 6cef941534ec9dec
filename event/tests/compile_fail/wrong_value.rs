//! A value of the wrong sort is answered with what was expected.

use edri_event::{Notification, Request};

#[derive(Notification)]
#[notification(version = 0)]
struct Version;

#[derive(Notification)]
#[notification(priority = "urgent")]
struct Priority;

#[derive(Notification)]
#[notification(name = "")]
struct Name;

#[derive(Notification)]
#[notification(shareable = true)]
struct Flag;

#[derive(Request)]
#[request(response = "u64")]
struct Response;

#[derive(Request)]
#[request(response = u64, policy = "random")]
struct Policy;

fn main() {}
