//! The verdict as workflow commands of GitHub Actions, which become annotations of a run.

use super::machine::{items, text_of};
use crate::error::Error;
use crate::verdict::Verdict;

/// Writes a verdict as one workflow command for each violation, or one notice if there is none.
#[must_use]
pub fn verdict(verdict: &Verdict) -> String {
    if verdict.is_accepted() {
        let refs: Vec<String> = verdict.refs.iter().map(|judged| judged.name.to_string()).collect();
        return command(
            "notice",
            &[("title", "refgate")],
            &format!("{}: accepted", refs.join(", ")),
        );
    }
    let mut out = String::new();
    for item in items(verdict) {
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
        out.push_str(&command("error", &properties, &item.text));
    }
    out
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
    use crate::report::machine::samples::{accepted, refused};

    #[test]
    fn t92_each_violation_is_one_line_whatever_its_text() {
        let text = verdict(&refused());
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.lines().all(|line| line.starts_with("::error ")), "{text}");
        let finding = text.lines().last().expect("three lines");
        let head =
            "::error file=src/a b.rs,line=7,title=refgate scan-finding-open on refs/heads/main::";
        assert!(finding.starts_with(head), "{finding}");
        assert!(finding.contains("100%25%0A") || finding.contains("100%25"), "{finding}");
    }

    #[test]
    fn what_ends_a_property_or_a_line_is_escaped() {
        assert_eq!(
            command("error", &[("title", "a:b,c%\n::error::x")], "1%\r\n::warning::y"),
            "::error title=a%3Ab%2Cc%25%0A%3A%3Aerror%3A%3Ax::1%25%0D%0A::warning::y\n"
        );
        assert_eq!(verdict(&accepted()), "::notice title=refgate::refs/heads/main: accepted\n");
        let failed = Error::new(crate::error::ErrorKind::Policy, "no rules").hint("ask Ada");
        assert_eq!(
            error(&failed),
            "::error title=refgate cannot judge::no rules%0Ahint: ask Ada\n"
        );
    }
}
