use edri_event::{Codec as _, Fingerprint, Postcard};
use serde::{Deserialize, Serialize, Serializer};

/// How lines are written; the first byte of each record.
const FORMAT: u8 = 1;

/// One thing to be remembered. Deadlines are in milliseconds since 1970, 0 for none.
///
/// A record is a list of lines, in Postcard. Variants and fields are never reordered or taken away: another form is another
/// [`FORMAT`].
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Line<'a> {
    Put {
        space: &'a str,
        key: &'a str,
        version: u64,
        deadline: u64,
        kind: Option<Fingerprint>,
        #[serde(serialize_with = "as_bytes")]
        bytes: &'a [u8],
    },
    Touched {
        space: &'a str,
        key: &'a str,
        version: u64,
        deadline: u64,
    },
    Gone {
        space: &'a str,
        key: &'a str,
        version: u64,
    },
    /// Values of that digest are of the type of that name.
    Type {
        kind: Fingerprint,
        name: &'a str,
    },
    /// The changes of a namespace had come as far as that.
    Reached {
        space: &'a str,
        version: u64,
    },
}

fn as_bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

impl Line<'_> {
    /// Adds it to a record.
    pub(super) fn write(&self, record: &mut Vec<u8>) {
        if record.is_empty() {
            record.push(FORMAT);
        }
        // Postcard writes everything that a line consists of.
        if let Err(error) = Postcard::encode(self, record) {
            unreachable!("a line cannot be written: {error}");
        }
    }
}

/// The lines of a record, in order.
pub(super) fn lines(record: &[u8]) -> Result<Lines<'_>, String> {
    match record.split_first() {
        Some((&FORMAT, rest)) => Ok(Lines { rest }),
        Some((format, _)) => Err(format!("lines in the format {format}: this program reads {FORMAT}")),
        None => Ok(Lines { rest: &[] }),
    }
}

pub(super) struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = Result<Line<'a>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        Some(match postcard::take_from_bytes(self.rest) {
            Ok((line, rest)) => {
                self.rest = rest;
                Ok(line)
            }
            Err(error) => {
                let left = std::mem::take(&mut self.rest).len();
                Err(format!("{left} bytes before the end of a record there is no line: {error}"))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use edri_event::Wire;

    use super::*;

    #[test]
    fn lines_are_read_as_they_were_written() {
        let kind = Wire::<u8>::of::<Postcard>().fingerprint();
        let written = [
            Line::Type { kind, name: "u8" },
            Line::Put { space: "", key: "k", version: 1, deadline: 7, kind: Some(kind), bytes: &[0, 200] },
            Line::Put { space: "s", key: "k", version: u64::MAX, deadline: 0, kind: None, bytes: &[] },
            Line::Touched { space: "s", key: "k", version: 2, deadline: 9 },
            Line::Gone { space: "s", key: "k", version: 3 },
            Line::Reached { space: "s", version: 4 },
        ];
        let mut record = Vec::new();
        written.iter().for_each(|line| line.write(&mut record));
        let read: Result<Vec<_>, _> = lines(&record).unwrap().collect();
        assert_eq!(read.unwrap(), written);
        assert!(lines(&[]).unwrap().next().is_none());
    }

    #[test]
    fn what_is_no_line_is_told() {
        assert!(lines(&[9, 0]).err().unwrap().contains("format 9"));
        let mut record = Vec::new();
        Line::Gone { space: "s", key: "k", version: 3 }.write(&mut record);
        record.pop();
        let mut lines = lines(&record).unwrap();
        assert!(lines.next().unwrap().unwrap_err().contains("no line"));
        assert!(lines.next().is_none());
    }
}
