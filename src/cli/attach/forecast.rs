//! What the gates will say to reports, as far as the rules are known here.

use std::path::Path;
use std::sync::Arc;

use super::Target;
use super::reading::Attached;
use crate::client::workspace::Workspace;
use crate::clock::Timestamp;
use crate::collect::evidence::{Judges, vouched};
use crate::error::Result;
use crate::evidence::attestation::{CommitEvidence, EvidenceFact, EvidenceState, Signers};
use crate::evidence::change::{CommitLabel, Place};
use crate::evidence::dsse::Envelope;
use crate::evidence::kind::Kind;
use crate::gate::current::{Standing, standings};
use crate::gate::{scan, testing};
use crate::id::{BlobId, CommitId};
use crate::principal::PrincipalId;
use crate::violation::{ScanViolation, TestsViolation, Violation};

/// The rules of the server, as they were last fetched.
pub(super) struct Forecast {
    workspace: Workspace,
}

impl Forecast {
    pub(super) fn open(dir: &Path, remote: Option<&str>) -> Result<Self> {
        Workspace::open(dir, remote, true).map(|workspace| Self { workspace })
    }

    /// Returns why the gates would refuse a commit with these reports.
    pub(super) fn of_reports(
        &self,
        attached: &[Attached],
        target: Target,
        at: Timestamp,
    ) -> Vec<String> {
        let policy = &self.workspace.snapshot.policy;
        // Who will have signed makes no difference yet.
        let Some(by) = Signers::of(PrincipalId::parse("attach@localhost")) else {
            return Vec::new();
        };
        let fact = |(line, attached): (usize, &Attached)| {
            let (blob, by, at) = (BlobId(target.tree.0), by.clone(), Some(at));
            Arc::new(EvidenceFact {
                place: Place::Note { notes: "evidence", blob, line },
                kind: Some(attached.kind.clone()),
                form: None,
                state: EvidenceState::Authentic {
                    by,
                    at,
                    report: Arc::new(attached.report.clone()),
                },
            })
        };
        let id = target.commit.unwrap_or(CommitId(target.tree.0));
        let evidence = CommitEvidence {
            commit: CommitLabel { id, subject: "".into(), author: "".into() },
            items: attached.iter().enumerate().map(fact).collect(),
            unreadable: None,
        };
        let mut warnings = Vec::new();
        for (attached, standing) in attached.iter().zip(standings(policy, &evidence, at)) {
            if let Standing::Refused(why) = standing {
                let file = attached.file.display();
                warnings.push(format!("{file} will not count as {}: {why}", attached.kind));
            }
        }
        let evidence = [evidence];
        let outcomes =
            [scan::evaluate(policy, &evidence, at), testing::evaluate(policy, &evidence, at)];
        for violation in outcomes.into_iter().flat_map(|outcome| outcome.violations) {
            match violation {
                Violation::Scan(ScanViolation::FindingOpen { count, block, .. }) => {
                    warnings.push(format!(
                        "gate scan will refuse it: {count} findings are {block} or worse, or without severity"
                    ));
                }
                Violation::Tests(TestsViolation::Failed { suites }) => {
                    let failed: u64 = suites.iter().map(|suite| suite.failed).sum();
                    warnings.push(format!("gate tests will refuse it: {failed} tests failed"));
                }
                // What is missing may be attached later.
                Violation::Scan(_)
                | Violation::Tests(_)
                | Violation::Ref(_)
                | Violation::Trust(_)
                | Violation::Notes(_)
                | Violation::Review(_)
                | Violation::Checklist(_)
                | Violation::Exception(_) => {}
            }
        }
        warnings
    }

    /// Returns why a signed statement would not count for its signature, if so.
    pub(super) fn of_signature(
        &self,
        envelope: &Envelope,
        kind: &Kind,
        at: Timestamp,
    ) -> Option<String> {
        let snapshot = &self.workspace.snapshot;
        let judges = Judges { policy: &snapshot.policy, keys: &snapshot.keys, now: at };
        vouched(&judges, envelope, kind, Some(at)).err()
    }
}
