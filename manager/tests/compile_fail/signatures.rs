use edri_event::{Notification, Request, Tunnel};
use edri_manager::manager;
use edri_router::{Accepted, Answer, Context};

#[derive(Request, Clone)]
#[request(response = u64)]
struct Add(u64);

#[derive(Notification)]
struct Added(u64);

#[derive(Tunnel)]
#[tunnel(send = u64, receive = u64)]
struct Numbers;

struct Calculator;

#[manager]
impl Calculator {
    #[notification]
    fn notification_by_value(&self, _event: Added) {}

    #[notification]
    fn notification_to_change(&self, _event: &mut Added) {}

    #[request]
    fn request_by_reference(&self, event: &Add) -> u64 {
        event.0
    }

    #[request]
    fn request_without(&self) -> u64 {
        0
    }

    #[request]
    fn request_with_more(&self, event: Add, more: u64) -> u64 {
        event.0 + more
    }

    #[request]
    fn request_with_context_by_value(&self, event: Add, _cx: Context) -> u64 {
        event.0
    }

    #[request]
    fn request_with_two_contexts(&self, event: Add, _cx: &Context, _again: &Context) -> u64 {
        event.0
    }

    #[request]
    fn generic<R: Request>(&self, _event: R) {}

    #[request]
    fn generic_in_secret(&self, _event: impl Request) {}

    #[response]
    fn response_by_value(&self, _answer: Answer<Add>) {}

    #[response]
    fn response_of_the_request(&self, _event: &Add) {}

    #[tunnel]
    fn tunnel_without_its_end(&self, _open: Numbers) {}

    #[tunnel]
    fn tunnel_with_context_only(&self, _open: Numbers, _cx: &Context) {}

    #[tunnel]
    fn tunnel_in_disorder(&self, _tunnel: Accepted<Numbers>, _open: Numbers) {}

    #[started]
    fn started_with_more(&self, _event: &Added) {}
}

fn main() {}
