//! Gate review by real pushes: whose approval counts.

use crate::support::world::{World, review_only, structure};

fn world() -> World {
    World::with(&review_only(""), &structure())
}

fn with_domains(rows: &str) -> World {
    let row = "| net | `/net/` | cleo@example.org |";
    let structure = structure();
    assert!(structure.contains(row));
    World::with(&review_only(""), &structure.replace(row, &format!("{row}\n{rows}")))
}

#[test]
fn co_authors_and_committers_do_not_approve_their_own_work() {
    let world = world();
    let dana = world.person("dana");
    dana.topic("pair");
    dana.write("net/up.rs", "pair\n");
    let commit = dana.commit("Pair\n\nCo-authored-by: Ben Ito <BEN@example.org>");
    dana.push(&["pair"]).accepted();
    world.reviewers_approve(&commit);
    let refused = dana.push(&["pair:main"]);
    refused.refused(&["review-self-approved"]);
    assert!(refused.err.contains("co-author of this change"), "{refused}");
    world.person("ada").approves(&commit);
    dana.push(&["pair:main"]).accepted();

    let commit = dana.propose("amended");
    let ben = world.person("ben");
    ben.git(&["fetch", "-q", "origin"]);
    ben.git(&["checkout", "-q", "-B", "amended", &commit]);
    ben.git(&["commit", "-q", "--amend", "-m", "Reworded"]);
    ben.push(&["+amended"]).accepted();
    let amended = ben.head();
    for who in ["cleo", "ben"] {
        world.person(who).approves(&amended);
    }
    let refused = ben.push(&["amended:main"]);
    refused.refused(&["review-self-approved"]);
    assert!(refused.err.contains("committer of this change"), "{refused}");
}

#[test]
fn whoever_signed_a_commit_took_part_whatever_names_it_bears() {
    let world = world();
    let ben = world.person("ben");
    ben.topic("signed");
    ben.write("net/up.rs", "signed\n");
    ben.git(&["add", "-A"]);
    let dana = "Dana Cole <dana@example.org>";
    ben.git(&[
        "-c",
        "user.name=Dana Cole",
        "-c",
        "user.email=dana@example.org",
        "commit",
        "-q",
        "-S",
        "--author",
        dana,
        "-m",
        "As Dana",
    ]);
    ben.push(&["signed"]).accepted();
    let commit = ben.head();
    world.reviewers_approve(&commit);
    ben.push(&["signed:main"]).refused(&["review-self-approved"]);
}

#[test]
fn an_approver_may_merge_cleanly_and_no_more() {
    let world = world();
    let commit = world.person("dana").propose("retry");
    world.main_moves(&[("net/other", "elsewhere\n")]);
    let ben = world.person("ben");
    ben.topic("merged");
    ben.git(&["merge", "-q", "--no-ff", "-m", "Merge", &commit]);
    ben.write("net/more", "of my own\n");
    ben.git(&["add", "-A"]);
    ben.git(&["commit", "-q", "--amend", "--no-edit"]);
    let unclean = ben.head();
    ben.push(&["merged"]).accepted();
    for who in ["cleo", "ben"] {
        world.person(who).approves(&unclean);
    }
    let refused = ben.push(&["merged:main"]);
    refused.refused(&["review-self-approved"]);
    assert!(refused.err.contains("made a merge with content of its own"), "{refused}");
    world.reviewers_approve(&commit);
    ben.topic("merged");
    ben.git(&["merge", "-q", "--no-ff", "-m", "Merge", &commit]);
    ben.push(&["merged:main"]).accepted();
}

#[test]
fn each_touched_domain_needs_a_reviewer_and_one_may_serve_several() {
    let world = with_domains(
        "| db | `/db/` | eve@example.org |\n| net docs | `/net-docs/` | cleo@example.org |",
    );
    let dana = world.person("dana");
    dana.topic("both");
    dana.write("net/up.rs", "both\n");
    dana.write("net-docs/up.md", "both\n");
    let commit = dana.commit("Two domains of one reviewer");
    dana.push(&["both"]).accepted();
    world.reviewers_approve(&commit);
    dana.push(&["both:main"]).accepted();

    dana.topic("three");
    dana.write("net/up.rs", "three\n");
    dana.write("db/schema.sql", "three\n");
    let commit = dana.commit("Domains of two reviewers");
    dana.push(&["three"]).accepted();
    world.reviewers_approve(&commit);
    let refused = dana.push(&["three:main"]);
    refused.refused(&["review-reviewer-missing"]);
    assert!(refused.err.contains("no reviewer of db") && refused.err.contains("Eve Sand"));
    world.person("eve").approves(&commit);
    dana.push(&["three:main"]).accepted();
}

