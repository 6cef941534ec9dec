pub struct Refreshing;
