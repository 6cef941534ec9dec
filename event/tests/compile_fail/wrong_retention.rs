//! Retention is a count or an age, and something at least.

use edri_event::Notification;

#[derive(Notification)]
#[notification(retain = "30sec")]
struct Unit;

#[derive(Notification)]
#[notification(retain = 0)]
struct Nothing;

#[derive(Notification)]
#[notification(retain = "1000")]
struct Count;

fn main() {}
