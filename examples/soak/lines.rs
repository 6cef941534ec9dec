//! The lines: each is a type of notification, or of request, or both, with one kind of consumer.

/// What the books have to know of a line.
pub struct Kind {
    pub name: &'static str,
    pub order: Order,
    pub account: Account,
}

/// Whether the events of one sender are handled in the order sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    OfSenders,
    None,
}

/// Which of the deliveries that a sender is told of are one that is handled or lost later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// Those accepted: what is dropped to make room was accepted before.
    Accepted,
    /// Those dropped, too: what arrives at a full inbox is not accepted, and is a dead letter.
    AcceptedAndDropped,
    /// One consumer has each event once. Others come late and leave early: what they have they only compare.
    Witnessed,
}

const fn line(name: &'static str, order: Order, account: Account) -> Kind {
    Kind { name, order, account }
}

pub const MAILBOX: usize = 0;
pub const INLINE: usize = 1;
pub const PER_KEY: usize = 2;
pub const UNORDERED: usize = 3;
pub const INLINE_AT_ONCE: usize = 4;
pub const REJECT: usize = 5;
pub const DROP_OLDEST: usize = 6;
pub const DROP_NEWEST: usize = 7;
pub const FRAIL: usize = 8;
pub const FAN_OUT: usize = 9;
pub const GROUP: usize = 10;
pub const RETAINED: usize = 11;
pub const TASKS: usize = 12;
pub const THREADS: usize = 13;
pub const FEW_THREADS: usize = 14;

pub const LINES: [Kind; 15] = [
    line("mailbox", Order::OfSenders, Account::Accepted),
    line("inline", Order::OfSenders, Account::Accepted),
    line("per key", Order::OfSenders, Account::Accepted),
    line("unordered", Order::None, Account::Accepted),
    line("inline at once", Order::OfSenders, Account::Accepted),
    line("reject", Order::OfSenders, Account::Accepted),
    line("drop oldest", Order::OfSenders, Account::Accepted),
    line("drop newest", Order::OfSenders, Account::AcceptedAndDropped),
    line("frail", Order::OfSenders, Account::Accepted),
    line("fan-out", Order::None, Account::Accepted),
    line("group", Order::None, Account::Accepted),
    line("retained", Order::None, Account::Witnessed),
    line("task pool", Order::None, Account::Accepted),
    line("thread pool", Order::None, Account::Accepted),
    line("small pool", Order::None, Account::Accepted),
];

/// Notifications are sent on these.
pub const TOLD: [usize; 11] = [
    MAILBOX,
    INLINE,
    PER_KEY,
    UNORDERED,
    INLINE_AT_ONCE,
    REJECT,
    DROP_OLDEST,
    DROP_NEWEST,
    FRAIL,
    FAN_OUT,
    GROUP,
];

/// And batches on these: their one consumer is always there and makes senders wait.
pub const BATCHED: [usize; 5] = [MAILBOX, INLINE, PER_KEY, UNORDERED, INLINE_AT_ONCE];

/// Managers answer requests on these.
pub const ASKED: [usize; 9] =
    [MAILBOX, INLINE, PER_KEY, UNORDERED, INLINE_AT_ONCE, REJECT, DROP_OLDEST, DROP_NEWEST, FRAIL];

/// Pools answer requests on these.
pub const JOBS: [usize; 3] = [TASKS, THREADS, FEW_THREADS];

/// Calls an async function whose parameter is a line.
macro_rules! on_line {
    ($line:expr, $function:ident($($argument:expr),*)) => {
        match $line {
            0 => $function::<0>($($argument),*).await,
            1 => $function::<1>($($argument),*).await,
            2 => $function::<2>($($argument),*).await,
            3 => $function::<3>($($argument),*).await,
            4 => $function::<4>($($argument),*).await,
            5 => $function::<5>($($argument),*).await,
            6 => $function::<6>($($argument),*).await,
            7 => $function::<7>($($argument),*).await,
            8 => $function::<8>($($argument),*).await,
            9 => $function::<9>($($argument),*).await,
            10 => $function::<10>($($argument),*).await,
            12 => $function::<12>($($argument),*).await,
            13 => $function::<13>($($argument),*).await,
            14 => $function::<14>($($argument),*).await,
            other => unreachable!("nobody sends on the line {other}"),
        }
    };
}
pub(crate) use on_line;
