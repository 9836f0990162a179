//! The report as one page: no script, nothing that is loaded, fit for a screen and for paper.

use super::chart::Buckets;
use super::markdown::{mark, short};
use super::{Report, day};
use crate::policy::gates::Gate;
use crate::report::text::escape;

/// Makes foreign text fit for a page: control characters are shown, and nothing is markup.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in escape(text.as_bytes()).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A cell that is not plain text.
enum Cell {
    Text(String),
    Code(String),
    /// An id, which stays on one line.
    Id(String),
    /// Something that was judged: its words, and a class for its colour.
    State(&'static str, &'static str),
    Number(String),
}

impl Cell {
    fn html(&self) -> String {
        match self {
            Self::Text(text) => format!("<td>{}</td>", escaped(text)),
            Self::Code(text) => format!("<td><code>{}</code></td>", escaped(text)),
            Self::Id(text) => format!("<td class=\"id\"><code>{}</code></td>", escaped(text)),
            Self::State(class, words) => {
                format!("<td><span class=\"state {class}\">{}</span></td>", escaped(words))
            }
            Self::Number(text) => format!("<td class=\"number\">{}</td>", escaped(text)),
        }
    }
}

fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<Cell>>) -> String {
    let head: String = head.iter().map(|text| format!("<th scope=\"col\">{text}</th>")).collect();
    let body: String = rows
        .into_iter()
        .map(|row| format!("<tr>{}</tr>\n", row.iter().map(Cell::html).collect::<String>()))
        .collect();
    format!(
        "<div class=\"wide\"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n"
    )
}

