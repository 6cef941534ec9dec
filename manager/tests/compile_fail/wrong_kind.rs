use edri_event::Request;
use edri_manager::manager;

#[derive(Request)]
#[request(response = u64)]
struct Add(u64);

struct Listening;

#[manager]
impl Listening {
    #[notification]
    fn add(&self, _event: &Add) {}
}

fn main() {}
