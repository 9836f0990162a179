//! The report as one page: no script, nothing that is loaded, fit for a screen and for paper.

use super::chart::Buckets;
use super::markdown::{mark, short, shown, state_of};
use super::{Report, SharedGap, day, gaps};
use crate::evidence::exception::STATES;
use crate::policy::gates::Gate;

/// Makes foreign text fit for a page: control characters are shown, and nothing is markup.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in shown(text).chars() {
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
    /// A name that may be broken anywhere, since it can be long.
    Long(String),
    /// An id, which stays on one line.
    Id(String),
    /// Something that was judged: its words, and a class for its colour.
    State(&'static str, String),
    /// A day, which stays on one line.
    Date(String),
    Number(String),
}

impl Cell {
    /// Writes the cell; `label` is the head of its column, which stands before it where there is no room for columns.
    fn html(&self, label: &str) -> String {
        let (class, content) = match self {
            Self::Text(text) => ("", escaped(text)),
            Self::Code(text) => ("", format!("<code>{}</code>", escaped(text))),
            // Broken behind slashes, before it is broken anywhere.
            Self::Long(text) => {
                ("long", format!("<code>{}</code>", escaped(text).replace('/', "/<wbr>")))
            }
            Self::Id(text) => ("id", format!("<code>{}</code>", escaped(text))),
            Self::State(state, words) => {
                ("", format!("<span class=\"state {state}\">{}</span>", escaped(words)))
            }
            Self::Date(text) => ("id", escaped(text)),
            Self::Number(text) => ("number", escaped(text)),
        };
        format!("<td class=\"{class}\" data-label=\"{}\">{content}</td>", escaped(label))
    }
}

fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<Cell>>) -> String {
    table_of("cards", head, rows)
}

/// Writes a table; the class says whether a narrow screen shows each row by itself.
fn table_of(class: &str, head: &[&str], rows: impl IntoIterator<Item = Vec<Cell>>) -> String {
    let row = |cells: Vec<Cell>| {
        let cells: String = cells.iter().zip(head).map(|(cell, label)| cell.html(label)).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let body: String = rows.into_iter().map(row).collect();
    let head: String =
        head.iter().map(|text| format!("<th scope=\"col\">{}</th>", escaped(text))).collect();
    format!(
        "<div class=\"wide\"><table class=\"{class}\">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n"
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
            vec![Cell::Long(unreadable.path.clone()), Cell::Text(unreadable.why.clone())]
        });
        body += &table(&["Clone", "Why"], rows);
    }
    body += "</section>\n<section><h2>Findings</h2>\n";
    body += &findings(report);
    body += "</section>\n<section><h2>Exceptions by state</h2>\n";
    body += &exceptions(report);
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
            Cell::Long(release.repository.clone()),
            Cell::Code(short(&release.tag).to_owned()),
            Cell::Date(day(release.time)),
            Cell::State(class, drawn.outcome().into()),
        ];
        row.extend(Gate::ALL.map(|gate| match drawn.gate(gate.name()) {
            Some(true) => Cell::State("good", mark(Some(true)).into()),
            Some(false) => Cell::State("bad", mark(Some(false)).into()),
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
            Cell::Long(item.code.clone()),
            Cell::Long(item.repository.clone()),
            Cell::Code(short(&item.subject).to_owned()),
            Cell::Text(item.title.clone()),
        ]
    });
    table(&["Id", "Code", "Repository", "Subject", "What"], rows)
}

