//! OpenVEX 0.2.0.

use serde::Deserialize;

use super::{Statement, Status, Vex, time};
use crate::evidence::exception::PackagePattern;
use crate::evidence::format::excerpt::{ascii, quoted};

/// The context of the version that is read.
const CONTEXT: &str = "https://openvex.dev/ns/v0.2.0";

/// The justifications that there are (OpenVEX 0.2.0, Status Justifications).
const JUSTIFICATIONS: [&str; 5] = [
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
];

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "@context")]
    context: String,
    timestamp: String,
    #[serde(default)]
    last_updated: Option<String>,
    statements: Vec<Said>,
}

#[derive(Deserialize)]
struct Said {
    vulnerability: Vulnerability,
    #[serde(default)]
    timestamp: Option<String>,
    #[serde(default)]
    last_updated: Option<String>,
    #[serde(default)]
    products: Vec<Product>,
    status: String,
    #[serde(default)]
    justification: Option<String>,
    #[serde(default)]
    impact_statement: Option<String>,
}

#[derive(Deserialize)]
struct Vulnerability {
    name: String,
    #[serde(default)]
    aliases: Vec<String>,
}

#[derive(Deserialize)]
struct Product {
    #[serde(flatten)]
    component: Component,
    #[serde(default)]
    subcomponents: Vec<Component>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(rename = "@id", default)]
    id: Option<String>,
    #[serde(default)]
    identifiers: Option<Identifiers>,
}

#[derive(Deserialize)]
struct Identifiers {
    #[serde(default)]
    purl: Option<String>,
}

pub(super) fn read(json: &str) -> Result<Vex, String> {
    let document: Document =
        serde_json::from_str(json).map_err(|error| ascii(&error.to_string()))?;
    if document.context != CONTEXT {
        let shown = quoted(&document.context);
        return Err(format!("@context is {shown}, not that of OpenVEX 0.2.0"));
    }
    let made = time(Some(&document.timestamp))?;
    let at = time(document.last_updated.as_deref())?.or(made).ok_or("timestamp is missing")?;
    let mut statements = Vec::new();
    for (number, said) in (1..).zip(document.statements) {
        let statement = said.read(at).map_err(|why| format!("statement {number}: {why}"))?;
        statements.push(statement);
    }
    Ok(Vex { at, statements })
}

impl Said {
    fn read(self, made: jiff::Timestamp) -> Result<Statement, String> {
        let own = time(self.timestamp.as_deref())?;
        let at = time(self.last_updated.as_deref())?.or(own).unwrap_or(made);
        let status = match self.status.as_str() {
            "not_affected" => Status::NotAffected,
            "fixed" => Status::Fixed,
            "affected" | "under_investigation" => Status::Other,
            other => return Err(format!("status {} is not known", quoted(other))),
        };
        if let Some(justification) = &self.justification
            && !JUSTIFICATIONS.contains(&justification.as_str())
        {
            return Err(format!("justification {} is not known", quoted(justification)));
        }
        let impact = self.impact_statement.as_deref().map(str::trim).unwrap_or_default();
        if status == Status::NotAffected && self.justification.is_none() && impact.is_empty() {
            return Err("not_affected has neither justification nor impact_statement".into());
        }
        let mut packages = Vec::new();
        for product in &self.products {
            // What is vulnerable is the part, where one is named, and not the whole.
            let parts: Vec<&Component> = if product.subcomponents.is_empty() {
                vec![&product.component]
            } else {
                product.subcomponents.iter().collect()
            };
            packages.extend(parts.into_iter().filter_map(|part| part.package(status)));
        }
        let ids = std::iter::once(self.vulnerability.name).chain(self.vulnerability.aliases);
        let ids = ids.filter(|id| !id.is_empty()).collect();
        Ok(Statement { ids, packages, status, at })
    }
}

impl Component {
    fn package(&self, status: Status) -> Option<PackagePattern> {
        let purl = self.identifiers.as_ref().and_then(|identifiers| identifiers.purl.as_deref());
        [purl, self.id.as_deref()]
            .into_iter()
            .flatten()
            .find_map(|text| super::package(text, status))
    }
}
