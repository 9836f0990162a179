//! One program with all fuzz targets, so that refgate is built and linked once.
//!
//! `REFGATE_FUZZ_TARGET` names the target; without it the program lists the targets, each
//! with the places of its seeds. The arguments are those of libFuzzer.

#![no_main]

mod pushed;
mod reports;
mod trusted;

use std::sync::OnceLock;

use refgate::evidence::report::Format;

/// What is fuzzed.
struct Target {
    name: &'static str,
    /// Where its seeds are: `corpus/` is a directory of the corpus, others are of the project.
    seeds: &'static [&'static str],
    run: fn(&[u8]),
}

const fn target(name: &'static str, seeds: &'static [&'static str], run: fn(&[u8])) -> Target {
    Target { name, seeds, run }
}

const TARGETS: [Target; 23] = [
    // ---- reports ----
    target("report", &["corpus"], reports::any),
    target("sarif", &["corpus/sarif", "corpus/adversarial"], |bytes| {
        reports::read_as(&[Format::Sarif], bytes);
    }),
    target("cyclonedx", &["corpus/cyclonedx"], |bytes| {
        reports::read_as(&[Format::CycloneDxJson, Format::CycloneDxXml], bytes);
    }),
    target("spdx", &["corpus/spdx", "corpus/other-scan"], |bytes| {
        reports::read_as(
            &[Format::SpdxJson, Format::Spdx3Json, Format::SpdxTagValue, Format::SyftJson],
            bytes,
        );
    }),
    target(
        "dependencies",
        &[
            "corpus/trivy",
            "corpus/grype",
            "corpus/osv-scanner",
            "corpus/cargo-audit",
            "corpus/npm-audit",
            "corpus/pip-audit",
            "corpus/attestation",
        ],
        |bytes| {
            reports::read_as(
                &[
                    Format::TrivyJson,
                    Format::GrypeJson,
                    Format::OsvScannerJson,
                    Format::CargoAuditJson,
                    Format::NpmAuditJson,
                    Format::PipAuditJson,
                    Format::InTotoVulns,
                    Format::CosignVuln,
                ],
                bytes,
            );
        },
    ),
    target("code", &["corpus/other-scan", "corpus/gitleaks"], |bytes| {
        reports::read_as(
            &[
                Format::BanditJson,
                Format::SemgrepJson,
                Format::GitleaksJson,
                Format::DetectSecretsJson,
                Format::CheckovJson,
                Format::GitlabReport,
                Format::EslintJson,
                Format::HadolintJson,
                Format::ShellcheckJson,
                Format::CppcheckXml,
            ],
            bytes,
        );
    }),
    target("junit", &["corpus/junit", "corpus/adversarial"], |bytes| {
        reports::read_as(&[Format::JunitXml], bytes);
    }),
    target("tap", &["corpus/tap", "corpus/adversarial"], |bytes| {
        reports::read_as(&[Format::Tap], bytes);
    }),
    target("tests", &["corpus/test-events", "corpus/attestation"], |bytes| {
        reports::read_as(
            &[
                Format::GoTestJson,
                Format::LibtestJson,
                Format::JestJson,
                Format::MochaJson,
                Format::GoogletestJson,
                Format::InTotoTestResult,
            ],
            bytes,
        );
    }),
    target("envelope", &["corpus/attestation", "tests/envelopes"], |bytes| {
        reports::read_as(&[Format::InTotoStatement, Format::Dsse, Format::SigstoreBundle], bytes);
    }),
    target("values", &["fuzz/seeds/values"], reports::values),
    // ---- what a push brings beside reports ----
    target("evidence", &["corpus/attestation", "tests/envelopes"], pushed::evidence),
    target("approval", &["fuzz/seeds/approval"], pushed::approval),
    target("signature", &["tests/keys/signatures"], pushed::signature),
    target("bundle", &["fuzz/seeds/bundle", "corpus/attestation"], pushed::bundle),
    target("objects", &["fuzz/seeds/objects"], pushed::objects),
    target("push", &["fuzz/seeds/push"], pushed::push),
    // ---- documents of the tree ----
    target("vex", &["corpus/vex", "corpus/cyclonedx"], trusted::vex),
    target("exception", &["templates", "fuzz/seeds/exception"], trusted::exception),
    target("release", &["templates"], trusted::release),
    target("structure", &["templates", "fuzz/seeds/structure"], trusted::structure),
    target("policy", &["templates", "fuzz/seeds/policy"], trusted::policy),
    // ---- the repository ----
    target("reftable", &["fuzz/seeds/reftable"], trusted::reftable),
];

#[expect(clippy::disallowed_methods, reason = "the arguments belong to the engine")]
fn chosen() -> &'static Target {
    static CHOSEN: OnceLock<&Target> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        let name = std::env::var("REFGATE_FUZZ_TARGET").unwrap_or_default();
        TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| {
            for Target { name, seeds, .. } in &TARGETS {
                println!("{name} {}", seeds.join(" "));
            }
            std::process::exit(i32::from(!name.is_empty()))
        })
    })
}

libfuzzer_sys::fuzz_target!(init: { chosen(); }, |bytes: &[u8]| (chosen().run)(bytes));
