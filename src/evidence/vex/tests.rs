use super::*;
use crate::evidence::report::Class;
use crate::evidence::severity::{Rating, Severity};
use crate::principal::PrincipalId;

const OPENVEX: &str = include_str!("../../../tests/corpus/vex/own-openvex-0.2.0-order-desk.json");
const CYCLONEDX: &str =
    include_str!("../../../tests/corpus/cyclonedx/own-cyclonedx-vex-1.6-order-desk.cdx.json");

fn documents(texts: &[&str]) -> Vec<Document> {
    let document = |text: &&str| {
        let predicate_type = type_of(text).expect("a type");
        let vex = read_document(predicate_type, text).unwrap_or_else(|why| panic!("{why}: {text}"));
        let id = PrincipalId::parse("eve@x.org").expect("an email");
        let by = Person { id, name: "Eve".into() };
        Document { file: "exceptions/x.vex.json".into(), by, statements: vex.statements }
    };
    texts.iter().map(document).collect()
}

fn finding(ids: &[&str], purls: &[Option<&str>]) -> Finding {
    let mut finding =
        Finding::new(Class::Dependency, Rating::Known(Severity::High), ids[0], "Trivy");
    finding.aliases = ids[1..].iter().map(|id| (*id).to_owned()).collect();
    finding.locations.push(Location::File { path: "package-lock.json".into(), line: None });
    for purl in purls {
        finding.locations.push(Location::package(*purl, "a package", None));
    }
    finding
}

fn passes(texts: &[&str], ids: &[&str], purls: &[Option<&str>]) -> Option<&'static str> {
    lets_pass(&documents(texts), &finding(ids, purls)).map(|(_, status)| status.as_str())
}

const LODASH: Option<&str> = Some("pkg:npm/lodash@4.17.4");
const FETCH: Option<&str> = Some("pkg:npm/node-fetch@2.6.0");

#[test]
fn what_does_not_affect_a_package_passes_for_that_package() {
    for text in [OPENVEX, CYCLONEDX] {
        let passes = |ids: &[&str], purls: &[Option<&str>]| passes(&[text], ids, purls);
        assert_eq!(passes(&["CVE-2021-23337"], &[LODASH]), Some("not_affected"));
        assert_eq!(passes(&["GHSA-1", "cve-2021-23337"], &[LODASH]), Some("not_affected"));
        for (ids, purls) in [
            (&["CVE-2021-23338"][..], &[LODASH][..]),
            (&["CVE-2021-23337"], &[Some("pkg:npm/lodash@4.17.5")]),
            (&["CVE-2021-23337"], &[Some("pkg:npm/lodash")]),
            (&["CVE-2021-23337"], &[LODASH, FETCH]),
            (&["CVE-2021-23337"], &[LODASH, None]),
            (&["CVE-2021-23337"], &[]),
            (&["CVE-2022-0235"], &[FETCH]),
            (&["CVE-2020-15168"], &[FETCH]),
            (&["CVE-2019-11358"], &[Some("pkg:npm/jquery@3.3.1")]),
        ] {
            assert_eq!(passes(ids, purls), None, "{ids:?} {purls:?}");
        }
    }
}

#[test]
fn the_latest_statement_decides() {
    let said = |status: &str, at: &str| {
        OPENVEX
            .replacen("\"not_affected\"", &format!("\"{status}\""), 1)
            .replace("2026-11-20T10", at)
    };
    let (early, late) = ("2026-11-19T10", "2026-11-21T10");
    let ids = &["CVE-2021-23337"];
    for (one, two, expected) in [
        (said("not_affected", early), said("affected", late), None),
        (said("affected", early), said("not_affected", late), Some("not_affected")),
        (said("affected", early), said("fixed", late), Some("fixed")),
        (said("fixed", early), said("under_investigation", late), None),
        (said("affected", late), said("not_affected", late), None),
        (said("not_affected", late), said("affected", late), None),
    ] {
        assert_eq!(passes(&[&one, &two], ids, &[LODASH]), expected, "{one} {two}");
        assert_eq!(passes(&[&two, &one], ids, &[LODASH]), expected, "{two} {one}");
    }
}

