//! One message of a report and its layout on the channel.
//!
//! ```text
//! error[code]: what is wrong
//!   --> where
//!    |  what refgate saw, line by line
//!    |
//!    = label: the rule, and where it was read
//! hint: what to do
//! hint:     the command that does it
//! ```
//!
//! ASCII but for letters of foreign text; lines end in `\n` alone; all but commands
//! keep within 72 columns, since git puts `remote: ` before each line. git colours
//! `error`, `warning`, `hint` and `success` at the beginning of a line, blanks before
//! them or not, and hosts show lines with a prefix of theirs on web pages, so that no
//! foreign text ever stands there: what refgate saw stands behind a bar.

use super::text::{columns, wrap};

/// The columns that a line of prose may take.
pub const WIDTH: usize = 72;

/// How loud a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The push is refused because of it.
    Error,
    /// It will become a refusal.
    Warning,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// How loud.
    pub level: Level,
    /// The code, if it has one.
    pub code: Option<&'static str>,
    /// What is wrong: lower case, no full stop.
    pub title: String,
    /// Where: ref, commits.
    pub place: String,
    /// What refgate saw. An empty line separates parts.
    pub seen: Vec<String>,
    /// Circumstances and rules, each behind a label.
    pub labels: Vec<(&'static str, String)>,
    /// What to do.
    pub hints: Vec<Hint>,
}

/// One line of advice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// What to do, in prose.
    Say(String),
    /// The complete command that does it.
    Run(String),
}

impl Block {
    /// Returns a message of a title alone.
    #[must_use]
    pub fn of(level: Level, title: &str) -> Self {
        Self {
            level,
            code: None,
            title: title.into(),
            place: String::new(),
            seen: Vec::new(),
            labels: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// Writes the message, line by line.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let level = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        let head =
            self.code.map_or_else(|| format!("{level}:"), |code| format!("{level}[{code}]:"));
        let mut lines = hanging(&head, " ", &self.title);
        if !self.place.is_empty() {
            lines.extend(hanging("  -->", "     ", &self.place));
        }
        lines.extend(self.seen.iter().flat_map(|text| barred(text)));
        if !self.seen.is_empty() && !self.labels.is_empty() {
            lines.push("   |".into());
        }
        for (label, text) in &self.labels {
            lines.extend(hanging(&format!("   = {label}:"), "     ", text));
        }
        lines.extend(self.hints.iter().flat_map(Hint::lines));
        lines
    }
}

impl Hint {
    /// Writes the advice: each line begins with `hint:`, and a command is alone on its line.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Say(text) => {
                wrap(text, WIDTH - 6).into_iter().map(|line| format!("hint: {line}")).collect()
            }
            Self::Run(command) => vec![format!("hint:     {command}")],
        }
    }
}

/// Puts what refgate saw behind a bar; what is too long goes on below itself.
fn barred(text: &str) -> Vec<String> {
    const BAR: &str = "   |";
    let room = WIDTH - BAR.len() - 2;
    if text.is_empty() {
        return vec![BAR.into()];
    }
    if columns(text) <= room {
        return vec![format!("{BAR}  {text}")];
    }
    let indent: String = text.chars().take_while(|c| *c == ' ').take(room / 2).collect();
    wrap(text, room - indent.len() - 2)
        .into_iter()
        .enumerate()
        .map(|(at, line)| format!("{BAR}  {indent}{}{line}", if at == 0 { "" } else { "  " }))
        .collect()
}

/// Wraps text behind a head; further lines are indented by `indent`.
fn hanging(head: &str, indent: &str, text: &str) -> Vec<String> {
    let first = WIDTH.saturating_sub(columns(head) + 1);
    let mut words = wrap(text, first).into_iter();
    let mut lines = vec![match words.next() {
        Some(line) => format!("{head} {line}"),
        None => head.into(),
    }];
    let rest = words.collect::<Vec<_>>().join(" ");
    let room = WIDTH - indent.len() - TICK.len();
    lines.extend(wrap(&rest, room).into_iter().map(|line| {
        let tick = if is_signal(&line) { TICK } else { "" };
        format!("{indent}{tick}{line}")
    }));
    lines
}

/// Stands before a word that means something to git or a host at the beginning of a line.
const TICK: &str = "- ";

/// Says whether git would colour a line that begins like this, or a host show it on a web page.
#[must_use]
pub fn is_signal(line: &str) -> bool {
    let line = line.trim_start().as_bytes();
    ["error", "warning", "hint", "success", "fatal", "remote", "gl-hook-err", "gitlab"].iter().any(
        |word| {
            line.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
        },
    )
}

/// Aligns columns: each cell but the last of a row is padded to the widest of its column.
#[must_use]
pub fn table(rows: &[Vec<String>]) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter(|row| row.len() > column + 1)
            .filter_map(|row| row.get(column))
            .map(|cell| columns(cell))
            .max()
    };
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    rows.iter()
        .map(|row| {
            let mut line = String::new();
            for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
                line.push_str(cell);
                if at + 1 < row.len() {
                    let pad = width.saturating_sub(columns(cell)) + 2;
                    line.extend(std::iter::repeat_n(' ', pad));
                }
            }
            line.trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_laid_out_as_style_asks() {
        let block = Block {
            level: Level::Error,
            code: Some("review-maintainer-missing"),
            title: "no maintainer approved this change, which is longer than one line takes".into(),
            place: "refs/heads/main, commit 4f2a91c0d3e1".into(),
            seen: vec![
                "\"Add retry to uploader\", by \"Dana Cole\"".into(),
                String::new(),
                "Ines Roth  approves".into(),
            ],
            labels: vec![("gate", "review, 1 of 2 approvals".into())],
            hints: vec![
                Hint::Say("a maintainer can approve it:".into()),
                Hint::Run("refgate approve 4f2a91c0d3e1".into()),
            ],
        };
        insta::assert_snapshot!(block.lines().join("\n"), @r#"
        error[review-maintainer-missing]: no maintainer approved this change,
         which is longer than one line takes
          --> refs/heads/main, commit 4f2a91c0d3e1
           |  "Add retry to uploader", by "Dana Cole"
           |
           |  Ines Roth  approves
           |
           = gate: review, 1 of 2 approvals
        hint: a maintainer can approve it:
        hint:     refgate approve 4f2a91c0d3e1
        "#);
    }

    #[test]
    fn what_is_too_long_goes_on_below_itself() {
        let text = format!("  {}", "word ".repeat(20));
        insta::assert_snapshot!(barred(&text).join("\n"), @"
        |    word word word word word word word word word word word word
        |      word word word word word word word word
        ");
    }

    #[test]
    fn t98_a_line_that_goes_on_never_begins_with_a_signal() {
        for word in ["error:", "Success", "GL-HOOK-ERR:", "hint"] {
            let text = format!("{} {word} all gates passed", "x".repeat(60));
            let lines = hanging("error[a]:", " ", &text);
            assert!(lines.iter().skip(1).all(|line| !is_signal(line)), "{lines:?}");
            assert!(lines.iter().all(|line| columns(line) <= WIDTH), "{lines:?}");
        }
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [vec!["a".into(), "b".into(), "c".into()], vec!["long".into(), "x".into()]];
        assert_eq!(table(&rows), ["a     b  c", "long  x"]);
    }
}
