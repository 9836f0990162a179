//! The members of SARIF 2.1.0 that are judged; all others are skipped.

use serde::Deserialize;

use super::MAX_RUNS;
use crate::evidence::format::json::{Object, Raw, Text, UpTo, Whole};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Log<'a> {
    #[serde(borrow)]
    pub(super) version: Text<'a>,
    #[serde(borrow)]
    pub(super) runs: Option<UpTo<Object<Run<'a>>, MAX_RUNS>>,
    #[serde(borrow)]
    pub(super) inline_external_properties: Option<Raw<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Run<'a> {
    #[serde(borrow)]
    pub(super) tool: Object<Tool<'a>>,
    #[serde(borrow)]
    pub(super) results: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) invocations: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) artifacts: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) original_uri_base_ids: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) version_control_provenance: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) external_property_file_references: Option<Object<ExternalReferences<'a>>>,
}

/// The parts in other files that would change the judgement; taxonomies and the like do not.
#[derive(Deserialize)]
pub(super) struct ExternalReferences<'a> {
    #[serde(borrow)]
    pub(super) results: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) invocations: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) extensions: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) driver: Option<Raw<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Tool<'a> {
    #[serde(borrow)]
    pub(super) driver: Object<Driver<'a>>,
    #[serde(borrow)]
    pub(super) extensions: Option<Raw<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Driver<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) version: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) semantic_version: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) rules: Option<Raw<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Extension<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) rules: Option<Raw<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) properties: Option<Object<Properties<'a>>>,
    #[serde(borrow)]
    pub(super) default_configuration: Option<Object<Configuration<'a>>>,
}

/// A property bag (§3.8), with what GitHub's documentation of SARIF support defines.
#[derive(Deserialize)]
pub(super) struct Properties<'a> {
    #[serde(borrow, rename = "security-severity")]
    pub(super) security_severity: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) tags: Option<Raw<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Configuration<'a> {
    #[serde(borrow)]
    pub(super) level: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Invocation<'a> {
    pub(super) execution_successful: bool,
    #[serde(borrow)]
    pub(super) tool_execution_notifications: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) tool_configuration_notifications: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) rule_configuration_overrides: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) start_time_utc: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) end_time_utc: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct ConfigurationOverride<'a> {
    #[serde(borrow)]
    pub(super) descriptor: Object<RuleReference<'a>>,
    #[serde(borrow)]
    pub(super) configuration: Object<Configuration<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Notification<'a> {
    #[serde(borrow)]
    pub(super) level: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) message: Option<Object<Message<'a>>>,
}

#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) markdown: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Checkout<'a> {
    #[serde(borrow)]
    pub(super) revision_id: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SarifResult<'a> {
    #[serde(borrow)]
    pub(super) rule_id: Option<Text<'a>>,
    pub(super) rule_index: Option<Whole>,
    #[serde(borrow)]
    pub(super) rule: Option<Object<RuleReference<'a>>>,
    #[serde(borrow)]
    pub(super) kind: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) level: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) properties: Option<Object<Properties<'a>>>,
    #[serde(borrow)]
    pub(super) baseline_state: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) suppressions: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) message: Option<Object<Message<'a>>>,
    /// Read only for findings that are kept.
    #[serde(borrow)]
    pub(super) locations: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) fingerprints: Option<Object<Fingerprints<'a>>>,
    #[serde(borrow)]
    pub(super) partial_fingerprints: Option<Object<Fingerprints<'a>>>,
}

/// A reference to a rule (§3.52).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RuleReference<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    pub(super) index: Option<Whole>,
    #[serde(borrow)]
    pub(super) tool_component: Option<Object<ComponentReference<'a>>>,
}

#[derive(Deserialize)]
pub(super) struct ComponentReference<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    pub(super) index: Option<Whole>,
}

#[derive(Deserialize)]
pub(super) struct Suppression<'a> {
    #[serde(borrow)]
    pub(super) status: Option<Text<'a>>,
}

/// The two hashes that were seen to differ from finding to finding.
///
/// Semgrep writes the same text for all of its findings, gitleaks writes empty ones.
#[derive(Deserialize)]
pub(super) struct Fingerprints<'a> {
    #[serde(borrow, rename = "primaryLocationLineHash")]
    pub(super) line_hash: Option<Text<'a>>,
    #[serde(borrow, rename = "contextHash/v1")]
    pub(super) context_hash: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Location<'a> {
    #[serde(borrow)]
    pub(super) physical_location: Option<Object<PhysicalLocation<'a>>>,
    #[serde(borrow)]
    pub(super) message: Option<Object<Message<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PhysicalLocation<'a> {
    #[serde(borrow)]
    pub(super) artifact_location: Option<Object<ArtifactLocation<'a>>>,
    #[serde(borrow)]
    pub(super) region: Option<Object<Region<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ArtifactLocation<'a> {
    #[serde(borrow)]
    pub(super) uri: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) uri_base_id: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Region<'a> {
    #[serde(borrow)]
    pub(super) start_line: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) snippet: Option<Object<Message<'a>>>,
}
