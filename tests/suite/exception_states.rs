//! The life of an exception: who signs, what is owed, renewal, and revocations that stay.

use crate::exceptions::{SIDE, TO_SIDE, brings, document, side, signed};
#[cfg(feature = "openpgp")]
use crate::support::gpg::Gpg;
use crate::support::world::{Person, World, structure};

fn json(said: &crate::support::world::Said) -> serde_json::Value {
    serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// Lands something on main, which asks for approvals alone.
fn lands(world: &World, person: &Person<'_>) {
    let commit = person.head();
    person.git(&["push", "-q", "origin", "+HEAD:refs/heads/proposal"]);
    for who in ["ada", "ben"] {
        world.person(who).approves(&commit);
    }
    person.push(&["HEAD:refs/heads/main"]).accepted();
}

#[cfg(feature = "openpgp")]
#[test]
fn security_engineering_approves_with_gpg() {
    let gpg = Gpg::of("ben");
    // Ben does security, in place of Eve.
    let eve =
        structure().lines().find(|line| line.contains("Eve Sand")).expect("her row").to_owned();
    let ben =
        structure().lines().find(|line| line.contains("Ben Ito")).expect("his row").to_owned();
    let world = gpg.world(SIDE, &structure().replace(&eve, &ben), &[]);
    world.server_git(&["branch", "side", "main"]);
    let dana = brings(&world, "EX-1", &document(-1, 30));
    dana.push(&TO_SIDE).refused(&["exception-unapproved"]);
    let ben = gpg.person(&world);
    ben.git(&["fetch", "-q", "origin"]);
    ben.git(&["checkout", "-q", "-B", "topic", "origin/topic"]);
    gpg.refgate(&world, &["exception", "approve", "EX-1"]).accepted();
    let text = std::fs::read_to_string(ben.dir().join("exceptions/EX-1.md")).expect("signed");
    assert!(text.contains("\n sig=pgp:"), "{text}");
    brings(&world, "EX-1", &text.replace("A wall.", "A fence."))
        .push(&TO_SIDE)
        .refused(&["exception-unapproved"]);
    // His SSH key is on no list here.
    let other = signed(&world, &document(-1, 30), "EX-1", "ben", 0);
    brings(&world, "EX-1", &other).push(&TO_SIDE).refused(&["exception-unapproved"]);
    brings(&world, "EX-1", &text).push(&TO_SIDE).accepted();
}

#[cfg(feature = "openpgp")]
#[test]
fn a_certificate_that_is_revoked_approves_nothing() {
    let gpg = Gpg::of("eve");
    let world = gpg.world(SIDE, &structure(), &[]);
    let eve = gpg.person(&world);
    eve.write("exceptions/EX-1.md", document(-1, 30));
    let said = gpg.refgate(&world, &["exception", "approve", "EX-1"]);
    assert_eq!(said.code, Some(2), "{said}");
    assert!(said.err.contains("its signing key is revoked"), "{said}");
    let text = std::fs::read_to_string(eve.dir().join("exceptions/EX-1.md")).expect("there");
    assert!(!text.contains("\nApproved-by:"), "{text}");
}

#[test]
fn lists_tell_which_exceptions_nothing_relies_on() {
    let world = side();
    let used = signed(&world, &document(-1, 30), "EX-1", "eve", 0);
    let idle = document(-1, 30).replace("EX-1", "EX-2").replace("L1", "L2");
    let idle = signed(&world, &idle, "EX-2", "eve", 0);
    let dana = brings(&world, "EX-1", &used);
    let unknown = |said: &serde_json::Value, at: usize| said["exceptions"][at]["unused"].clone();
    // The tips of the server have no evidence yet, so it cannot be told.
    let before = json(&dana.refgate(&["exception", "list", "--format", "json"]));
    assert!(unknown(&before, 0).is_null(), "{before}");
    dana.push(&TO_SIDE).accepted();
    dana.write("exceptions/EX-2.md", &idle);
    let listed = json(&dana.refgate(&["exception", "list", "--format", "json"]));
    assert_eq!((unknown(&listed, 0), unknown(&listed, 1)), (false.into(), true.into()), "{listed}");
    let text = dana.refgate(&["exception", "list"]);
    assert!(text.out.contains("approved, unused"), "{text}");
}

#[test]
fn exceptions_that_are_relied_upon_and_over_before_long_are_warned_of() {
    let world = side();
    for (days, says) in
        [(15, None), (14, Some("in 14 days")), (1, Some("tomorrow")), (0, Some("today"))]
    {
        let text = signed(&world, &document(-1, days), "EX-1", "eve", 0);
        let dana = brings(&world, "EX-1", &text);
        let accepted = dana.push(&TO_SIDE);
        accepted.accepted();
        match says {
            None => assert!(!accepted.err.contains("warning"), "{days}: {accepted}"),
            Some(says) => assert!(accepted.err.contains(says), "{days}: {accepted}"),
        }
        let listed = json(&dana.refgate(&["exception", "list", "--format", "json"]));
        let state = if days <= 14 { "expiring" } else { "approved" };
        assert_eq!(listed["exceptions"][0]["state"], state, "{listed}");
    }
    // An exception that no finding needs is not warned of.
    let text = signed(&world, &document(-1, 3).replace("L1", "L2"), "EX-1", "eve", 0);
    let refused = brings(&world, "EX-1", &text).push(&TO_SIDE);
    refused.refused(&["scan-finding-open"]);
    assert!(!refused.err.contains("warning"), "{refused}");
}

#[test]
fn overdue_requests_are_counted_in_the_business_days_of_the_policy() {
    let day = |days: i64| {
        let moment = refgate::clock::now() + jiff::SignedDuration::from_hours(24 * days);
        moment.strftime("%Y-%m-%d").to_string()
    };
    // Every day is a business day; the third after the request is one too many.
    let holidays = format!("holidays = [{}, {}]\n", day(-1), day(0));
    for (rules, requested, overdue) in [
        ("weekend = []\n", -2, false),
        ("weekend = []\n", -3, true),
        ("weekend = []\nanswer-within = 3\n", -3, false),
        (&format!("weekend = []\n{holidays}"), -3, false),
        (&format!("weekend = []\n{holidays}"), -5, true),
    ] {
        let rules = format!("{SIDE}[exceptions]\n{rules}time-zone = \"UTC\"\n");
        let world = World::with(&rules, &structure());
        let dana = world.person("dana");
        dana.write("exceptions/EX-1.md", document(requested, 30));
        let said = dana.refgate(&["exception", "list", "--fail-overdue"]);
        assert_eq!(said.code, Some(i32::from(overdue)), "{rules}: {said}");
        assert_eq!(said.out.contains("OVERDUE"), overdue, "{said}");
        assert_eq!(dana.refgate(&["exception", "list"]).code, Some(0));
        let listed = json(&dana.refgate(&["exception", "list", "--format", "json"]));
        assert_eq!(listed["exceptions"][0]["overdue"], overdue, "{listed}");
    }
}

#[test]
fn what_is_renewed_is_approved_anew() {
    let world = side();
    let over = signed(&world, &document(-40, -3), "EX-1", "eve", 40);
    let dana = brings(&world, "EX-1", &over);
    let refused = dana.push(&TO_SIDE);
    refused.refused(&["exception-expired"]);
    assert!(refused.err.contains("Eve Sand (Security Engineering), "), "{refused}");
    assert!(refused.err.contains("refgate exception renew EX-1"), "{refused}");
    let renewed = dana.refgate(&["exception", "renew", "EX-1"]);
    renewed.accepted();
    let text = std::fs::read_to_string(dana.dir().join("exceptions/EX-1.md")).expect("there");
    assert!(!text.contains("\nApproved-by:"), "{text}");
    brings(&world, "EX-1", &text).push(&TO_SIDE).refused(&["exception-unapproved"]);
    // The signatures of before are over other days.
    let signature = over.split_once("Approved-by:").expect("signed").1;
    let old = format!("{text}Approved-by:{signature}");
    brings(&world, "EX-1", &old).push(&TO_SIDE).refused(&["exception-unapproved"]);
    let eve = world.person("eve");
    eve.git(&["fetch", "-q", "origin"]);
    eve.git(&["checkout", "-q", "-B", "topic", "origin/topic"]);
    eve.write("exceptions/EX-1.md", &text);
    eve.refgate(&["exception", "approve", "EX-1"]).accepted();
    let text = std::fs::read_to_string(eve.dir().join("exceptions/EX-1.md")).expect("there");
    brings(&world, "EX-1", &text).push(&TO_SIDE).accepted();
}

#[test]
fn a_revocation_stays_until_the_exception_would_have_run_out() {
    let world = side();
    let good = signed(&world, &document(-1, 30), "EX-1", "eve", 0);
    let over = document(-40, -3).replace("EX-1", "EX-2");
    let dana = world.person("dana");
    dana.topic("retry");
    dana.write("exceptions/EX-1.md", &good);
    dana.write("exceptions/EX-2.md", over.replacen("gates", "revoked = 2026-01-02\ngates", 1));
    dana.commit("Bring them");
    lands(&world, &dana);

    dana.topic("retry");
    dana.refgate(&["exception", "revoke", "EX-1", "-m", "the wall fell"]).accepted();
    let revoked = std::fs::read_to_string(dana.dir().join("exceptions/EX-1.md")).expect("there");
    let refused = |what: &str, says: &str| {
        let commit = dana.commit(what);
        dana.git(&["push", "-q", "origin", "+HEAD:refs/heads/proposal"]);
        for who in ["ada", "ben"] {
            world.person(who).approves(&commit);
        }
        let said = world
            .refuses(&["exception-revocation-removed"], || dana.push(&["HEAD:refs/heads/main"]));
        assert!(said.err.contains(says), "{what}: {said}");
    };
    // Whoever revokes does not bring the end forward, so that it could go the sooner.
    let line = revoked.lines().find(|line| line.starts_with("expires")).expect("an end");
    let today = refgate::clock::now().strftime("expires = %Y-%m-%d").to_string();
    dana.write("exceptions/EX-1.md", revoked.replace(line, &today));
    refused("Revoke EX-1 with an end", "would name an earlier end");
    dana.topic("retry");
    dana.write("exceptions/EX-1.md", &revoked);
    dana.commit("Revoke EX-1");
    lands(&world, &dana);

    for (what, text, says) in [
        ("Remove it", None, "exceptions/EX-1.md is removed"),
        ("Take it back", Some(good.clone()), "no longer says that it is revoked"),
        ("Spoil it", Some(revoked.replace("owner", "ownr")), "cannot be read any more"),
        ("Shorten it", Some(revoked.replace(line, &today)), "would name an earlier end"),
    ] {
        dana.topic("retry");
        match text {
            Some(text) => dana.write("exceptions/EX-1.md", text),
            None => std::fs::remove_file(dana.dir().join("exceptions/EX-1.md")).expect("there"),
        }
        refused(what, says);
    }
    // Broken glass does not waive it.
    let glass =
        document(-1, 6).replace("[\"scan\"]", "[\"*\"]").replace("heads/side", "heads/main");
    let glass =
        glass.replace("rules = [\"L1\"]\npaths = [\"/net/\"]\n", "").replace("EX-1", "EX-3");
    dana.topic("retry");
    std::fs::remove_file(dana.dir().join("exceptions/EX-1.md")).expect("there");
    dana.write("exceptions/EX-3.md", signed(&world, &glass, "EX-3", "eve", 0));
    dana.commit("Remove it by night");
    let option = "refgate.break-glass=EX-3";
    world.refuses(&["exception-revocation-removed"], || {
        dana.try_git(&["push", "-o", option, "origin", "HEAD:refs/heads/main"])
    });
    // One that would be over by now may go, and so may everything else.
    dana.topic("retry");
    std::fs::remove_file(dana.dir().join("exceptions/EX-2.md")).expect("there");
    dana.commit("Tidy up");
    lands(&world, &dana);
    brings(&world, "EX-1", &good).push(&TO_SIDE).refused(&["exception-revoked"]);
}

#[test]
fn a_trusted_directory_that_cannot_be_read_lets_no_exception_count() {
    let world = side();
    let good = signed(&world, &document(-1, 30), "EX-1", "eve", 0);
    let dana = world.person("dana");
    dana.topic("retry");
    dana.write("exceptions/EX-1.md", good.replacen("gates", "revoked = 2026-01-02\ngates", 1));
    dana.write("exceptions/EX-2.md", "one more");
    dana.commit("Revoke, and bring more files than are read");
    lands(&world, &dana);
    let settings = std::fs::read_to_string(world.server().join("refgate.toml")).expect("settings");
    let limited = format!("{settings}\n[limits]\nexceptions = 1\n");
    std::fs::write(world.server().join("refgate.toml"), limited).expect("written");
    // In what is pushed there is one file alone, and it is signed.
    let refused = brings(&world, "EX-1", &good).push(&TO_SIDE);
    refused.refused(&["scan-finding-open", "exception-malformed"]);
    assert!(refused.err.contains("(limits.exceptions)"), "{refused}");
}

#[test]
fn documents_that_cannot_be_read_are_quoted_by_file_and_line() {
    let world = side();
    let good = document(-1, 30);
    let line =
        |begins: &str| good.lines().position(|line| line.starts_with(begins)).expect(begins) + 1;
    let signed = |text: &str| signed(&world, text, "EX-1", "eve", 0).into_bytes();
    let duration = line("Soon.");
    let bad: Vec<(&str, Vec<u8>, usize, &str)> = vec![
        (
            "unknown key",
            signed(&good.replace("owner", "ownr")),
            line("owner"),
            "unknown key \"ownr\"",
        ),
        (
            "duplicate key",
            signed(&good.replacen("owner", "owner = \"x@example.org\"\nowner", 1)),
            line("owner") + 1,
            "duplicate key",
        ),
        (
            "no such day",
            signed(&good.replacen(
                good.lines().nth(line("expires") - 1).expect("a line"),
                "expires = \"2027-02-30\"",
                1,
            )),
            line("expires"),
            "no day of the calendar",
        ),
        (
            "approved in the middle",
            signed(&good.replacen("Soon.", "Approved-by: Eve Sand <eve@example.org>\n\nSoon.", 1)),
            duration + 2,
            "text behind the signature in line",
        ),
        (
            "no text",
            [&signed(&good)[..], b"M\xfcller\n"].concat(),
            signed(&good).split(|b| *b == b'\n').count(),
            "the line is not UTF-8",
        ),
        (
            "hidden in a comment",
            signed(&good.replacen("Soon.", "<!-- Soon. -->", 1)),
            line("## Duration"),
            "\"Duration\" is not filled in",
        ),
    ];
    for (what, bytes, line, says) in bad {
        let dana = brings(&world, "EX-1", "");
        dana.write("exceptions/EX-1.md", &bytes);
        let commit = dana.commit("Bring an exception");
        dana.git(&["push", "-q", "origin", "+HEAD:refs/heads/topic"]);
        crate::exceptions::finds(&world, &commit, "net/up.rs");
        let said = dana.push(&TO_SIDE);
        said.refused(&["scan-finding-open", "exception-malformed"]);
        assert!(said.err.contains(&format!("exceptions/EX-1.md:{line}")), "{what} {line}: {said}");
        let text = said.err.split_whitespace().filter(|word| *word != "|").collect::<Vec<_>>();
        assert!(text.join(" ").contains(says), "{what}: {said}");
    }
}
