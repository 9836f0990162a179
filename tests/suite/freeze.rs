//! Freezes in real pushes, and what lets something land all the same.

use crate::exceptions::{amend, document, id_of, signed, takes_over};
use crate::release::RULES;
use crate::support::world::{Person, World, structure};

/// Main is frozen for ever; the window began long ago.
fn frozen() -> World {
    let rules = format!(
        "{RULES}[[freeze]]\nreason = \"year's end\"\nrefs = [\"refs/heads/main\", \"refs/tags/v9*\"]\n\
         from = 2020-01-01\nuntil = 2099-12-31\ntime-zone = \"Europe/Berlin\"\n"
    );
    World::with(&rules, &structure())
}

#[test]
fn nothing_lands_while_the_branch_is_frozen() {
    let world = frozen();
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    world.reviewers_approve(&commit);
    let said = world.refuses(&["ref-frozen"], || dana.push(&["retry:main"]));
    assert!(said.err.contains("frozen: year's end"), "{said}");
    assert!(said.err.contains("until  2100-01-01 00:00, Europe/Berlin"), "{said}");
    assert!(said.err.contains("meta/refgate.toml:"), "{said}");
    dana.push(&["retry:elsewhere"]).accepted();
    let shown = dana.refgate(&["release", "freeze"]);
    assert!(shown.code == Some(0) && shown.out.contains("FROZEN  2020-01-01 00:00"), "{shown}");
    assert_eq!(dana.refgate(&["release", "freeze", "--fail-frozen"]).code, Some(1));
    let tag = dana.refgate(&["release", "freeze", "--fail-frozen", "--ref", "refs/tags/v1"]);
    assert!(tag.code == Some(0) && tag.out.contains("nothing is frozen"), "{tag}");
    let json = dana.refgate(&["release", "freeze", "--format", "json"]);
    assert!(json.out.contains("\"state\": \"in-force\""), "{json}");

    // Broken glass waives the freeze with the gates, in a push that names the exception.
    request(&dana, "--break-glass");
    let id = id_of(&dana);
    let eve = approved(&world, &dana, &id);
    for who in ["cleo", "ben", "ada"] {
        world.person(who).approves(&eve.head());
    }
    world.refuses(&["ref-frozen"], || eve.push(&["HEAD:main"]));
    let option = format!("refgate.break-glass={id}");
    eve.try_git(&["push", "-o", &option, "origin", "HEAD:main"]).accepted();
}

fn request(dana: &Person<'_>, kind: &str) {
    dana.refgate(&[
        "exception",
        "new",
        kind,
        "--ref",
        "main",
        "--expires",
        "2d",
        "--scope",
        "A night",
        "--duration",
        "two days",
        "--controls",
        "somebody watches",
    ])
    .accepted();
}

/// Eve approves Dana's exception, in the commit of the topic.
fn approved<'w>(world: &'w World, dana: &Person<'_>, id: &str) -> Person<'w> {
    amend(dana);
    let eve = takes_over(world, "eve");
    eve.refgate(&["exception", "approve", id]).accepted();
    amend(&eve);
    eve
}

