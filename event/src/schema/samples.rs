//! What a `Deserialize` is answered with. Attempts are numbered; a type that rejects one is offered the next.

/// How many attempts there are.
pub(super) const ATTEMPTS: u8 = 16;

/// Numbers: zero first, then what `NonZero` takes, small ones, and some that a range may want.
pub(super) const fn number(attempt: u8) -> i8 {
    const NUMBERS: [i8; ATTEMPTS as usize] = [0, 1, 2, 3, 4, 5, 7, 8, 10, 12, 16, 20, 32, 64, 100, -1];
    NUMBERS[attempt as usize % NUMBERS.len()]
}

/// Text: nothing, a letter, a digit, and the formats that are parsed most often.
pub(super) const fn text(attempt: u8) -> &'static str {
    const TEXTS: [&str; ATTEMPTS as usize] = [
        "",
        "a",
        "0",
        "1",
        "1.0.0",
        "127.0.0.1",
        "127.0.0.1:80",
        "::1",
        "2000-01-01",
        "00:00:00",
        "2000-01-01T00:00:00",
        "2000-01-01T00:00:00Z",
        "00000000-0000-4000-8000-000000000000",
        "http://a.example/",
        "a@a.example",
        "/a",
    ];
    TEXTS[attempt as usize % TEXTS.len()]
}

/// Bytes: none, and the lengths of common identities, addresses and digests.
pub(super) fn bytes(attempt: u8) -> &'static [u8] {
    const LENGTHS: [usize; ATTEMPTS as usize] = [0, 16, 1, 2, 3, 4, 6, 8, 12, 20, 24, 28, 32, 48, 64, 33];
    const ZEROS: [u8; 64] = [0; 64];
    &ZEROS[..LENGTHS[attempt as usize % LENGTHS.len()]]
}

pub(super) const fn character(attempt: u8) -> char {
    const CHARACTERS: [char; 4] = ['A', 'a', '0', ' '];
    CHARACTERS[attempt as usize % CHARACTERS.len()]
}
