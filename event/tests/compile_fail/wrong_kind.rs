//! Each kind can be used only as what it is.

use edri_event::{Event, Notification, Request, Tunnel};

#[derive(Notification)]
struct Announcement;

#[derive(Request)]
#[request(response = ())]
struct Question;

struct Stranger;

fn notify<N: Notification>(_: N) {}
fn request<R: Request>(_: R) {}
fn open<T: Tunnel>(_: T) {}
fn send<E: Event>(_: E) {}

fn main() {
    notify(Question);
    request(Announcement);
    open(Question);
    send(Stranger);
}
