use edri_manager::manager;

struct Calculator;

#[manager(inline, concurrency = PerKey(8))]
impl Calculator {}

fn main() {}
