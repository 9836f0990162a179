//! Gate review by real pushes: what an approval covers.

use crate::support::statement::{Draft, say};
use crate::support::world::{Person, World, review_only, structure};

/// A file of several lines, so that two people can change it in different places.
fn lines(first: &str, last: &str) -> String {
    format!("{first}\n2\n3\n4\n5\n6\n7\n8\n{last}\n")
}

/// Dana changes the first line of a file of `net/` and pushes that as a topic.
fn first_line(world: &World) -> String {
    let dana = world.person("dana");
    dana.topic("first");
    dana.write("net/lines", lines("one", "9"));
    let commit = dana.commit("Change the first line");
    dana.push(&["+first"]).accepted();
    commit
}

fn approved_by_two(world: &World, commit: &str) {
    world.person("cleo").approves(commit);
    world.person("ben").approves(commit);
}

/// Dana merges the server's main branch with a topic, on top of main.
fn merge<'w>(world: &'w World, topic: &str) -> Person<'w> {
    let dana = world.person("dana");
    dana.topic("merged");
    dana.git(&["merge", "-q", "--no-ff", "-m", "Merge", topic]);
    dana
}

fn with_lines(review: &str) -> World {
    let world = World::with(&review_only(review), &structure());
    world.main_moves(&[("net/lines", &lines("1", "9"))]);
    world
}

#[test]
fn carry_exact_covers_the_change_on_its_own_base_alone() {
    let world = with_lines("carry = \"exact\"\n");
    let topic = first_line(&world);
    approved_by_two(&world, &topic);
    let before = world.on_server("refs/heads/main").expect("main");
    world.main_moves(&[("net/other", "elsewhere\n")]);
    let dana = merge(&world, &topic);
    let refused = dana.push(&["merged:main"]);
    refused.refused(&["review-approval-missing"]);
    assert!(refused.err.contains("approves the same change, but on another base"), "{refused}");
    world.server_git(&["update-ref", "refs/heads/main", &before]);
    dana.push(&["first:main"]).accepted();
}

#[test]
fn carry_same_change_covers_it_wherever_it_lands_and_nothing_else() {
    let world = with_lines("");
    let topic = first_line(&world);
    approved_by_two(&world, &topic);
    world.main_moves(&[("net/other", "elsewhere\n")]);
    let dana = merge(&world, &topic);
    dana.write("net/smuggled", "evil\n");
    dana.git(&["add", "-A"]);
    dana.git(&["commit", "-q", "--amend", "--no-edit"]);
    let refused = dana.push(&["merged:main"]);
    refused.refused(&["review-approval-missing"]);
    assert!(refused.err.contains("net/smuggled"), "the path is named: {refused}");
    merge(&world, &topic).push(&["merged:main"]).accepted();
}

#[test]
fn carry_same_change_does_not_cover_a_merge_within_the_same_file() {
    let world = with_lines("");
    let topic = first_line(&world);
    approved_by_two(&world, &topic);
    world.main_moves(&[("net/lines", &lines("1", "nine"))]);
    let refused = merge(&world, &topic).push(&["merged:main"]);
    refused.refused(&["review-approval-missing"]);
    assert!(
        refused.err.contains("approves what this comes from, but not this itself"),
        "{refused}"
    );
}

#[test]
fn carry_replay_covers_what_the_merge_engine_makes_of_it() {
    let world = with_lines("carry = \"replay\"\n");
    let topic = first_line(&world);
    approved_by_two(&world, &topic);
    world.main_moves(&[("net/lines", &lines("1", "nine"))]);
    let dana = merge(&world, &topic);
    dana.write("net/lines", lines("one", "nine, and more"));
    dana.git(&["commit", "-q", "-a", "--amend", "--no-edit"]);
    let refused = dana.push(&["merged:main"]);
    refused.refused(&["review-approval-missing"]);
    assert!(refused.err.contains("not covered: net/lines"), "{refused}");
    merge(&world, &topic).push(&["merged:main"]).accepted();
}

#[test]
fn squashed_and_picked_changes_need_no_new_approval() {
    let world = with_lines("");
    let topic = first_line(&world);
    approved_by_two(&world, &topic);
    world.main_moves(&[("net/other", "elsewhere\n")]);
    let dana = world.person("dana");
    dana.topic("picked");
    dana.git(&["cherry-pick", &topic]);
    dana.git(&["commit", "-q", "--amend", "-m", "Another message"]);
    dana.push(&["picked:main"]).accepted();
}

