use std::collections::VecDeque;

/// The last lines that somebody wrote: at most so many, of at most so many bytes together.
#[derive(Debug, Default)]
pub(super) struct Tail {
    lines: VecDeque<String>,
    bytes: usize,
}

const LINES: usize = 20;
const BYTES: usize = 8 * 1024;

impl Tail {
    pub(super) fn push(&mut self, line: String) {
        self.bytes += line.len();
        self.lines.push_back(line);
        while self.lines.len() > LINES || (self.bytes > BYTES && self.lines.len() > 1) {
            if let Some(first) = self.lines.pop_front() {
                self.bytes -= first.len();
            }
        }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept() {
        let mut tail = Tail::default();
        (0..100).for_each(|number| tail.push(number.to_string()));
        let lines = tail.lines();
        assert_eq!((lines.len(), lines[0].as_str(), lines[LINES - 1].as_str()), (LINES, "80", "99"));
        tail.push("x".repeat(BYTES));
        assert_eq!(tail.lines().len(), 1);
        tail.push("y".into());
        assert_eq!(tail.lines(), ["y"]);
    }
}
