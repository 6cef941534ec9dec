use edri_event::Request;
use edri_manager::manager;
use edri_router::Answer;

#[derive(Request)]
#[request(response = u64)]
struct Add(u64);

struct Auditor;

#[manager]
impl Auditor {
    #[response]
    fn added(&self, _answer: &Answer<Add>) {}
}

fn main() {}
