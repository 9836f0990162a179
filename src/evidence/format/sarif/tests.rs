use super::*;
use crate::evidence::format::read as read_report;
use crate::evidence::kind::Kind;
use crate::evidence::report::{Counts, Requirements, Unsuitable};
use crate::evidence::severity::{LevelSeverities, Severity};

/// A log with one run of the tool `t` with the given rules, results and further members.
fn log(rules: &str, results: &str, more: &str) -> String {
    format!(
        r#"{{"version": "2.1.0", "runs": [{{
            "tool": {{"driver": {{"name": "t", "rules": [{rules}]}}}}, "results": [{results}]{more}}}]}}"#
    )
}

fn read_text(text: &str) -> Result<Report, ReadError> {
    read_report(text.as_bytes(), &Limits::default(), &SeverityOverrides::default())
}

fn report(text: &str) -> Report {
    read_text(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

fn fault(text: &str) -> Fault {
    read_text(text).expect_err(text).fault
}

/// Rates one result with the given members under one rule with the given members.
fn rate(rule: &str, result: &str) -> Rating {
    let report = report(&log(
        &format!(r#"{{"id": "R"{rule}}}"#),
        &format!(r#"{{"ruleId": "R"{result}}}"#),
        "",
    ));
    let [finding] = report.findings.as_slice() else { panic!("one finding: {report:?}") };
    finding.rating
}

const LOW: Rating = Rating::Known(Severity::Low);
const MEDIUM: Rating = Rating::Known(Severity::Medium);
const HIGH: Rating = Rating::Known(Severity::High);

#[test]
fn a_level_is_that_of_the_result_or_the_rule_or_warning() {
    for (rule, result, rating) in [
        ("", r#", "level": "error""#, HIGH),
        ("", r#", "level": "warning""#, MEDIUM),
        ("", r#", "level": "note""#, LOW),
        ("", r#", "level": "none""#, Rating::Known(Severity::None)),
        ("", r#", "level": "fatal""#, Rating::Unknown),
        ("", r#", "level": "Error""#, Rating::Unknown),
        ("", "", MEDIUM),
        (r#", "defaultConfiguration": {"level": "error"}"#, "", HIGH),
        (r#", "defaultConfiguration": {"level": "error"}"#, r#", "level": "note""#, LOW),
        (r#", "defaultConfiguration": {}"#, "", MEDIUM),
        (r#", "defaultConfiguration": {"enabled": false, "level": "error"}"#, "", HIGH),
    ] {
        assert_eq!(rate(rule, result), rating, "{rule} {result}");
    }
}

#[test]
fn t74_a_score_goes_before_every_level() {
    let of_rule = r#", "properties": {"security-severity": "6.1"}, "defaultConfiguration": {"level": "error"}"#;
    assert_eq!(rate(of_rule, r#", "level": "error""#), MEDIUM);
    let nine = Rating::Known(Severity::Critical);
    assert_eq!(
        rate(of_rule, r#", "level": "note", "properties": {"security-severity": 9.0}"#),
        nine
    );
    assert_eq!(
        rate(of_rule, r#", "level": "note", "properties": {"security-severity": "9"}"#),
        nine
    );
    assert_eq!(rate(of_rule, r#", "properties": {"tags": []}"#), MEDIUM);
}

#[test]
fn t74_a_score_that_cannot_be_read_is_unknown_whatever_the_level() {
    for score in [
        r#""9,8""#,
        r#""NaN""#,
        "11",
        "-1",
        "true",
        "[9.8]",
        "{}",
        r#""""#,
        r#""HIGH""#,
        "1e999",
        r#""\ud800""#,
    ] {
        let own = format!(r#", "level": "note", "properties": {{"security-severity": {score}}}"#);
        assert_eq!(rate("", &own), Rating::Unknown, "{score}");
        let of_rule = format!(r#", "properties": {{"security-severity": {score}}}"#);
        assert_eq!(rate(&of_rule, r#", "level": "note""#), Rating::Unknown, "{score}");
    }
    assert_eq!(rate("", r#", "level": "note", "properties": {"security-severity": null}"#), LOW);
}

#[test]
fn the_unknown_of_trivy_is_not_its_zero() {
    let tagged =
        r#", "properties": {"security-severity": "0.0", "tags": ["vulnerability", "UNKNOWN"]}"#;
    assert_eq!(rate(tagged, r#", "level": "note""#), Rating::Unknown);
    let plain = r#", "properties": {"security-severity": "0.0", "tags": ["LOW"]}"#;
    assert_eq!(rate(plain, r#", "level": "note""#), Rating::Known(Severity::None));
}

#[test]
fn kinds_and_baselines_tell_what_is_a_finding() {
    for (member, findings) in [
        (r#""kind": "pass""#, 0),
        (r#""kind": "notApplicable""#, 0),
        (r#""kind": "informational""#, 0),
        (r#""kind": "fail""#, 1),
        (r#""kind": "Pass""#, 1),
        (r#""kind": "open""#, 1),
        (r#""baselineState": "absent""#, 0),
        (r#""baselineState": "unchanged""#, 1),
        (r#""baselineState": "new""#, 1),
        (r#""baselineState": "gone""#, 1),
    ] {
        assert_eq!(
            report(&log("", &format!("{{{member}}}"), "")).open.total(),
            findings,
            "{member}"
        );
    }
    assert_eq!(rate("", r#", "kind": "open""#), Rating::Unknown);
    assert_eq!(rate("", r#", "kind": "review", "level": "none""#), Rating::Unknown);
}

#[test]
fn t74_only_accepted_suppressions_suppress() {
    for (suppressions, suppressed) in [
        ("[]", false),
        ("null", false),
        (r#"[{"kind": "inSource"}]"#, true),
        (r#"[{"kind": "external", "status": "accepted"}]"#, true),
        (r#"[{"kind": "external", "status": "underReview"}]"#, false),
        (r#"[{"kind": "external", "status": "rejected"}]"#, false),
        (r#"[{"kind": "inSource"}, {"kind": "external", "status": "rejected"}]"#, false),
        (r#"[{"kind": "inSource", "status": ""}]"#, false),
    ] {
        let text = log("", &format!(r#"{{"level": "error", "suppressions": {suppressions}}}"#), "");
        let report = report(&text);
        let one = Counts { high: 1, ..Counts::default() };
        let expected = if suppressed { (Counts::default(), one) } else { (one, Counts::default()) };
        assert_eq!((report.open, report.suppressed), expected, "{suppressions}");
        assert_eq!((report.findings.len(), report.findings[0].suppressed), (1, suppressed));
    }
}

#[test]
fn a_rule_is_found_by_index_if_the_id_agrees_else_by_id() {
    let level = |level: &str| format!(r#""defaultConfiguration": {{"level": "{level}"}}"#);
    let rules = format!(
        r#"{{"id": "A", {}}}, {{"id": "B", {}}}, {{"id": "B", {}}}"#,
        level("error"),
        level("note"),
        level("none")
    );
    for (result, rating) in [
        (r#""ruleId": "A""#, HIGH),
        (r#""ruleIndex": 1"#, LOW),
        (r#""ruleId": "B", "ruleIndex": 2"#, Rating::Known(Severity::None)),
        (r#""ruleId": "B""#, LOW),
        (r#""ruleId": "A", "ruleIndex": 1"#, HIGH),
        (r#""ruleId": "A", "ruleIndex": 99999999999"#, HIGH),
        (r#""ruleId": "A", "ruleIndex": -1"#, HIGH),
        (r#""ruleId": "A/sub/part""#, HIGH),
        (r#""ruleId": "B/sub", "ruleIndex": 2"#, Rating::Known(Severity::None)),
        (r#""ruleId": "Bx""#, MEDIUM),
        (r#""rule": {"id": "A"}"#, HIGH),
        (r#""rule": {"index": 1}"#, LOW),
        (r#""ruleId": "none/such""#, MEDIUM),
        ("", MEDIUM),
    ] {
        let report = report(&log(&rules, &format!("{{{result}}}"), ""));
        assert_eq!(report.findings[0].rating, rating, "{result}");
    }
}

#[test]
fn a_rule_may_stand_in_an_extension() {
    let text = |rule: &str| {
        format!(
            r#"{{"version": "2.1.0", "runs": [{{"results": [{{{rule}}}], "tool": {{
            "driver": {{"name": "t", "rules": [{{"id": "X", "defaultConfiguration": {{"level": "note"}}}}]}},
            "extensions": [{{"name": "e0"}}, {{"name": "e1", "rules": [
                {{"id": "X", "defaultConfiguration": {{"level": "error"}}}},
                {{"id": "Y", "defaultConfiguration": {{"level": "error"}}}}]}}]}}}}]}}"#
        )
    };
    for (rule, rating) in [
        (r#""ruleId": "X""#, LOW),
        (r#""ruleId": "Y""#, HIGH),
        (r#""rule": {"index": 0, "toolComponent": {"index": 1}}"#, HIGH),
        (r#""rule": {"id": "X", "toolComponent": {"name": "e1"}}"#, HIGH),
        (r#""rule": {"id": "X", "toolComponent": {"index": 7}}"#, LOW),
        (r#""rule": {"index": 1, "toolComponent": {"index": 0}}"#, MEDIUM),
    ] {
        assert_eq!(report(&text(rule)).findings[0].rating, rating, "{rule}");
    }
}

#[test]
fn configuration_overrides_only_make_it_worse() {
    let changed = |from: &str, to: &str| {
        let rules = format!(r#"{{"id": "R", "defaultConfiguration": {{{from}}}}}"#);
        let more = format!(
            r#", "invocations": [{{"executionSuccessful": true, "ruleConfigurationOverrides": [
                {{"descriptor": {{"index": 0}}, "configuration": {{"level": "{to}"}}}}]}}]"#
        );
        report(&log(&rules, r#"{"ruleId": "R"}"#, &more)).findings[0].rating
    };
    assert_eq!(changed(r#""level": "note""#, "error"), HIGH);
    assert_eq!(changed(r#""level": "error""#, "note"), HIGH);
    assert_eq!(changed("", "note"), MEDIUM);
    assert_eq!(changed("", "unheard-of"), Rating::Unknown);
}

#[test]
fn secret_scanners_and_overridden_tools_have_their_own_scale() {
    let text = |tool: &str, level: &str| {
        format!(
            r#"{{"version": "2.1.0", "runs": [{{"tool": {{"driver": {{"name": "{tool}"}}}}, "results": [{{{level}}}]}}]}}"#
        )
    };
    assert_eq!(report(&text("gitleaks", "")).open.high, 1);
    assert_eq!(report(&text("gitleaks", r#""level": "note""#)).open.low, 1);
    let mut overrides = SeverityOverrides::default();
    let error = Some(Severity::Low);
    overrides.insert("ruff", LevelSeverities { error, ..LevelSeverities::default() });
    let read = |text: &str| {
        let report = read_report(text.as_bytes(), &Limits::default(), &overrides).expect(text);
        report.findings[0].rating
    };
    assert_eq!(read(&text("ruff", r#""level": "error""#)), LOW);
    assert_eq!(read(&text("Ruff", r#""level": "error""#)), LOW);
    assert_eq!(read(&text("ruff", r#""level": "warning""#)), MEDIUM);
    assert_eq!(read(&text("bandit", r#""level": "error""#)), HIGH);
    let scored = r#""level": "error", "properties": {"security-severity": "9.8"}"#;
    assert_eq!(read(&text("ruff", scored)), Rating::Known(Severity::Critical));
}

#[test]
fn t71_what_did_not_run_is_refused() {
    let run = |members: &str| format!(r#"{{"version": "2.1.0", "runs": [{members}]}}"#);
    assert_eq!(fault(&run("")), Fault::NoRun);
    assert_eq!(fault(r#"{"version": "2.1.0", "runs": null}"#), Fault::NoRun);
    assert_eq!(fault(r#"{"version": "2.1.0", "Runs": [], "runs": []}"#), Fault::NoRun);
    let tool = r#""tool": {"driver": {"name": "t"}}"#;
    for results in ["", r#", "results": null"#, r#", "Results": []"#] {
        assert_eq!(fault(&run(&format!("{{{tool}{results}}}"))), Fault::ResultsAbsent { run: 0 });
    }
    let second = format!(r#"{{{tool}, "results": []}}, {{{tool}}}"#);
    assert_eq!(fault(&run(&second)), Fault::ResultsAbsent { run: 1 });
    for (text, field) in [
        (r#"{"runs": []}"#, "version"),
        (r#"{"version": "2.1.0", "runs": [{"results": []}]}"#, "tool"),
        (r#"{"version": "2.1.0", "runs": [{"results": [], "tool": {}}]}"#, "driver"),
        (r#"{"version": "2.1.0", "runs": [{"results": [], "tool": {"driver": {}}}]}"#, "name"),
    ] {
        assert_eq!(fault(text), Fault::MissingField { field: field.into() }, "{text}");
    }
}

#[test]
fn t70_results_that_stand_twice_are_refused() {
    let twice = log("", r#"{"level": "error"}"#, r#", "results": []"#);
    assert_eq!(fault(&twice), Fault::DuplicateKey { key: "results".into() });
    let escaped = log("", r#"{"level": "error"}"#, r#", "r\u0065sults": []"#);
    assert_eq!(fault(&escaped), Fault::DuplicateKey { key: "results".into() });
}

#[test]
fn results_and_rules_that_stand_elsewhere_are_refused() {
    let outside = |members: &str| {
        log("", "", &format!(r#", "externalPropertyFileReferences": {{{members}}}"#))
    };
    for member in ["results", "invocations", "extensions"] {
        assert_eq!(
            fault(&outside(&format!(r#""{member}": [{{}}]"#))),
            Fault::ExternalProperties,
            "{member}"
        );
        assert_eq!(report(&outside(&format!(r#""{member}": [ ]"#))).open.total(), 0);
    }
    assert_eq!(
        fault(&outside(r#""driver": {"location": {"uri": "x"}}"#)),
        Fault::ExternalProperties
    );
    // Flawfinder names its taxonomy so.
    assert_eq!(report(&outside(r#""taxonomies": [{"guid": "x"}]"#)).open.total(), 0);
    let inline = r#"{"version": "2.1.0", "inlineExternalProperties": [{"results": [{"level": "error"}]}],
        "runs": [{"tool": {"driver": {"name": "t"}}, "results": []}]}"#;
    assert_eq!(fault(inline), Fault::ExternalProperties);
}

#[test]
fn t79_a_run_tells_whether_it_went_well() {
    let run = |invocation: &str| {
        log(
            "",
            "",
            &format!(
                r#", "artifacts": [{{}}], "invocations": [{{"executionSuccessful": {invocation}}}]"#
            ),
        )
    };
    let supports = |text: &str| report(text).supports(&Kind::Sast, &Requirements::default());
    assert_eq!(supports(&run("true")), Ok(()));
    assert_eq!(supports(&run("false")), Err(Unsuitable::ExecutionFailed { tool: "t".into() }));
    for list in ["toolExecutionNotifications", "toolConfigurationNotifications"] {
        for (level, ok) in [
            (r#""level": "error", "#, false),
            (r#""level": "fatal", "#, false),
            (r#""level": "warning", "#, true),
            (r#""level": "note", "#, true),
            ("", true),
        ] {
            let text =
                run(&format!(r#"true, "{list}": [{{{level}"message": {{"text": "no memory"}}}}]"#));
            let errors =
                Unsuitable::ToolErrors { tool: "t".into(), count: 1, first: "no memory".into() };
            assert_eq!(supports(&text), if ok { Ok(()) } else { Err(errors) }, "{text}");
        }
    }
    assert_eq!(
        fault(&log("", "", r#", "invocations": [{"exitCode": 0}]"#)),
        Fault::MissingField { field: "executionSuccessful".into() }
    );
    for not_bool in ["null", "\"true\"", "1"] {
        assert!(matches!(fault(&run(not_bool)), Fault::WrongType { .. }), "{not_bool}");
    }
}

#[test]
fn t79_a_clean_run_that_names_nothing_has_a_caveat() {
    let nothing = vec![Caveat::NothingNamed { tool: "t".into() }];
    assert_eq!(report(&log("", "", "")).caveats, nothing);
    assert_eq!(report(&log(r#"{"id": "R"}"#, "", "")).caveats, []);
    let scanned = report(&log("", "", r#", "artifacts": [{}, {}]"#));
    assert_eq!((scanned.caveats, scanned.scanned), (Vec::new(), Some(2)));
}

#[test]
fn t72_values_of_another_type_are_refused() {
    for text in [
        r#"["2.1.0", []]"#,
        r#"{"version": "2.1.0", "runs": {}}"#,
        r#"{"version": "2.1.0", "runs": [[{"driver": {"name": "t"}}, []]]}"#,
        r#"{"version": 2.1, "runs": []}"#,
        &log("", r#"["R"]"#, ""),
        &log("", r#"{"ruleIndex": 1.5}"#, ""),
        &log("", r#"{"level": 1}"#, ""),
        &log("", r#"{"suppressions": {}}"#, ""),
        &log("", r#"{"suppressions": [["accepted"]]}"#, ""),
        &log(r#"["R"]"#, "", ""),
        &log("", "", r#", "invocations": [[true]]"#),
        &log("", r#"{"properties": ["9.8"]}"#, ""),
    ] {
        let fault = fault(text);
        let refused = matches!(fault, Fault::WrongType { .. } | Fault::UnknownFormat { .. });
        assert!(refused, "{text}: {fault:?}");
    }
}

#[test]
fn what_a_finding_says_is_kept() {
    let text = log(
        r#"{"id": "R", "properties": {"security-severity": "8.0"}}"#,
        r#"{"ruleId": "R", "message": {"markdown": "a\n **b**"}, "locations": [
            {"physicalLocation": {"artifactLocation": {"uri": "a.c"}, "region": {"startLine": 3, "snippet": {"text": "x = 1"}}}},
            {"physicalLocation": {"artifactLocation": {"uri": "b.c"}, "region": {"startLine": -3}}}]}"#,
        r#", "versionControlProvenance": [{"repositoryUri": "https://x", "revisionId": "abc"}, {"revisionId": ""}],
            "invocations": [{"executionSuccessful": true, "startTimeUtc": "2026-11-23T10:00:00Z", "endTimeUtc": "2026-11-23T10:05:00.000Z"}]"#,
    );
    let report = report(&text);
    let finding = &report.findings[0];
    assert_eq!(
        (finding.rule.as_str(), finding.tool.as_str(), finding.title.as_str()),
        ("R", "t", "a **b**")
    );
    let places: Vec<String> = finding.locations.iter().map(ToString::to_string).collect();
    assert_eq!(places, ["a.c:3", "b.c"]);
    assert_eq!(report.commits, ["abc"]);
    assert_eq!(report.times.expect("two").latest.to_string(), "2026-11-23T10:05:00Z");
}

#[test]
fn a_fingerprint_follows_the_text_and_not_the_line() {
    let of = |rule: &str, uri: &str, line: u64, more: &str, prints: &str| {
        let result = format!(
            r#"{{"ruleId": "{rule}"{prints}, "locations": [{{"physicalLocation": {{
                "artifactLocation": {{"uri": "{uri}"}}, "region": {{"startLine": {line}{more}}}}}}}]}}"#
        );
        report(&log("", &result, "")).findings[0].fingerprint.clone()
    };
    let text = r#", "snippet": {"text": " eval( x )\n"}"#;
    let base = of("R", "a.c", 3, text, "");
    assert_eq!(base, of("R", "./a.c", 30, r#", "snippet": {"text": "eval( x )"}"#, ""));
    for other in [
        of("S", "a.c", 3, text, ""),
        of("R", "b.c", 3, text, ""),
        of("R", "a.c", 3, r#", "snippet": {"text": "eval(y)"}"#, ""),
        of("R", "a.c", 3, "", ""),
        of("R", "a.c", 4, "", ""),
    ] {
        assert_ne!(base, other);
    }
    // Text that Semgrep puts into every finding, and the empty ones of gitleaks, identify nothing.
    let useless = r#", "fingerprints": {"matchBasedId/v1": "requires login"}, "partialFingerprints": {"commitSha": "", "primaryLocationLineHash": ""}"#;
    assert_eq!(base, of("R", "a.c", 3, text, useless));
    let hash = |hash: &str| {
        of(
            "R",
            "a.c",
            3,
            text,
            &format!(r#", "partialFingerprints": {{"primaryLocationLineHash": "{hash}"}}"#),
        )
    };
    assert_ne!(hash("43556f27a509441c:1"), hash("43556f27a509441c:2"));
}

#[test]
fn numbers_of_everything_are_bounded() {
    let runs = r#"{"tool": {"driver": {"name": "t"}}, "results": []},"#.repeat(1_001);
    let text = format!(r#"{{"version": "2.1.0", "runs": [{}]}}"#, runs.trim_end_matches(','));
    assert_eq!(fault(&text), Fault::TooMany { what: "runs", limit: 1_000 });
    let few = Limits { findings: 2, ..Limits::default() };
    let three = log("", "{}, {}, {}", "");
    let error =
        read_report(three.as_bytes(), &few, &SeverityOverrides::default()).expect_err("refused");
    assert_eq!(error.fault, Fault::TooMany { what: "findings", limit: 2 });
    let rules = r#"{"id":""},"#.repeat(100_001);
    let fault = fault(&log(rules.trim_end_matches(','), "", ""));
    assert_eq!(fault, Fault::TooMany { what: "rules of one run", limit: 100_000 });
    let places = r#"{},"#.repeat(100);
    let result = format!(r#"{{"locations": [{}]}}"#, places.trim_end_matches(','));
    let finding = &report(&log("", &result, "")).findings[0];
    assert_eq!((finding.locations.len(), finding.unlisted_locations), (32, 68));
}

#[test]
fn t116_time_does_not_grow_faster_than_the_text() {
    // Rules of one id, results with hierarchical ids that nothing matches, scores that cannot be read.
    let rules = r#"{"id": "R"},"#.repeat(50_000);
    let result = format!(
        r#"{{"ruleId": "R{}", "properties": {{"security-severity": "\ud800"}}}},"#,
        "/x".repeat(40)
    );
    let text = log(rules.trim_end_matches(','), result.repeat(20_000).trim_end_matches(','), "");
    assert_eq!(report(&text).open.unknown, 20_000);
}