#[test]
fn whoever_counts_as_the_maintainer_is_not_the_reviewer_too() {
    let world = with_domains("| db | `/db/` | ben@example.org |");
    let dana = world.person("dana");
    dana.topic("db");
    dana.write("db/schema.sql", "one\n");
    let commit = dana.commit("Change the schema");
    dana.push(&["db"]).accepted();
    for who in ["ben", "cleo"] {
        world.person(who).approves(&commit);
    }
    let refused = dana.push(&["db:main"]);
    refused.refused(&["review-reviewer-missing"]);
    assert!(refused.err.contains("other than Ben Ito, who is counted"), "{refused}");
    world.person("ada").approves(&commit);
    dana.push(&["db:main"]).accepted();
}

#[test]
fn paths_of_no_domain_need_a_second_maintainer() {
    let world = world();
    let dana = world.person("dana");
    dana.topic("readme");
    dana.write("README.md", "# changed\n");
    let commit = dana.commit("Change the readme");
    dana.push(&["readme"]).accepted();
    world.reviewers_approve(&commit);
    let refused = dana.push(&["readme:main"]);
    refused.refused(&["review-maintainer-missing"]);
    assert!(refused.err.contains("README.md") && refused.err.contains("Ada Lovelace"), "{refused}");
    world.person("ada").approves(&commit);
    dana.push(&["readme:main"]).accepted();
}

#[test]
fn trusted_files_need_the_trust_threshold_on_top() {
    let structure = structure();
    let row = "| net | `/net/` | cleo@example.org |";
    let meta = format!("{row}\n| rules | `/meta/` | cleo@example.org |");
    let world = World::with(&review_only(""), &structure.replace(row, &meta));
    let dana = world.person("dana");
    dana.topic("rules");
    let config = review_only("approval-max-age = \"20d\"\n");
    dana.write("meta/refgate.toml", config);
    let commit = dana.commit("Shorten approvals");
    dana.push(&["rules"]).accepted();
    world.reviewers_approve(&commit);
    let refused = dana.push(&["rules:main"]);
    refused.refused(&["review-threshold-missing"]);
    assert!(refused.err.contains("meta/refgate.toml") && refused.err.contains("Ada Lovelace"));
    world.person("ada").approves(&commit);
    dana.push(&["rules:main"]).accepted();
}

#[test]
fn a_veto_stands_until_its_author_takes_it_back() {
    let world = world();
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    for who in ["cleo", "ben", "ada"] {
        world.person(who).approves(&commit);
    }
    let cleo = world.person("cleo");
    cleo.refgate(&["reject", &commit, "-m", "it leaks the token", "--push"]).accepted();
    let refused = dana.push(&["retry:main"]);
    refused.refused(&["review-rejected"]);
    assert!(refused.err.contains("it leaks the token"), "{refused}");
    world.person("ben").refgate(&["withdraw", &commit, "--push"]).accepted();
    dana.push(&["retry:main"]).refused(&["review-rejected"]);
    cleo.refgate(&["withdraw", &commit, "--push"]).accepted();
    // What they had said before is taken back with it, the approval included.
    let refused = dana.push(&["retry:main"]);
    refused.refused(&["review-reviewer-missing"]);
    assert!(refused.err.contains("withdrawn"), "{refused}");
    // Later in the same second is later.
    cleo.approves(&commit);
    dana.push(&["retry:main"]).accepted();
}

#[test]
fn an_approval_that_was_withdrawn_does_not_count() {
    let world = world();
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    world.reviewers_approve(&commit);
    world.person("ben").refgate(&["withdraw", &commit, "--push"]).accepted();
    let refused = dana.push(&["retry:main"]);
    refused.refused(&["review-maintainer-missing"]);
    assert!(refused.err.contains("withdrawn"), "{refused}");
}

#[test]
fn people_of_no_role_do_not_object_and_strangers_cannot_sign() {
    let world = world();
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    world.reviewers_approve(&commit);
    let eve = world.person("eve").refgate(&["reject", &commit, "-m", "no", "--push"]);
    assert_eq!(eve.code, Some(2), "{eve}");
    assert!(eve.err.contains("neither a maintainer nor a domain reviewer"), "{eve}");
    let mallory = world.person("mallory").refgate(&["approve", &commit, "--push"]);
    assert_eq!(mallory.code, Some(2), "{mallory}");
    assert!(mallory.err.contains("is not listed in meta/STRUCTURE.md"), "{mallory}");
    dana.push(&["retry:main"]).accepted();
}