/// Writes the page.
#[must_use]
pub fn page(report: &Report) -> String {
    let title = format!("Release audit {}", escaped(&report.quarter));
    let mut body = format!(
        "<header><h1>{title}</h1>\n<p>Drawn from {} releases of the quarter with the seed <code>{}</code>. Report of {}.</p></header>\n",
        report.candidates,
        escaped(&report.seed),
        day(report.time)
    );
    body += "<ul class=\"counts\">";
    for (name, count) in report.counts() {
        body += &format!("<li><b>{count}</b> {name}</li>");
    }
    body += &format!("<li><b>{}</b> findings</li></ul>\n", report.findings.len());
    body += "<section><h2>Releases</h2>\n";
    body += &releases(report);
    if !report.unreadable.is_empty() {
        body += "<h3>Repositories that could not be read</h3>\n";
        let rows = report.unreadable.iter().map(|unreadable| {
            vec![Cell::Code(unreadable.path.clone()), Cell::Text(unreadable.why.clone())]
        });
        body += &table(&["Clone", "Why"], rows);
    }
    body += "</section>\n<section><h2>Findings</h2>\n";
    body += &findings(report);
    body += "</section>\n";
    body += &ledgers(report);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

fn releases(report: &Report) -> String {
    if report.releases.is_empty() {
        return "<p>No release was drawn.</p>\n".into();
    }
    let head = [
        "Portfolio",
        "Repository",
        "Release",
        "Date",
        "Result",
        "Scan",
        "Tests",
        "Review",
        "Checklist",
        "Judgements",
    ];
    let rows = report.releases.iter().map(|drawn| {
        let release = &drawn.release;
        let class = match drawn.outcome() {
            "accepted" => "good",
            "refused" => "bad",
            _ => "unknown",
        };
        let mut row = vec![
            Cell::Text(release.portfolio.clone()),
            Cell::Code(release.repository.clone()),
            Cell::Code(short(&release.tag).to_owned()),
            Cell::Text(day(release.time)),
            Cell::State(class, drawn.outcome()),
        ];
        row.extend(Gate::ALL.map(|gate| match drawn.gate(gate.name()) {
            Some(true) => Cell::State("good", mark(Some(true))),
            Some(false) => Cell::State("bad", mark(Some(false))),
            None => Cell::Text("-".into()),
        }));
        row.push(Cell::Number(drawn.judgements().to_string()));
        row
    });
    table(&head, rows)
}

fn findings(report: &Report) -> String {
    if report.findings.is_empty() {
        return "<p>None.</p>\n".into();
    }
    let rows = report.findings.iter().map(|item| {
        vec![
            Cell::Id(item.id.clone()),
            Cell::Code(item.code.clone()),
            Cell::Code(item.repository.clone()),
            Cell::Code(short(&item.subject).to_owned()),
            Cell::Text(item.title.clone()),
        ]
    });
    table(&["Id", "Code", "Repository", "Subject", "What"], rows)
}

fn ledgers(report: &Report) -> String {
    let Some(told) = &report.ledgers else { return String::new() };
    let buckets = Buckets::of(&told.refusals);
    let mut out = String::from("<section><h2>Refused pushes by gate</h2>\n");
    let chart = buckets.svg();
    if chart.is_empty() {
        out += "<p>No push was refused.</p>\n";
    } else {
        let step = match buckets.step {
            1 => "one day".to_owned(),
            days => format!("{days} days"),
        };
        out += &format!(
            "<figure>{chart}<figcaption>One column is {step}; a push that several gates refused counts for each. {} records were read.</figcaption></figure>\n",
            told.records
        );
        let rows = buckets.rows().into_iter().map(|row| {
            let mut cells: Vec<Cell> = row.into_iter().map(Cell::Text).collect();
            if let Some(Cell::Text(count)) = cells.pop() {
                cells.push(Cell::Number(count));
            }
            cells
        });
        let numbers = table(&["From", "Gate", "Refused"], rows);
        out += &format!("<details><summary>The same as numbers</summary>\n{numbers}</details>\n");
    }
    out += "</section>\n<section><h2>Continuity of controls</h2>\n";
    if told.controls.is_empty() {
        out += "<p>Nothing has landed.</p>\n";
    } else {
        let rows = told.controls.iter().map(|control| {
            vec![
                Cell::Code(control.repository.clone()),
                Cell::Code(short(&control.r#ref).to_owned()),
                Cell::Text(control.gate.clone()),
                match control.since {
                    Some(since) => Cell::Text(day(since)),
                    None => Cell::State("bad", "does not hold"),
                },
                Cell::Number(control.landings.to_string()),
                Cell::Number(control.gaps.len().to_string()),
            ]
        });
        out += &table(&["Repository", "Ref", "Control", "Holds since", "Landings", "Gaps"], rows);
    }
    let gaps: Vec<Vec<Cell>> = told
        .controls
        .iter()
        .flat_map(|control| control.gaps.iter().map(move |gap| (control, gap)))
        .map(|(control, gap)| {
            vec![
                Cell::Code(control.repository.clone()),
                Cell::Code(short(&control.r#ref).to_owned()),
                Cell::Text(control.gate.clone()),
                Cell::Text(day(gap.from)),
                Cell::Text(day(gap.to)),
                Cell::Text(gap.why.clone()),
            ]
        })
        .collect();
    if !gaps.is_empty() {
        out += "<h3>Gaps</h3>\n";
        out += &table(&["Repository", "Ref", "Control", "Held until", "Seen", "Why"], gaps);
    }
    if !told.waived.is_empty() {
        out += "<h3>Let through by break-glass</h3>\n";
        let rows = told.waived.iter().map(|waived| {
            vec![
                Cell::Text(day(waived.time)),
                Cell::Code(waived.repository.clone()),
                Cell::Code(short(&waived.r#ref).to_owned()),
                Cell::Code(waived.verdict.clone()),
            ]
        });
        out += &table(&["Date", "Repository", "Ref", "Verdict"], rows);
    }
    out + "</section>\n"
}

const STYLE: &str = "\
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: #1d2129; font: 15px/1.5 system-ui, 'DejaVu Sans', Helvetica, Arial, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 32px 28px 56px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 6px; }
h2 { font-size: 19px; margin: 38px 0 10px; }
h3 { font-size: 15px; margin: 24px 0 8px; }
header p { margin: 0; color: #545b66; }
code { font: 0.92em ui-monospace, 'DejaVu Sans Mono', Menlo, monospace; overflow-wrap: anywhere; }
.counts { list-style: none; display: flex; flex-wrap: wrap; gap: 10px; margin: 22px 0 0; padding: 0; }
.counts li { flex: 1 1 150px; border: 1px solid #d9dde3; border-radius: 6px; padding: 10px 14px; color: #545b66; }
.counts b { display: block; font-size: 26px; line-height: 1.2; color: #1d2129; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th { text-align: left; font-weight: 600; color: #545b66; border-bottom: 2px solid #c4c9d1; padding: 6px 12px 6px 0; white-space: nowrap; }
td { border-bottom: 1px solid #e6e9ed; padding: 6px 12px 6px 0; vertical-align: top; }
td.id { white-space: nowrap; }
td.number { font-variant-numeric: tabular-nums; }
.state { display: inline-block; padding: 0 8px; border-radius: 10px; border: 1px solid; white-space: nowrap; font-size: 13px; }
.good { color: #1c6b3c; background: #edf7f0; border-color: #b6dcc3; }
.bad { color: #9c1f1f; background: #fdf0f0; border-color: #e8bcbc; font-weight: 600; }
.unknown { color: #6b5200; background: #fdf7e3; border-color: #e5d59a; }
figure { margin: 0; }
svg { display: block; width: 100%; height: auto; }
svg text.axis { font-size: 10px; fill: #545b66; }
svg .grid { stroke: #e6e9ed; }
figcaption, summary { color: #545b66; font-size: 13px; }
summary { cursor: pointer; margin: 8px 0; }
@media print {
  body { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  table { font-size: 8.5pt; }
  .wide { overflow: visible; }
  h2, h3 { break-after: avoid; }
  tr, figure, .counts { break-inside: avoid; }
  thead { display: table-header-group; }
  .state, rect { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
";
