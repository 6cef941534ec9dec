//! The bytes of every channel frame: they are the protocol. A change here is a new version of it.

use super::frames::*;

/// Both ways.
#[track_caller]
fn frame(written: &[u8], frame: &ChannelFrame<'_>, expected: &str) {
    let hex: String = written.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, expected.replace(' ', ""));
    let (kind, body) = (written[4], &written[5..]);
    assert_eq!(ChannelFrame::decode(kind, body).as_ref(), Ok(frame));
    if !matches!(frame, ChannelFrame::Messages { .. } | ChannelFrame::Part(_)) {
        for length in 0..body.len() {
            let cut = ChannelFrame::decode(kind, &body[..length]);
            assert!(cut.is_err(), "its first {length} bytes are a frame");
        }
        assert!(ChannelFrame::decode(kind, &[body, &[0]].concat()).is_err());
    }
}

#[test]
fn numbered_frames() {
    let mut written = Vec::new();
    write_messages(&mut written, 300, |out| out.extend_from_slice(&[9, 8]));
    let messages = ChannelFrame::Messages { number: 300, messages: &[9, 8] };
    frame(&written, &messages, "05000000 20 ac02 0908");
    let apart = [head_of_messages(300, 2), vec![9, 8]].concat();
    assert_eq!(apart, written);
    let part = [head_of_part(1, 4, 300, 2), vec![9, 8]].concat();
    let expected = ChannelFrame::Part(Part { number: 1, queue: 4, left: 300, bytes: &[9, 8] });
    frame(&part, &expected, "07000000 21 01 04 ac02 0908");
    assert!(ChannelFrame::decode(33, &[1, 4, 0]).is_err(), "a part of nothing");
}

#[test]
fn how_far_either_end_has_come() {
    let acknowledge = Acknowledge { received: 300, granted: [1, 2, 3] };
    let mut written = Vec::new();
    write_acknowledge(&mut written, &acknowledge);
    frame(&written, &ChannelFrame::Acknowledge(acknowledge), "06000000 22 ac02 010203");
    let resumes = [
        (false, false, None, None, "09000000 23 00 07 01 ac02 010203"),
        (true, true, None, None, "09000000 23 03 07 01 ac02 010203"),
        (false, false, Some(5), None, "0a000000 23 04 07 01 ac02 010203 05"),
        (true, false, Some(5), Some(300), "0c000000 23 0d 07 01 ac02 010203 05 ac02"),
    ];
    for (heard, missing, probe, echo, expected) in resumes {
        let resume = Resume { incarnation: 7, session: 1, acknowledge, heard, missing, probe, echo };
        let mut written = Vec::new();
        write_resume(&mut written, &resume);
        frame(&written, &ChannelFrame::Resume(resume), expected);
    }
}

#[test]
fn kinds_that_are_not_the_channels_own() {
    assert_eq!((MISMATCH, REJECT), (36, 37));
    assert!(ChannelFrame::decode(MISMATCH, &[]).is_err());
    assert!(ChannelFrame::decode(200, &[]).is_err());
}
