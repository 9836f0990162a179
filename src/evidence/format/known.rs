//! The formats that refgate reads, and what each is good for.

use std::fmt;

use crate::evidence::kind::Kind;

/// A format that refgate reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Static Analysis Results Interchange Format 2.1.0 (OASIS).
    Sarif,
    /// What `bandit -f json` writes.
    BanditJson,
    /// What `semgrep scan --json` writes.
    SemgrepJson,
    /// What `gitleaks -f json` writes.
    GitleaksJson,
    /// What `detect-secrets scan` writes.
    DetectSecretsJson,
    /// What `checkov -o json` writes.
    CheckovJson,
    /// A security report of GitLab's analyzers, version 14 or 15.
    GitlabReport,
    /// What `eslint -f json` writes.
    EslintJson,
    /// What `hadolint -f json` writes.
    HadolintJson,
    /// What `shellcheck -f json1` or `-f json` writes.
    ShellcheckJson,
    /// What `cppcheck --xml` writes, version 2.
    CppcheckXml,
    /// CycloneDX in JSON, 1.2 to 1.7.
    CycloneDxJson,
    /// CycloneDX in XML, 1.2 to 1.7.
    CycloneDxXml,
    /// SPDX 2.2 and 2.3 in JSON.
    SpdxJson,
    /// SPDX 3.0 in JSON-LD.
    Spdx3Json,
    /// SPDX 2.2 and 2.3 as tags and values.
    SpdxTagValue,
    /// What `syft -o syft-json` writes.
    SyftJson,
    /// What `trivy --format json` writes, `SchemaVersion` 2.
    TrivyJson,
    /// What `grype -o json` writes.
    GrypeJson,
    /// What `osv-scanner --format json` writes.
    OsvScannerJson,
    /// What `cargo audit --json` writes.
    CargoAuditJson,
    /// What `npm audit --json` writes, `auditReportVersion` 2.
    NpmAuditJson,
    /// What `pip-audit -f json` writes.
    PipAuditJson,
    /// The predicate of in-toto vulns v0.1 and v0.2.
    InTotoVulns,
    /// The predicate of cosign's vuln v1 around a Trivy report.
    CosignVuln,
    /// JUnit XML, which has many writers and no specification.
    JunitXml,
    /// The predicate of in-toto test-result v0.1.
    InTotoTestResult,
    /// Test Anything Protocol, 12 to 14.
    Tap,
    /// What `go test -json` writes.
    GoTestJson,
    /// What Rust's test harness and nextest write as JSON lines.
    LibtestJson,
    /// What `jest --json` and `vitest --reporter=json` write.
    JestJson,
    /// What `mocha --reporter json` writes.
    MochaJson,
    /// What GoogleTest writes with `--gtest_output=json`.
    GoogletestJson,
    /// An in-toto Statement without envelope: its predicate is the report.
    InTotoStatement,
    /// A DSSE envelope: what it holds is shown, and evidence only where its signature is verified.
    Dsse,
    /// A Sigstore bundle with a DSSE envelope, likewise.
    SigstoreBundle,
}

/// The kinds of evidence that a format speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Serves {
    Sast,
    Sbom,
    Dependencies,
    SastOrDependencies,
    SbomOrDependencies,
    Tests,
    Everything,
    Nothing,
}

