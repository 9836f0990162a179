//! SPDX: 2.2 and 2.3 in JSON and as tags and values, 3.0 in JSON-LD.
//!
//! Components are packages, with the one that the document describes among them. A
//! bill of materials in SPDX says nothing about vulnerabilities that could be judged.

pub(super) mod graph;
pub(super) mod json;
pub(super) mod tag_value;

use crate::evidence::format::excerpt;
use crate::evidence::report::{Report, Tool};

/// The versions that are read in JSON and as tags and values.
const VERSIONS: [&str; 2] = ["SPDX-2.2", "SPDX-2.3"];

/// Tools of one document that are kept.
const KEPT: usize = 32;

/// Adds the tool that a creator is (SPDX 2.3 §6.8): `Tool: name-version`.
fn note_creator(report: &mut Report, creator: &str) {
    let Some(tool) = creator.trim().strip_prefix("Tool:").map(str::trim) else { return };
    if report.tools.len() == KEPT {
        return;
    }
    // Versions begin with a digit, and names may have a hyphen as well.
    let split = tool.rsplit_once('-').filter(|(name, version)| {
        !name.is_empty()
            && version.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit())
    });
    let (name, version) = split.map_or((tool, None), |(name, version)| (name, Some(version)));
    report.tools.push(Tool { name: excerpt::name(name), version: version.map(excerpt::name) });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::report::Format;

    #[test]
    fn a_tool_is_split_from_its_version() {
        let mut report = Report::new(Format::SpdxJson, "");
        for creator in ["Tool: syft-1.18.1", "Tool:sbom-tool", "Person: A", "Tool: x-y-v2"] {
            note_creator(&mut report, creator);
        }
        let tools: Vec<(&str, Option<&str>)> =
            report.tools.iter().map(|tool| (&*tool.name, tool.version.as_deref())).collect();
        assert_eq!(tools, [("syft", Some("1.18.1")), ("sbom-tool", None), ("x-y", Some("v2"))]);
    }
}