#[test]
fn one_set_of_approvals_covers_the_whole_push_or_each_step_has_its_own() {
    let world = World::with(&review_only(""), &structure());
    let dana = world.person("dana");
    dana.topic("steps");
    let base = dana.git(&["rev-parse", "origin/main"]);
    let mut steps = Vec::new();
    for step in ["one", "two", "three"] {
        dana.write(&format!("net/{step}"), step);
        steps.push(dana.commit(step));
    }
    dana.push(&["steps"]).accepted();
    let [one, two, three] = steps.as_slice() else { panic!("three steps") };
    dana.push(&["steps:main"]).refused(&["review-approval-missing"]);
    // One landing of its own, and two more as one group.
    for (by, roles) in [("cleo", "reviewer"), ("ben", "maintainer")] {
        say(&world, by, &Draft::approval(&base, one, roles));
    }
    let refused = dana.push(&["steps:main"]);
    refused.refused(&["review-approval-missing"]);
    assert!(!refused.err.contains("\"one\""), "what is approved is not asked for: {refused}");
    for (by, roles) in [("cleo", "reviewer"), ("ben", "maintainer")] {
        say(&world, by, &Draft::approval(one, three, roles));
    }
    dana.push(&["steps:main"]).accepted();
    assert_eq!(world.on_server("refs/heads/main").as_ref(), Some(three));
    // Back again: one set over all of it.
    world.server_git(&["update-ref", "refs/heads/main", &base]);
    dana.topic("more");
    dana.write("net/four", "4");
    dana.commit("four");
    dana.write("net/five", "5");
    let five = dana.commit("five");
    dana.push(&["more"]).accepted();
    approved_by_two(&world, &five);
    dana.push(&["more:main"]).accepted();
    assert_ne!(two, three);
}

#[test]
fn a_step_of_a_push_is_not_covered_by_approvals_of_another_step() {
    let world = World::with(&review_only(""), &structure());
    let dana = world.person("dana");
    dana.topic("steps");
    dana.write("net/one", "1");
    let one = dana.commit("one");
    dana.write("net/two", "2");
    dana.commit("two");
    dana.push(&["steps"]).accepted();
    approved_by_two(&world, &one);
    let refused = dana.push(&["steps:main"]);
    refused.refused(&["review-approval-missing"]);
    assert!(refused.err.contains("\"two\"") && !refused.err.contains("\"one\""), "{refused}");
}

#[test]
fn an_approval_is_spent_when_its_change_has_landed() {
    let world = World::with(&review_only(""), &structure());
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    approved_by_two(&world, &commit);
    dana.push(&["retry:main"]).accepted();
    dana.topic("revert");
    dana.git(&["revert", "--no-edit", &commit]);
    let revert = dana.head();
    dana.push(&["revert"]).accepted();
    approved_by_two(&world, &revert);
    dana.push(&["revert:main"]).accepted();
    dana.topic("again");
    dana.git(&["cherry-pick", "--allow-empty", &commit]);
    let again = dana.head();
    dana.push(&["again"]).accepted();
    let refused = dana.push(&["again:main"]);
    refused.refused(&["review-approval-missing"]);
    assert!(refused.err.contains("spent: the change landed with"), "{refused}");
    approved_by_two(&world, &again);
    dana.push(&["again:main"]).accepted();
}

#[test]
fn approvals_end_with_their_period_and_do_not_begin_in_the_future() {
    let world = World::with(&review_only("approval-max-age = \"60d\"\n"), &structure());
    let base = world.on_server("refs/heads/main").expect("main");
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    world.person("cleo").approves(&commit);
    let ben = || Draft::approval(&base, &commit, "maintainer");
    for (draft, says) in [
        (ben().at(-40 * 24).until(-10 * 24), "but that ended on"),
        (ben().at(-61 * 24).until(24), "but that ended on"),
        (ben().at(1).until(24), "which is still to come"),
    ] {
        say(&world, "ben", &draft);
        let refused = dana.push(&["retry:main"]);
        refused.refused(&["review-maintainer-missing"]);
        assert!(refused.err.contains(says), "{says}: {refused}");
    }
    say(&world, "ben", &ben().at(-59 * 24).until(1));
    dana.push(&["retry:main"]).accepted();
}

#[test]
fn a_role_that_was_not_signed_for_does_not_count() {
    let world = World::with(&review_only(""), &structure());
    let base = world.on_server("refs/heads/main").expect("main");
    let dana = world.person("dana");
    let commit = dana.propose("retry");
    world.person("cleo").approves(&commit);
    say(&world, "ben", &Draft::approval(&base, &commit, "reviewer"));
    dana.push(&["retry:main"]).refused(&["review-maintainer-missing"]);
    say(&world, "ben", &Draft::approval(&base, &commit, "maintainer"));
    dana.push(&["retry:main"]).accepted();
}

#[test]
fn what_was_taken_back_or_objected_to_does_not_carry_over_in_a_trailer() {
    // Said before the branch moved on within the same file, or after.
    for (args, before) in
        [(&["withdraw"][..], true), (&["withdraw"], false), (&["reject", "-m", "wait"], true)]
    {
        let world = with_lines("carry = \"replay\"\n");
        let topic = first_line(&world);
        approved_by_two(&world, &topic);
        let ben = world.person("ben");
        let moves = || world.main_moves(&[("net/lines", &lines("1", "nine"))]);
        if !before {
            moves();
        }
        let mut command = args.to_vec();
        command.extend([topic.as_str(), "--push"]);
        ben.refgate(&command).accepted();
        if before {
            moves();
        }
        let code = if args.len() == 1 { "review-maintainer-missing" } else { "review-rejected" };
        merge(&world, &topic).push(&["merged:main"]).refused(&[code]);
    }
}
