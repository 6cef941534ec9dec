use edri_manager::manager;

struct Calculator;

#[manager(capacity = 0)]
impl Calculator {}

struct Other;

#[manager(overflow = Drop)]
impl Other {}

struct Another;

#[manager(concurrency = PerKey)]
impl Another {}

struct Zero;

#[manager(concurrency = Unordered(0))]
impl Zero {}

struct Nameless;

#[manager(name = "")]
impl Nameless {}

struct Insisting;

#[manager(inline = true)]
impl Insisting {}

struct Twice;

#[manager(capacity = 1, capacity = 2)]
impl Twice {}

fn main() {}
