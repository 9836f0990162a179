//! What `cppcheck --xml` writes (version 2).
//!
//! Severity is the attribute of `error`; all of cppcheck's words are in the table
//! but `none` and `debug`, which users do not see.

use super::error::{Fault, ReadError};
use super::excerpt;
use super::json::Document;
use super::path;
use super::scan::Scan;
use super::xml::{Element, Event, Events};
use crate::evidence::report::{Class, Finding, Location, Mark, Report};
use crate::evidence::severity::{LevelSeverities, Rating, SeverityOverrides};
use crate::limits::Limits;

/// Places of one finding that are kept.
const KEPT_LOCATIONS: usize = 32;

/// One `error` while its locations are read.
struct Problem {
    rating: Rating,
    id: String,
    message: String,
    hash: String,
    locations: Vec<Location>,
    unlisted: u64,
}

/// Reads a cppcheck report.
pub(super) fn read(
    document: Document<'_>,
    limits: &Limits,
    overrides: &SeverityOverrides,
) -> Result<Report, ReadError> {
    let format = document.format();
    let mut scan = Scan::new(document, limits, "Cppcheck", None);
    let mut events = Events::new(document.text(), limits.nesting).map_err(|e| e.of(format))?;
    read_events(&mut events, &mut scan, overrides.of("Cppcheck")).map_err(|e| e.of(format))?;
    Ok(scan.finish())
}

fn read_events(
    events: &mut Events<'_>,
    scan: &mut Scan<'_>,
    levels: LevelSeverities,
) -> Result<(), ReadError> {
    let mut open: Vec<String> = Vec::new();
    let mut problem: Option<Problem> = None;
    while let Some(event) = events.next()? {
        match event {
            Event::Open(element) => {
                let place: Vec<&str> = open.iter().map(String::as_str).collect();
                match (place.as_slice(), element.name) {
                    ([], "results") => {
                        scan.report.version =
                            element.attribute("version").map(excerpt::prose).unwrap_or_default();
                        if scan.report.version != "2" {
                            let found = scan.report.version.clone();
                            return Err(
                                events.error(Fault::UnsupportedVersion { found, known: "2" })
                            );
                        }
                    }
                    (["results"], "cppcheck") => {
                        if let Some(tool) = scan.report.tools.first_mut() {
                            tool.version = element.attribute("version").map(excerpt::name);
                        }
                    }
                    (["results", "errors"], "error") => {
                        problem = Some(Problem::new(&element, levels, events)?);
                    }
                    (["results", "errors", "error"], "location") => {
                        if let Some(problem) = &mut problem {
                            problem.locate(&element);
                        }
                    }
                    // Findings elsewhere would be overlooked.
                    (_, "error" | "location") => {
                        let element = excerpt::prose(element.name);
                        let inside = open.last().cloned();
                        return Err(events.error(Fault::UnexpectedElement { element, inside }));
                    }
                    _ => {}
                }
                open.push(element.name.to_owned());
            }
            Event::Close => {
                let closed = open.pop();
                if let (Some("error"), Some(problem)) =
                    (closed.as_deref(), problem.take_if(|_| open.len() == 2))
                {
                    scan.add(problem.rating, false, |tool| Ok(problem.finding(tool)))?;
                }
            }
        }
    }
    Ok(())
}

impl Problem {
    fn new(
        element: &Element<'_>,
        levels: LevelSeverities,
        events: &Events<'_>,
    ) -> Result<Self, ReadError> {
        let Some(id) = element.attribute("id") else {
            return Err(events.error(Fault::MissingField { field: "id".into() }));
        };
        Ok(Self {
            rating: levels.rate(element.attribute("severity").unwrap_or_default()),
            id: id.to_owned(),
            message: element.attribute("msg").unwrap_or_default().to_owned(),
            hash: element.attribute("hash").unwrap_or_default().to_owned(),
            locations: Vec::new(),
            unlisted: 0,
        })
    }

    fn locate(&mut self, element: &Element<'_>) {
        if self.locations.len() == KEPT_LOCATIONS {
            self.unlisted += 1;
            return;
        }
        let line = element.attribute("line").and_then(|line| line.parse().ok());
        let file = element.attribute("file").unwrap_or_default();
        self.locations.push(path::location(file, line.filter(|line| *line > 0)));
    }

    fn finding(self, tool: &str) -> Finding {
        let mut finding =
            Finding::new(Class::Code, self.rating, &self.id, tool).titled(Some(&self.message));
        finding.locations = self.locations;
        finding.unlisted_locations = self.unlisted;
        // cppcheck's own hash is 0 where it has none.
        match self.hash.as_str() {
            "" | "0" => finding.identified_by(Mark::Line),
            hash => finding.identified_by(Mark::Hash(hash)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::format::testing::{fault, report};

    fn with(errors: &str) -> String {
        format!(
            "<results version='2'><cppcheck version='2.10'/><errors>{errors}</errors></results>"
        )
    }

    #[test]
    fn each_error_is_one_finding_at_all_its_locations() {
        let report = report(&with(
            "<error id='memleak' severity='error' msg='m'><location file='a.c' line='3'/><location file='a.c' line='4'/><symbol>p</symbol></error>
            <error id='x' severity='portability'/><error id='y' severity='debug'/>",
        ));
        assert_eq!((report.open.high, report.open.low, report.open.unknown), (1, 1, 1));
        assert_eq!(
            (report.version.as_str(), report.tools[0].version.as_deref()),
            ("2", Some("2.10"))
        );
        assert_eq!(report.findings[0].locations.len(), 2);
    }

    #[test]
    fn errors_in_other_places_and_other_versions_are_refused() {
        for (text, inside) in [
            (
                "<results version='2'><cppcheck/><error id='a' severity='error'/></results>",
                "results",
            ),
            (&*with("<error id='a'><error id='b'/></error>"), "error"),
        ] {
            let element = "error".to_owned();
            assert_eq!(
                fault(text),
                Fault::UnexpectedElement { element, inside: Some(inside.into()) }
            );
        }
        let text = with("").replace("'2'", "'1'");
        assert_eq!(fault(&text), Fault::UnsupportedVersion { found: "1".into(), known: "2" });
        assert_eq!(
            fault(&with("<error severity='error'/>")),
            Fault::MissingField { field: "id".into() }
        );
    }
}
