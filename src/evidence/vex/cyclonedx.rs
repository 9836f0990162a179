//! CycloneDX documents with an analysis of vulnerabilities (CycloneDX 1.4 to 1.7).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Statement, Status, Vex, time};
use crate::evidence::format::excerpt::{ascii, quoted};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    bom_format: String,
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(default)]
    components: Vec<Component>,
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    timestamp: Option<String>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(rename = "bom-ref", default)]
    bom_ref: Option<String>,
    #[serde(default)]
    purl: Option<String>,
}

#[derive(Deserialize)]
struct Vulnerability {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    references: Vec<Reference>,
    #[serde(default)]
    analysis: Option<Analysis>,
    #[serde(default)]
    affects: Vec<Affected>,
}

#[derive(Deserialize)]
struct Reference {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Analysis {
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    justification: Option<String>,
    #[serde(default)]
    detail: Option<String>,
    #[serde(default)]
    first_issued: Option<String>,
    #[serde(default)]
    last_updated: Option<String>,
}

#[derive(Deserialize)]
struct Affected {
    r#ref: String,
}

pub(super) fn read(json: &str) -> Result<Vex, String> {
    let document: Document =
        serde_json::from_str(json).map_err(|error| ascii(&error.to_string()))?;
    if document.bom_format != "CycloneDX" {
        return Err("bomFormat is not CycloneDX".into());
    }
    let timestamp = document.metadata.as_ref().and_then(|metadata| metadata.timestamp.as_deref());
    let at = time(timestamp)?.ok_or("metadata.timestamp is missing")?;
    let mut purls: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for component in &document.components {
        if let (Some(bom_ref), Some(purl)) = (&component.bom_ref, &component.purl) {
            purls.entry(bom_ref).or_default().push(purl);
        }
    }
    let mut statements = Vec::new();
    for (number, vulnerability) in (1..).zip(&document.vulnerabilities) {
        let statement = vulnerability
            .read(at, &purls)
            .map_err(|why| format!("vulnerability {number}: {why}"))?;
        statements.extend(statement);
    }
    Ok(Vex { at, statements })
}

impl Vulnerability {
    /// Returns what the analysis says; nothing if there is none.
    fn read(
        &self,
        made: jiff::Timestamp,
        purls: &BTreeMap<&str, Vec<&str>>,
    ) -> Result<Option<Statement>, String> {
        let Some(analysis) = &self.analysis else { return Ok(None) };
        let own = time(analysis.first_issued.as_deref())?;
        let at = time(analysis.last_updated.as_deref())?.or(own).unwrap_or(made);
        // A false positive is the tool's fault, and says nothing about the product.
        let status = match analysis.state.as_deref() {
            Some("not_affected") => Status::NotAffected,
            Some("resolved" | "resolved_with_pedigree") => Status::Fixed,
            Some("exploitable" | "in_triage" | "false_positive") => Status::Other,
            Some(other) => return Err(format!("state {} is not known", quoted(other))),
            None => return Err("the analysis has no state".into()),
        };
        let detail = analysis.detail.as_deref().map(str::trim).unwrap_or_default();
        if status == Status::NotAffected && analysis.justification.is_none() && detail.is_empty() {
            return Err("not_affected has neither justification nor detail".into());
        }
        let mut packages = Vec::new();
        for affected in &self.affects {
            // A BOM-Link names the element behind # (CycloneDX, BOM-Link).
            let element = match affected.r#ref.strip_prefix("urn:cdx:") {
                Some(link) => link.split_once('#').map_or("", |(_, element)| element),
                None => affected.r#ref.as_str(),
            };
            let found = match purls.get(element).map(Vec::as_slice) {
                Some([purl]) => Some(*purl),
                // Two components of one name: it cannot be told which is meant.
                Some(_) => None,
                None => Some(element),
            };
            packages.extend(found.and_then(|purl| super::package(purl, status)));
        }
        let references = self.references.iter().map(|reference| reference.id.clone());
        let ids: Vec<String> =
            self.id.iter().cloned().chain(references).filter(|id| !id.is_empty()).collect();
        if ids.is_empty() {
            return Err("it has no id".into());
        }
        Ok(Some(Statement { ids, packages, status, at }))
    }
}