#[test]
fn an_exception_for_the_freeze_lets_landings_through_and_waives_no_gate() {
    let world = frozen();
    let dana = world.person("dana");
    dana.propose("retry");
    request(&dana, "--freeze");
    let id = id_of(&dana);
    let commit = amend(&dana);
    let review = |commit: &str| {
        for who in ["cleo", "ben", "ada"] {
            world.person(who).approves(commit);
        }
    };
    review(&commit);
    let said = world.refuses(&["ref-frozen", "exception-unapproved"], || dana.push(&["HEAD:main"]));
    assert!(said.err.contains("Security Engineering (Eve Sand) can approve it:"), "{said}");

    let eve = approved(&world, &dana, &id);
    let listed = eve.refgate(&["exception", "list"]);
    assert!(listed.out.contains("expiring, freeze"), "{listed}");
    world.refuses(&["review-approval-missing"], || eve.push(&["HEAD:main"]));
    review(&eve.head());
    let check = eve.refgate(&["check", "main", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&check.out).expect("JSON");
    let lifted = &json["refs"][0]["lifted"];
    assert_eq!((json["verdict"].as_str(), lifted["id"].as_str()), (Some("accepted"), Some(&*id)));
    assert_eq!(lifted["violations"][0]["code"], "ref-frozen", "{check}");
    assert_eq!(lifted["approvers"][0]["name"], "Eve Sand", "{check}");
    let sarif = eve.refgate(&["check", "main", "--format", "sarif"]);
    assert!(sarif.out.contains("\"justification\": \"exception EX-"), "{sarif}");
    let accepted = eve.push(&["HEAD:main"]);
    accepted.accepted();
    let words = accepted.err.replace("\nwarning: ", " ");
    assert!(words.contains("warning: refs/heads/main is frozen: year's end (until"), "{accepted}");
    assert!(words.contains(&format!("it lands by exception {id}, until ")), "{accepted}");
    assert!(words.contains("approved by Eve Sand (Security Engineering)"), "{accepted}");
    let recorded = world.refgate(&world.server(), &["ledger", "export"]);
    let last = recorded
        .out
        .lines()
        .rfind(|line| line.contains("\"event\":{\"judged\""))
        .expect("a record");
    assert!(last.contains(&format!("\"lifted\":{{\"id\":\"{id}\"")), "{last}");
}

#[test]
fn exceptions_for_freezes_that_do_not_count() {
    let world = frozen();
    let freeze = |requested, expires| {
        let text = document(requested, expires).replace("[\"scan\"]", "[\"freeze\"]");
        let text = text.replace("rules = [\"L1\"]\npaths = [\"/net/\"]\n", "");
        text.replace("refs/heads/side", "refs/heads/main")
    };
    let good = freeze(-1, 2);
    let eve = |text: &str, days| signed(&world, text, "EX-1", "eve", days);
    let past = freeze(-20, -3);
    for (what, text, codes, says) in [
        ("another ref", eve(&good.replace("heads/main", "heads/side"), 0), &[][..], ""),
        ("another gate", eve(&good.replace("[\"freeze\"]", "[\"*\"]"), 0), &[], ""),
        ("expired", eve(&past, 20), &["exception-expired"], "3 days before this push"),
        ("unapproved", good.clone(), &["exception-unapproved"], "requested: on "),
        (
            "by its requester",
            eve(&good.replace("dana@", "eve@"), 0),
            &["exception-self-approved"],
            "asks for it, or answers",
        ),
        ("too long", eve(&freeze(-1, 100), 0), &["exception-too-long"], "90d from its approval"),
        (
            "revoked",
            eve(&good.replacen("gates", "revoked = 2026-01-02\ngates", 1), 0),
            &["exception-revoked"],
            "revoked: on 2026-01-02",
        ),
        (
            "unreadable",
            eve(&good.replace("owner", "ownr"), 0),
            &["exception-malformed"],
            "exceptions/EX-1.md:7",
        ),
    ] {
        let dana = world.person("dana");
        dana.topic("topic");
        dana.write("exceptions/EX-1.md", &text);
        let commit = dana.commit("Bring an exception");
        dana.push(&["+topic"]).accepted();
        for who in ["ben", "ada"] {
            world.person(who).approves(&commit);
        }
        let all = [&["ref-frozen"], codes].concat();
        let said = world.refuses(&all, || dana.push(&["HEAD:main"]));
        assert!(said.err.contains(says), "{what}: {said}");
    }
}

#[test]
fn a_frozen_tag_is_released_by_an_exception() {
    let world = frozen();
    let dana = world.person("dana");
    dana.topic("topic");
    let text = document(-1, 2).replace("[\"scan\"]", "[\"freeze\"]");
    let text = text.replace("rules = [\"L1\"]\npaths = [\"/net/\"]\n", "");
    let text = text.replace("refs/heads/side", "refs/tags/v9.1.0");
    dana.write("exceptions/EX-1.md", signed(&world, &text, "EX-1", "eve", 0));
    for name in ["v9.0.0", "v9.1.0"] {
        dana.write(&format!("releases/{name}.md"), crate::threats_policy::document());
    }
    let commit = dana.commit("Prepare releases");
    dana.push(&["+topic"]).accepted();
    // As nobody can by pushing: the branch is frozen as well.
    world.server_git(&["update-ref", "refs/heads/main", &commit]);
    let ben = world.person("ben");
    ben.git(&["fetch", "-q", "origin"]);
    for name in ["v9.0.0", "v9.1.0"] {
        ben.git(&["tag", "-s", "-m", name, name, "origin/main"]);
    }
    world.refuses(&["ref-frozen"], || ben.push(&["refs/tags/v9.0.0"]));
    let accepted = ben.push(&["refs/tags/v9.1.0"]);
    accepted.accepted();
    assert!(accepted.err.contains("warning: refs/tags/v9.1.0 is frozen"), "{accepted}");
}
