use std::process::ExitCode;
use std::time::{Duration, Instant};

use edri_connector::switch::status::{Status, fetch};
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Cell, Paragraph, Row, Table as Grid, TableState};
use tokio::runtime::Runtime;

use super::PATIENCE;
use super::table::{COLUMNS, Sort, Table, age, heading};
use crate::Outcome;

/// What is on the screen.
struct Screen {
    table: Table,
    status: Option<Status>,
    /// Why the last look failed, if it did.
    failed: Option<String>,
    /// Nothing changes until it goes on.
    paused: bool,
    place: TableState,
}

/// What a key asks for.
#[derive(Debug, PartialEq, Eq)]
enum Then {
    GoOn,
    End,
}

const KEYS: &str =
    "sort by: n name  i in  o out  w waiting  d dropped  t round trip     p pause  ↑↓ scroll  q end";

/// How many of those who left last are shown.
const DEPARTED: usize = 3;

pub(super) fn run(runtime: &Runtime, address: &str, every: Duration, table: Table) -> Outcome {
    let mut screen =
        Screen { table, status: None, failed: None, paused: false, place: TableState::default() };
    // Before the screen is taken: whoever mistyped the address is told so in plain words.
    screen.status = Some(runtime.block_on(fetch(address, PATIENCE))?);
    let mut terminal = ratatui::init();
    let shown = (|| {
        let mut looked = Instant::now();
        loop {
            terminal.draw(|frame| screen.draw(frame))?;
            let wait = every.saturating_sub(looked.elapsed());
            if event::poll(wait)? {
                if let Event::Key(key) = event::read()?
                    && key.kind == KeyEventKind::Press
                    && screen.press(key.code, key.modifiers) == Then::End
                {
                    return Ok(());
                }
            } else {
                looked = Instant::now();
                if !screen.paused {
                    screen
                        .take(runtime.block_on(fetch(address, PATIENCE)).map_err(|error| error.to_string()));
                }
            }
        }
    })();
    ratatui::restore();
    shown.map(|()| ExitCode::SUCCESS).map_err(|error: std::io::Error| error.into())
}

impl Screen {
    fn take(&mut self, fetched: Result<Status, String>) {
        match fetched {
            Ok(status) => {
                self.status = Some(status);
                self.failed = None;
            }
            Err(reason) => self.failed = Some(reason),
        }
    }

    fn press(&mut self, key: KeyCode, modifiers: KeyModifiers) -> Then {
        let sort = match key {
            KeyCode::Char('c') if modifiers.contains(KeyModifiers::CONTROL) => return Then::End,
            KeyCode::Char('q') | KeyCode::Esc => return Then::End,
            KeyCode::Char('p') => {
                self.paused = !self.paused;
                return Then::GoOn;
            }
            KeyCode::Down => {
                self.place.select_next();
                return Then::GoOn;
            }
            KeyCode::Up => {
                self.place.select_previous();
                return Then::GoOn;
            }
            KeyCode::Char('n') => Sort::Name,
            KeyCode::Char('i') => Sort::Received,
            KeyCode::Char('o') => Sort::Sent,
            KeyCode::Char('w') => Sort::Queue,
            KeyCode::Char('d') => Sort::Dropped,
            KeyCode::Char('t') => Sort::RoundTrip,
            _ => return Then::GoOn,
        };
        self.table.sort = sort;
        Then::GoOn
    }

    fn draw(&mut self, frame: &mut Frame<'_>) {
        let Some(status) = &self.status else { return };
        let departed = status.departed.iter().take(DEPARTED).map(|router| {
            let ago = age(router.seconds_ago);
            Line::from(format!("left {ago} ago: {} ({}): {}", router.name, router.network, router.reason))
        });
        let departed: Vec<_> = departed.collect();
        let [top, middle, left, bottom] = Layout::vertical([
            Constraint::Length(3),
            Constraint::Min(3),
            Constraint::Length(departed.len() as u16),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        frame.render_widget(Paragraph::new(heading(status).map(Line::from).to_vec()), top);
        let bold = Style::default().add_modifier(Modifier::BOLD);
        let rows = self.table.rows(status).into_iter().map(|row| Row::new(row.map(Cell::from)));
        let widths = [22, 12, 21, 9, 8, 8, 8, 8, 8, 8, 8].map(Constraint::Length);
        let grid = Grid::new(rows, widths)
            .header(Row::new(COLUMNS).style(bold))
            .row_highlight_style(Style::default().add_modifier(Modifier::REVERSED));
        frame.render_stateful_widget(grid, middle, &mut self.place);
        frame.render_widget(Paragraph::new(departed), left);
        let told = match (&self.failed, self.paused) {
            (Some(reason), _) => Line::from(reason.as_str()).style(bold),
            (None, true) => Line::from(format!("PAUSED  {KEYS}")).style(bold),
            (None, false) => Line::from(KEYS),
        };
        frame.render_widget(Paragraph::new(told), bottom);
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::table::tests::status;
    use super::*;

    fn screen() -> Screen {
        let table = Table::new(Sort::Received, None);
        Screen { table, status: Some(status()), failed: None, paused: false, place: TableState::default() }
    }

    fn shown(screen: &mut Screen) -> String {
        let mut terminal = Terminal::new(TestBackend::new(130, 16)).unwrap();
        terminal.draw(|frame| screen.draw(frame)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn it_shows_who_is_there_what_flows_and_who_left() {
        let shown = shown(&mut screen());
        for part in ["3 of 16384 connections", "press-1", "123.5k", "left 12 s ago: oven (plant)", "q end"] {
            assert!(shown.contains(part), "{part:?} is not in\n{shown}");
        }
    }

    #[test]
    fn keys_sort_pause_and_end() {
        let mut screen = screen();
        let mut press = |key| screen.press(key, KeyModifiers::NONE);
        assert_eq!(press(KeyCode::Char('w')), Then::GoOn);
        assert_eq!(press(KeyCode::Char('p')), Then::GoOn);
        assert_eq!(press(KeyCode::Char('x')), Then::GoOn);
        assert_eq!(press(KeyCode::Char('q')), Then::End);
        assert_eq!((screen.table.sort, screen.paused), (Sort::Queue, true));
        assert!(shown(&mut screen).contains("PAUSED"));
        assert_eq!(screen.press(KeyCode::Char('c'), KeyModifiers::CONTROL), Then::End);
        assert_eq!(screen.press(KeyCode::Char('c'), KeyModifiers::NONE), Then::GoOn);
    }

    #[test]
    fn what_was_last_known_stays_when_the_switch_is_gone_and_the_reason_is_told() {
        let mut screen = screen();
        screen.take(Err("nobody is there".to_owned()));
        let told = shown(&mut screen);
        assert!(told.contains("nobody is there") && told.contains("press-1"), "{told}");
        screen.take(Ok(status()));
        assert!(!shown(&mut screen).contains("nobody is there"));
    }
}