/// What there is to know of a format: id, name, kinds, media type.
struct Row(&'static str, &'static str, Serves, &'static str);

impl Format {
    /// All formats.
    pub const ALL: [Self; 36] = [
        Self::Sarif,
        Self::BanditJson,
        Self::SemgrepJson,
        Self::GitleaksJson,
        Self::DetectSecretsJson,
        Self::CheckovJson,
        Self::GitlabReport,
        Self::EslintJson,
        Self::HadolintJson,
        Self::ShellcheckJson,
        Self::CppcheckXml,
        Self::CycloneDxJson,
        Self::CycloneDxXml,
        Self::SpdxJson,
        Self::Spdx3Json,
        Self::SpdxTagValue,
        Self::SyftJson,
        Self::TrivyJson,
        Self::GrypeJson,
        Self::OsvScannerJson,
        Self::CargoAuditJson,
        Self::NpmAuditJson,
        Self::PipAuditJson,
        Self::InTotoVulns,
        Self::CosignVuln,
        Self::JunitXml,
        Self::InTotoTestResult,
        Self::Tap,
        Self::GoTestJson,
        Self::LibtestJson,
        Self::JestJson,
        Self::MochaJson,
        Self::GoogletestJson,
        Self::InTotoStatement,
        Self::Dsse,
        Self::SigstoreBundle,
    ];

    #[rustfmt::skip]
    fn row(self) -> Row {
        match self {
            Self::Sarif => Row("sarif", "SARIF", Serves::SastOrDependencies, "application/sarif+json"),
            Self::BanditJson => Row("bandit-json", "Bandit JSON", Serves::Sast, "application/json"),
            Self::SemgrepJson => Row("semgrep-json", "Semgrep JSON", Serves::Sast, "application/json"),
            Self::GitleaksJson => Row("gitleaks-json", "gitleaks JSON", Serves::Sast, "application/json"),
            Self::DetectSecretsJson => Row("detect-secrets-json", "detect-secrets JSON", Serves::Sast, "application/json"),
            Self::CheckovJson => Row("checkov-json", "checkov JSON", Serves::Sast, "application/json"),
            Self::GitlabReport => Row("gitlab-security-report", "GitLab security report", Serves::SastOrDependencies, "application/json"),
            Self::EslintJson => Row("eslint-json", "ESLint JSON", Serves::Sast, "application/json"),
            Self::HadolintJson => Row("hadolint-json", "hadolint JSON", Serves::Sast, "application/json"),
            Self::ShellcheckJson => Row("shellcheck-json", "ShellCheck JSON", Serves::Sast, "application/json"),
            Self::CppcheckXml => Row("cppcheck-xml", "Cppcheck XML", Serves::Sast, "application/xml"),
            Self::CycloneDxJson => Row("cyclonedx-json", "CycloneDX JSON", Serves::SbomOrDependencies, "application/vnd.cyclonedx+json"),
            Self::CycloneDxXml => Row("cyclonedx-xml", "CycloneDX XML", Serves::SbomOrDependencies, "application/vnd.cyclonedx+xml"),
            Self::SpdxJson => Row("spdx-json", "SPDX JSON", Serves::Sbom, "application/spdx+json"),
            Self::Spdx3Json => Row("spdx3-jsonld", "SPDX 3 JSON-LD", Serves::Sbom, "application/spdx+json"),
            Self::SpdxTagValue => Row("spdx-tag-value", "SPDX tag-value", Serves::Sbom, "text/spdx"),
            Self::SyftJson => Row("syft-json", "Syft JSON", Serves::Sbom, "application/vnd.syft+json"),
            Self::TrivyJson => Row("trivy-json", "Trivy JSON", Serves::Dependencies, "application/json"),
            Self::GrypeJson => Row("grype-json", "Grype JSON", Serves::Dependencies, "application/json"),
            Self::OsvScannerJson => Row("osv-scanner-json", "OSV-Scanner JSON", Serves::Dependencies, "application/json"),
            Self::CargoAuditJson => Row("cargo-audit-json", "cargo-audit JSON", Serves::Dependencies, "application/json"),
            Self::NpmAuditJson => Row("npm-audit-json", "npm audit JSON", Serves::Dependencies, "application/json"),
            Self::PipAuditJson => Row("pip-audit-json", "pip-audit JSON", Serves::Dependencies, "application/json"),
            Self::InTotoVulns => Row("in-toto-vulns", "in-toto vulns predicate", Serves::Dependencies, "application/json"),
            Self::CosignVuln => Row("cosign-vuln", "cosign vuln predicate", Serves::Dependencies, "application/json"),
            Self::JunitXml => Row("junit-xml", "JUnit XML", Serves::Tests, "application/xml"),
            Self::InTotoTestResult => Row("in-toto-test-result", "in-toto test-result predicate", Serves::Tests, "application/json"),
            Self::Tap => Row("tap", "TAP", Serves::Tests, "text/plain"),
            Self::GoTestJson => Row("go-test-json", "go test -json", Serves::Tests, "application/jsonl"),
            Self::LibtestJson => Row("libtest-json", "libtest JSON", Serves::Tests, "application/jsonl"),
            Self::JestJson => Row("jest-json", "Jest JSON", Serves::Tests, "application/json"),
            Self::MochaJson => Row("mocha-json", "mocha JSON", Serves::Tests, "application/json"),
            Self::GoogletestJson => Row("googletest-json", "GoogleTest JSON", Serves::Tests, "application/json"),
            Self::InTotoStatement => Row("in-toto-statement", "in-toto Statement", Serves::Everything, "application/vnd.in-toto+json"),
            Self::Dsse => Row("dsse", "DSSE envelope", Serves::Nothing, "application/vnd.dsse.envelope.v1+json"),
            Self::SigstoreBundle => Row("sigstore-bundle", "Sigstore bundle", Serves::Nothing, "application/vnd.dev.sigstore.bundle+json"),
        }
    }

    /// Returns the name in one lower-case word, for notes and command lines.
    #[must_use]
    pub fn id(self) -> &'static str {
        self.row().0
    }

    /// Returns the format that [`Format::id`] names.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.id() == id)
    }

    /// Returns the name that people use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.row().1
    }

    /// Returns the media type, registered with IANA where the format has one.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        self.row().3
    }

    /// Returns whether this is a signed envelope around a statement, and no report.
    #[must_use]
    pub fn is_envelope(self) -> bool {
        self.row().2 == Serves::Nothing
    }

    /// Returns whether a report of this format can be evidence of a kind at all.
    #[must_use]
    pub fn may_be(self, kind: &Kind) -> bool {
        match self.row().2 {
            Serves::Sast => *kind == Kind::Sast,
            Serves::Sbom => *kind == Kind::Sbom,
            Serves::Dependencies => *kind == Kind::Dependencies,
            Serves::SastOrDependencies => matches!(kind, Kind::Sast | Kind::Dependencies),
            Serves::SbomOrDependencies => matches!(kind, Kind::Sbom | Kind::Dependencies),
            Serves::Tests => matches!(kind, Kind::Tests(_)),
            Serves::Everything => true,
            Serves::Nothing => false,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_format_has_a_name_of_its_own() {
        let ids: BTreeSet<&str> = Format::ALL.into_iter().map(Format::id).collect();
        let names: BTreeSet<&str> = Format::ALL.into_iter().map(Format::as_str).collect();
        assert_eq!((ids.len(), names.len()), (Format::ALL.len(), Format::ALL.len()));
        for format in Format::ALL {
            assert_eq!(Format::parse(format.id()), Some(format));
        }
        assert_eq!(Format::parse("SARIF"), None);
    }
}
