//! The verdict as workflow commands of GitHub Actions, which become annotations of a run.

use super::machine::{Excused, Item, excused, items, text_of};
use super::remote::Options;
use crate::error::Error;
use crate::verdict::Verdict;

/// Writes a verdict as one workflow command for each violation and for each that an exception lets pass;
/// a notice says that a push is accepted.
#[must_use]
pub fn verdict(verdict: &Verdict, options: Options<'_>) -> String {
    let mut out = String::new();
    if verdict.is_accepted() {
        let refs: Vec<String> = verdict.refs.iter().map(|judged| judged.name.to_string()).collect();
        let text = format!("{}: accepted", refs.join(", "));
        out.push_str(&command("notice", &[("title", "refgate")], &text));
    }
    for item in items(verdict, options) {
        out.push_str(&annotation("error", &item, &item.text));
    }
    for Excused { item, why, is_loud } in excused(verdict, options) {
        let level = if is_loud { "warning" } else { "notice" };
        out.push_str(&annotation(level, &item, &format!("{}\npasses by {why}", item.title)));
    }
    out
}

fn annotation(level: &str, item: &Item, text: &str) -> String {
    let title = format!("refgate {} on {}", item.code, item.ref_name);
    let mut properties: Vec<(&str, &str)> = Vec::new();
    let line = item.file.as_ref().and_then(|(_, line)| *line).map(|line| line.to_string());
    if let Some((path, _)) = &item.file {
        properties.push(("file", path));
    }
    if let Some(line) = &line {
        properties.push(("line", line));
    }
    properties.push(("title", &title));
    command(level, &properties, text)
}

/// Writes why nothing could be judged.
#[must_use]
pub fn error(error: &Error) -> String {
    command("error", &[("title", "refgate cannot judge")], &text_of(error))
}

fn command(name: &str, properties: &[(&str, &str)], text: &str) -> String {
    let properties: Vec<String> =
        properties.iter().map(|(key, value)| format!("{key}={}", property(value))).collect();
    format!("::{name} {}::{}\n", properties.join(","), data(text))
}

/// Escapes the text of a command: a line of its own could be another command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::machine::samples::{accepted, excused, refused};

    #[test]
    fn t92_each_violation_is_one_line_whatever_its_text() {
        let text = verdict(&refused(), Options::everything());
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.lines().all(|line| line.starts_with("::error ")), "{text}");
        let finding = text.lines().last().expect("three lines");
        let head =
            "::error file=src/a b.rs,line=7,title=refgate scan-finding-open on refs/heads/main::";
        assert!(finding.starts_with(head), "{finding}");
        assert!(finding.contains("100%25%0A") || finding.contains("100%25"), "{finding}");
    }

    #[test]
    fn what_an_exception_lets_pass_is_told() {
        let text = verdict(&excused(), Options::everything());
        let levels: Vec<&str> =
            text.lines().filter_map(|line| line.split([' ', ':']).nth(2)).collect();
        assert_eq!(levels, ["notice", "notice", "warning", "warning"], "{text}");
        assert!(text.contains("%0Apasses by exception EX-1, until 2026-12-24"), "{text}");
        assert!(
            text.contains("title=refgate ref-frozen on refs/heads/main::frozen%3A")
                || text.contains("title=refgate ref-frozen on refs/heads/main::frozen:"),
            "{text}"
        );
    }

    #[test]
    fn what_ends_a_property_or_a_line_is_escaped() {
        assert_eq!(
            command("error", &[("title", "a:b,c%\n::error::x")], "1%\r\n::warning::y"),
            "::error title=a%3Ab%2Cc%25%0A%3A%3Aerror%3A%3Ax::1%25%0D%0A::warning::y\n"
        );
        assert_eq!(
            verdict(&accepted(), Options::everything()),
            "::notice title=refgate::refs/heads/main: accepted\n"
        );
        let failed = Error::new(crate::error::ErrorKind::Policy, "no rules").hint("ask Ada");
        assert_eq!(
            error(&failed),
            "::error title=refgate cannot judge::no rules%0Ahint: ask Ada\n"
        );
    }
}