fn exceptions(report: &Report) -> String {
    let exceptions = &report.exceptions;
    let mut out = String::from("<ul class=\"counts small\">");
    for state in STATES {
        let count = exceptions.by_state.get(state).copied().unwrap_or_default();
        out += &format!("<li><b>{count}</b> {state}</li>");
    }
    out += "</ul>\n";
    if exceptions.all.is_empty() {
        out += "<p>There are no exceptions.</p>\n";
    } else {
        let rows = exceptions.all.iter().map(|row| {
            let class = match row.state {
                _ if row.review_owed => "bad",
                "approved" => "good",
                "requested" | "expiring" => "unknown",
                "self-approved" | "too-long" => "bad",
                _ => "over",
            };
            vec![
                Cell::State(class, state_of(row)),
                Cell::Long(row.repository.clone()),
                Cell::Id(row.id.clone()),
                Cell::Text(row.owner.clone()),
                Cell::Text(row.approved_by.join(", ")),
                Cell::Date(row.requested.clone()),
                Cell::Date(row.expires.clone()),
            ]
        });
        let head =
            ["State", "Repository", "Exception", "Owner", "Approved by", "Requested", "Last day"];
        out += &table(&head, rows);
    }
    if !exceptions.unread.is_empty() {
        out += "<h3>Not counted, since they could not be read</h3>\n";
        let rows = exceptions.unread.iter().map(|unread| {
            vec![
                Cell::Long(unread.repository.clone()),
                Cell::Long(unread.file.clone().unwrap_or_default()),
                Cell::Text(unread.why.clone()),
            ]
        });
        out += &table(&["Repository", "Document", "Why"], rows);
    }
    out
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
            "<figure><div class=\"wide\">{chart}</div><figcaption>One column is {step}; a push that several gates refused counts for each. {} records were read.</figcaption></figure>\n",
            told.records
        );
        let rows = buckets.rows().into_iter().map(|row| {
            let mut cells = row.into_iter();
            let first = cells.next().map(Cell::Date);
            first.into_iter().chain(cells.map(Cell::Number)).collect()
        });
        out += &table_of("numbers", &buckets.head(), rows);
    }
    out += "</section>\n<section><h2>Continuity of controls</h2>\n";
    if told.controls.is_empty() {
        out += "<p>Nothing has landed.</p>\n";
    } else {
        let rows = told.controls.iter().map(|control| {
            vec![
                Cell::Long(control.repository.clone()),
                Cell::Code(short(&control.r#ref).to_owned()),
                Cell::Text(control.gate.clone()),
                match control.since {
                    Some(since) => Cell::Date(day(since)),
                    None => Cell::State("bad", "does not hold".into()),
                },
                Cell::Number(control.landings.to_string()),
                Cell::Number(control.gaps.len().to_string()),
            ]
        });
        out += &table(&["Repository", "Ref", "Control", "Holds since", "Landings", "Gaps"], rows);
    }
    let gaps: Vec<Vec<Cell>> = gaps(&told.controls)
        .iter()
        .map(|SharedGap { repository, r#ref, controls, gap }| {
            vec![
                Cell::Long((*repository).to_owned()),
                Cell::Code(short(r#ref).to_owned()),
                Cell::Text(controls.join(", ")),
                Cell::Date(day(gap.from)),
                Cell::Date(day(gap.to)),
                Cell::Text(gap.why.clone()),
            ]
        })
        .collect();
    if !gaps.is_empty() {
        out += "<h3>Gaps</h3>\n";
        out += &table(&["Repository", "Ref", "Controls", "Held until", "Seen", "Why"], gaps);
    }
    if !told.waived.is_empty() {
        out += "<h3>Let through by break-glass</h3>\n";
        let rows = told.waived.iter().map(|waived| {
            vec![
                Cell::Date(day(waived.time)),
                Cell::Long(waived.repository.clone()),
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
code { font: 0.92em ui-monospace, 'DejaVu Sans Mono', Menlo, monospace; overflow-wrap: break-word; }
td.long { min-width: 18ch; overflow-wrap: anywhere; }
td.long code { overflow-wrap: anywhere; }
.counts { list-style: none; display: flex; flex-wrap: wrap; gap: 10px; margin: 22px 0 0; padding: 0; }
.counts li { flex: 1 1 150px; border: 1px solid #d9dde3; border-radius: 6px; padding: 10px 14px; color: #545b66; }
.counts b { display: block; font-size: 26px; line-height: 1.2; color: #1d2129; }
.counts.small { margin: 8px 0 14px; }
.counts.small li { flex-basis: 96px; padding: 6px 10px; font-size: 13px; }
.counts.small b { font-size: 19px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th { text-align: left; font-weight: 600; color: #545b66; border-bottom: 2px solid #c4c9d1; padding: 6px 12px 6px 0; white-space: nowrap; }
td { border-bottom: 1px solid #e6e9ed; padding: 6px 12px 6px 0; vertical-align: top; }
td.id { white-space: nowrap; }
td.number { font-variant-numeric: tabular-nums; }
.state { display: inline-block; padding: 0 8px; border-radius: 10px; border: 1px solid; white-space: nowrap; font-size: 0.92em; }
.good { color: #1c6b3c; background: #edf7f0; border-color: #b6dcc3; }
.bad { color: #9c1f1f; background: #fdf0f0; border-color: #e8bcbc; font-weight: 600; }
.over { color: #545b66; background: #f4f5f7; border-color: #d9dde3; }
.unknown { color: #6b5200; background: #fdf7e3; border-color: #e5d59a; }
figure { margin: 0; }
svg { display: block; width: 100%; height: auto; }
svg text.axis { font-size: 10px; fill: #545b66; }
svg .grid { stroke: #e6e9ed; }
figcaption { color: #545b66; font-size: 13px; margin: 4px 0 10px; }
.numbers { width: auto; }
.numbers th, .numbers td { padding: 3px 28px 3px 0; }
@media screen and (max-width: 720px) {
  main { padding: 20px 16px 40px; }
  svg { min-width: 600px; }
  .numbers th, .numbers td { padding-right: 14px; }
  .cards, .cards tbody, .cards tr, .cards td { display: block; }
  .cards thead { display: none; }
  .cards tr { border-bottom: 1px solid #c4c9d1; padding: 8px 0; }
  .cards td { border: 0; padding: 1px 0 1px 112px; min-height: 1.5em; position: relative; overflow-wrap: anywhere; }
  .cards td::before { content: attr(data-label); position: absolute; left: 0; color: #545b66; }
}
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
