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

#[derive(Notification)]
#[notification(retain(bytes = "1KiB"))]
struct Size;

#[derive(Notification)]
#[notification(retain(age = 30))]
struct Age;

#[derive(Notification)]
#[notification(retain(events = 0))]
struct NoEvents;

#[derive(Notification)]
#[notification(retain())]
struct Unbounded;

#[derive(Notification)]
#[notification(retain(events = 1, measure = Self::size))]
struct NothingToMeasure;

#[derive(Notification)]
#[notification(retain(events = 1, events = 2))]
struct Twice;

#[derive(Notification)]
#[notification(retain(count = 1))]
struct Unknown;

fn main() {}
