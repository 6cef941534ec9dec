use crate::message::{Cursor, Malformed, put_number};
use crate::violation::Violation;
use crate::wire::{LOWEST_CHANNEL_KIND, framed};

/// One frame between two routers.
#[derive(Debug, PartialEq)]
pub(crate) enum ChannelFrame<'a> {
    /// Any number of messages, one after the other.
    Messages {
        number: u64,
        messages: &'a [u8],
    },
    Part(Part<'a>),
    Acknowledge(Acknowledge),
    Resume(Resume),
}

/// A part of a message that does not fit into one frame.
#[derive(Debug, PartialEq)]
pub(crate) struct Part<'a> {
    pub(crate) number: u64,
    /// Which of the sender's queues it comes from: each sends one long message at a time.
    pub(crate) queue: u8,
    /// How many bytes of the message follow in later parts.
    pub(crate) left: u32,
    pub(crate) bytes: &'a [u8],
}

/// How far the other end's numbered frames have come, and how much more it may send in each lane of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Acknowledge {
    /// The highest number that has arrived, and all before it.
    pub(crate) received: u64,
    /// In total since the session began; control, high, normal.
    pub(crate) granted: [u64; 3],
}

/// How far either end has come: said over every new transport before anything numbered, and when something is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resume {
    /// Of the sender.
    pub(crate) incarnation: u64,
    /// The higher of both ends' holds: see the module's text.
    pub(crate) session: u64,
    pub(crate) acknowledge: Acknowledge,
    /// The sender has heard the receiver's resume, over this transport.
    pub(crate) heard: bool,
    /// All after what was received is to be sent again.
    pub(crate) missing: bool,
    /// How far the sender's numbered frames have gone, if it wants an answer.
    pub(crate) probe: Option<u64>,
    /// The answer to a probe that said this.
    pub(crate) echo: Option<u64>,
}

const MESSAGES: u8 = LOWEST_CHANNEL_KIND;
const PART: u8 = LOWEST_CHANNEL_KIND + 1;
pub(crate) const ACKNOWLEDGE: u8 = LOWEST_CHANNEL_KIND + 2;
const RESUME: u8 = LOWEST_CHANNEL_KIND + 3;
/// Not of the channel itself: what is said between two routers that is not numbered.
pub(crate) const MISMATCH: u8 = LOWEST_CHANNEL_KIND + 4;
pub(crate) const REJECT: u8 = LOWEST_CHANNEL_KIND + 5;

const HEARD: u8 = 0x01;
const MISSING: u8 = 0x02;
const PROBE: u8 = 0x04;
const ECHO: u8 = 0x08;

/// What a frame has beside the messages or the part in it: its length, kind, number, queue, what is left.
pub(crate) const FRAME_OVERHEAD: usize = 4 + 1 + 10 + 1 + 5;

impl<'a> ChannelFrame<'a> {
    pub(crate) fn decode(kind: u8, body: &'a [u8]) -> Result<Self, Violation> {
        let mut cursor = Cursor::new(body);
        let decoded = match kind {
            MESSAGES => messages(&mut cursor),
            PART => part(&mut cursor),
            ACKNOWLEDGE => acknowledge(&mut cursor).map(Self::Acknowledge),
            RESUME => resume(&mut cursor).map(Self::Resume),
            unknown => return Err(Violation::UnknownKind(unknown)),
        };
        let malformed =
            |error: Malformed| Violation::Channel { kind, length: body.len(), reason: error.to_string() };
        let frame = decoded.map_err(malformed)?;
        let ends = matches!(frame, Self::Messages { .. } | Self::Part(_)) || cursor.is_at_end();
        if ends { Ok(frame) } else { Err(malformed(Malformed::LeftOver)) }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Messages { .. } => "messages",
            Self::Part(_) => "part",
            Self::Acknowledge(_) => "acknowledge",
            Self::Resume(_) => "resume",
        }
    }
}

fn messages<'a>(cursor: &mut Cursor<'a>) -> Result<ChannelFrame<'a>, Malformed> {
    let number = cursor.number()?;
    Ok(ChannelFrame::Messages { number, messages: cursor.rest() })
}

fn part<'a>(cursor: &mut Cursor<'a>) -> Result<ChannelFrame<'a>, Malformed> {
    let (number, queue, left) = (cursor.number()?, cursor.byte()?, cursor.small_number()?);
    match cursor.rest() {
        [] => Err(Malformed::Ends),
        bytes => Ok(ChannelFrame::Part(Part { number, queue, left, bytes })),
    }
}

fn acknowledge(cursor: &mut Cursor<'_>) -> Result<Acknowledge, Malformed> {
    let received = cursor.number()?;
    Ok(Acknowledge { received, granted: [cursor.number()?, cursor.number()?, cursor.number()?] })
}

fn resume(cursor: &mut Cursor<'_>) -> Result<Resume, Malformed> {
    let flags = cursor.byte()?;
    let (incarnation, session) = (cursor.number()?, cursor.number()?);
    let acknowledge = acknowledge(cursor)?;
    let mut optional = |flag| if flags & flag != 0 { cursor.number().map(Some) } else { Ok(None) };
    Ok(Resume {
        incarnation,
        session,
        acknowledge,
        heard: flags & HEARD != 0,
        missing: flags & MISSING != 0,
        probe: optional(PROBE)?,
        echo: optional(ECHO)?,
    })
}

/// Appends the beginning of a frame of messages, which ends with `messages` and is ended by them.
pub(crate) fn write_messages(out: &mut Vec<u8>, number: u64, messages: impl FnOnce(&mut Vec<u8>)) {
    framed(out, MESSAGES, |out| {
        put_number(out, number);
        messages(out);
    });
}

/// The beginning of a frame of messages, or of one message, that has so many bytes.
pub(crate) fn head_of_messages(number: u64, length: usize) -> Vec<u8> {
    head(MESSAGES, length, |out| put_number(out, number))
}

/// The beginning of a frame with a part that has so many bytes.
pub(crate) fn head_of_part(number: u64, queue: u8, left: u32, length: usize) -> Vec<u8> {
    head(PART, length, |out| {
        put_number(out, number);
        out.push(queue);
        put_number(out, left.into());
    })
}

fn head(kind: u8, length: usize, body: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(FRAME_OVERHEAD);
    framed(&mut out, kind, body);
    let announced = u32::try_from(out.len() - 4 + length).unwrap_or(u32::MAX);
    out[..4].copy_from_slice(&announced.to_le_bytes());
    out
}

pub(crate) fn write_acknowledge(out: &mut Vec<u8>, acknowledge: &Acknowledge) {
    framed(out, ACKNOWLEDGE, |out| put_acknowledge(out, acknowledge));
}

pub(crate) fn write_resume(out: &mut Vec<u8>, resume: &Resume) {
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    framed(out, RESUME, |out| {
        out.push(
            flag(resume.heard, HEARD)
                | flag(resume.missing, MISSING)
                | flag(resume.probe.is_some(), PROBE)
                | flag(resume.echo.is_some(), ECHO),
        );
        put_number(out, resume.incarnation);
        put_number(out, resume.session);
        put_acknowledge(out, &resume.acknowledge);
        resume.probe.into_iter().chain(resume.echo).for_each(|number| put_number(out, number));
    });
}

fn put_acknowledge(out: &mut Vec<u8>, acknowledge: &Acknowledge) {
    put_number(out, acknowledge.received);
    acknowledge.granted.into_iter().for_each(|granted| put_number(out, granted));
}