#[test]
fn fixed_is_said_of_one_version_and_parts_are_what_is_vulnerable() {
    let fixed = OPENVEX.replacen("not_affected", "fixed", 1);
    assert_eq!(passes(&[&fixed], &["CVE-2021-23337"], &[LODASH]), Some("fixed"));
    let every = fixed.replacen("lodash@4.17.4", "lodash", 1);
    assert_eq!(passes(&[&every], &["CVE-2021-23337"], &[LODASH]), None);
    let part = OPENVEX.replacen(
        r#""@id":"pkg:npm/lodash@4.17.4""#,
        r#""@id":"pkg:generic/app@1","subcomponents":[{"@id":"pkg:npm/lodash@4.17.4"}]"#,
        1,
    );
    assert_eq!(passes(&[&part], &["CVE-2021-23337"], &[LODASH]), Some("not_affected"));
    let app = Some("pkg:generic/app@1");
    assert_eq!(passes(&[&part], &["CVE-2021-23337"], &[app]), None);
    let resolved = CYCLONEDX.replacen("not_affected", "resolved", 1);
    assert_eq!(passes(&[&resolved], &["CVE-2021-23337"], &[LODASH]), Some("fixed"));
    let by_ref = CYCLONEDX.replacen(r#"{"ref":"pkg:npm/lodash@4.17.4"}"#, r#"{"ref":"c1"}"#, 1);
    assert_eq!(passes(&[&by_ref], &["CVE-2021-23337"], &[LODASH]), None);
    let known = by_ref.replacen(
        r#""vulnerabilities":["#,
        r#""components":[{"bom-ref":"c1","purl":"pkg:npm/lodash@4.17.4"}],"vulnerabilities":["#,
        1,
    );
    assert_eq!(passes(&[&known], &["CVE-2021-23337"], &[LODASH]), Some("not_affected"));
}

#[test]
fn what_is_no_vex_is_refused() {
    let bare = OPENVEX
        .replacen(r#","justification":"vulnerable_code_not_in_execute_path""#, "", 1)
        .replacen(r#","impact_statement":"template() is never called""#, "", 1);
    for (text, why) in [
        (bare, "statement 1: not_affected has neither justification nor impact_statement"),
        (OPENVEX.replace("ns/v0.2.0", "ns/v0.0.1"), "@context is"),
        (OPENVEX.replace("in_execute_path", "in_my_path"), "statement 1: justification"),
        (OPENVEX.replace("under_investigation", "ignored"), "statement 3: status"),
        (OPENVEX.replace("2026-11-20T10:00:00Z", "yesterday"), "\"yesterday\" is no time"),
        (OPENVEX.replacen(r#""status""#, r#""status":"fixed","status""#, 1), "duplicate field"),
        (OPENVEX.replace(r#""products":[{"#, r#""products":["#), "expected"),
        (CYCLONEDX.replace("in_triage", "asleep"), "vulnerability 3: state"),
        (CYCLONEDX.replace(r#""timestamp":"2026-11-20T10:00:00Z","#, ""), "metadata.timestamp"),
        (CYCLONEDX.replace("\"CycloneDX\"", "\"Cyclone\""), "bomFormat"),
    ] {
        let predicate_type =
            if text.contains("@context") { OPENVEX_TYPES[0] } else { CYCLONEDX_TYPE };
        let found = read_document(predicate_type, &text).expect_err(why);
        assert!(found.contains(why), "{found}");
    }
    assert_eq!(type_of("{}"), None);
    assert!(read_document("https://example.org/vex", OPENVEX).is_err());
    let other = format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"other","digest":{{"gitCommit":"x"}}}}],"predicateType":"{}","predicate":{OPENVEX}}}"#,
        OPENVEX_TYPES[0]
    );
    let statement = InToto::parse(other.as_bytes()).expect("a statement");
    assert!(read(&statement, "other").is_ok() && read(&statement, "ours").is_err());
}
