//! `refgate explain`: one page about each code.

use super::args::Explain;
use super::output::Output;
use crate::error::{Error, ErrorKind, Result};
use crate::explain;
use crate::report::text::Foreign;

/// The first word of a code, and what codes with it are about.
const GROUPS: &[(&str, &str)] = &[
    ("ref", "How protected refs move"),
    ("trust", "What a push is judged by"),
    ("notes", "Refs that hold evidence"),
    ("scan", "Gate scan: every commit was scanned, and nothing blocking was found"),
    ("tests", "Gate tests: the suites passed on what lands"),
    ("review", "Gate review: the right people approved exactly what lands"),
    ("checklist", "Gate checklist: the release document is complete and the tag signed"),
    ("exception", "Exceptions that would have let something pass, if only they were in force"),
    ("cannot", "No verdict"),
];

/// Shows the page of a code, or lists the codes of a gate, or all codes.
///
/// # Errors
/// There is no such code.
pub fn explain(args: &Explain, out: &mut Output) -> Result<()> {
    let Some(asked) = &args.code else {
        out.text(&overview());
        return Ok(());
    };
    let code = bare(asked);
    match (explain::page(code), GROUPS.iter().find(|(word, _)| *word == code)) {
        (Some(page), _) => out.text(&shown(page)),
        (None, Some((word, about))) => out.text(&group(word, about)),
        (None, None) => return Err(unknown(code)),
    }
    Ok(())
}

/// Takes the code out of what people copy from a message: `error[ref-moved]:`.
fn bare(asked: &str) -> &str {
    let asked = asked.trim().trim_end_matches(':');
    let inside = asked.split_once('[').and_then(|(_, rest)| rest.strip_suffix(']'));
    inside.unwrap_or(asked)
}

fn overview() -> String {
    let groups: Vec<String> = GROUPS.iter().map(|(word, about)| group(word, about)).collect();
    format!("{}\nrefgate explain <code> says what to do about it\n", groups.join("\n"))
}

/// Lists the codes that begin with a word.
fn group(word: &str, about: &str) -> String {
    let pages = explain::all().filter(|(code, _)| code.split('-').next() == Some(word));
    let lines: String =
        pages.map(|(code, page)| format!("  {code:<28} {}\n", explain::title(page))).collect();
    format!("{about}\n{lines}")
}

/// Lays a page out for a terminal: headings to the left, text and commands indented.
fn shown(page: &str) -> String {
    let mut text = String::new();
    let mut below_heading = false;
    for line in page.lines() {
        let heading = line.strip_prefix("# ").or_else(|| line.strip_prefix("## "));
        match heading {
            Some(heading) => text.push_str(heading),
            None if line.is_empty() && below_heading && text.lines().count() > 1 => continue,
            None if line.is_empty() => {}
            None => text.extend(["  ", line]),
        }
        text.push('\n');
        below_heading = heading.is_some();
    }
    text
}

fn unknown(code: &str) -> Error {
    let what = format!("there is no code {}", Foreign::from(code).quoted(60));
    let error = Error::new(ErrorKind::Usage, what);
    match explain::nearest(code) {
        Some(near) => error.hint(format!("the nearest is: refgate explain {near}")),
        None => error.hint("refgate explain lists them all"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::violation::Violation;

    #[test]
    fn every_code_is_listed_once_in_the_order_of_reports() {
        let overview = overview();
        let listed: Vec<&str> = overview
            .lines()
            .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
            .collect();
        let mut expected = Violation::codes();
        expected.push("cannot-judge");
        assert_eq!(listed, expected);
        assert!(overview.lines().all(|line| line.len() <= 100), "{overview}");
    }

    #[test]
    fn a_gate_lists_its_codes() {
        insta::assert_snapshot!(group("trust", "What a push is judged by"), @"
        What a push is judged by
          trust-root-unmet             the first push does not rest on the root of trust
          trust-anchor-moved           the policy changed while the push was judged
          trust-files-void             with these trusted files nothing could be judged
          trust-pusher-unknown         the server does not know who you are here
          trust-push-unsigned          the push is not signed
          trust-certificate-faulty     the certificate does not prove who pushes
        ");
    }

    #[test]
    fn a_page_is_laid_out_for_a_terminal() {
        let page = explain::page("ref-spelling").expect("a page");
        insta::assert_snapshot!(shown(page), @"
        ref-spelling: the name differs from a protected one only in case

        What it means
          The name is that of a protected ref, or matches the pattern of protected
          refs, but for upper and lower case.

        Why the policy asks for it
          People take Main for main, and on file systems that ignore case the two
          are one file. Nobody should be able to publish a branch that others take
          for the protected one.

        A push that triggers it
              git push origin HEAD:refs/heads/Main

        How to get it through
          Use the protected spelling, or another name:

              git push origin HEAD:refs/heads/main
              git push origin HEAD:refs/heads/my-topic
        ");
    }

    #[test]
    fn codes_are_found_in_what_people_copy() {
        for asked in ["ref-moved", "error[ref-moved]:", "[ref-moved]", " ref-moved "] {
            assert_eq!(bare(asked), "ref-moved");
        }
    }

    #[test]
    fn a_wrong_code_gets_the_nearest_one() {
        let error = unknown("scan-findings-open");
        assert_eq!(error.to_string(), "there is no code \"scan-findings-open\"");
        assert_eq!(error.remedy(), Some("the nearest is: refgate explain scan-finding-open"));
        let error = unknown("a\u{1b}[31mb");
        assert_eq!(error.to_string(), "there is no code \"a\\u{1b}[31mb\"");
        assert_eq!(error.remedy(), Some("refgate explain lists them all"));
    }
}
