//! Tests of the project itself: what review would have to watch for ever.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use refgate::violation::Violation;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files_below(directory: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![root().join(directory)];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(&directory)
            .expect("a directory")
            .map(|entry| entry.expect("an entry").path())
        {
            if entry.is_dir() {
                pending.push(entry);
            } else if entry.extension().is_some_and(|found| found == extension) {
                found.push(entry);
            }
        }
    }
    found.sort();
    found
}

/// The code of a file without its unit tests, comments and documentation.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("a source file");
    let body = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
    body.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Gates, verdict, violations, policy, evidence and signatures decide: they reach no
/// file, clock, process, environment or network, and know no repository.
#[test]
fn pure_modules_import_no_edge() {
    let forbidden = [
        "std::fs",
        "std::env",
        "std::process",
        "std::net",
        "SystemTime::now",
        "Instant::now",
        "std::thread",
        "crate::exec",
        "crate::env",
        "crate::repo::objects",
        "crate::repo::refs",
        "crate::repo::layout",
        "crate::repo::view",
        "crate::client",
        "crate::cli",
        "crate::collect",
        "crate::judge",
        "crate::snapshot",
        "clock::now",
        "println!",
        "eprintln!",
    ];
    let mut pure = vec![root().join("src/verdict.rs"), root().join("src/settings.rs")];
    for directory in ["src/gate", "src/violation", "src/policy", "src/evidence", "src/signature"] {
        pure.extend(files_below(directory, "rs"));
    }
    for path in pure.iter().filter(|path| {
        !path.ends_with("tests.rs") && !path.components().any(|c| c.as_os_str() == "tests")
    }) {
        let code = code(path);
        for word in forbidden {
            assert!(!code.contains(word), "{} uses {word}", path.display());
        }
    }
}

/// The git library has one door.
#[test]
fn the_git_library_stays_behind_its_module() {
    for path in files_below("src", "rs") {
        let code = code(&path);
        let inside = |directory: &str| path.starts_with(root().join(directory));
        let uses_gix =
            ["gix::", "gix_merge::", "gix_revision::"].iter().any(|name| code.contains(name));
        // Ids are gix's; patterns use its glob and name rules, which read nothing.
        let allowed = ["src/repo", "src/id.rs", "src/policy", "src/settings.rs"]
            .iter()
            .any(|place| inside(place));
        assert!(!uses_gix || allowed, "{} uses gix", path.display());
    }
}

/// Judging starts no program: only the client, the administrator's commands and the audit do, and the hook for a hook
/// that was there before it, and for the secret of signed pushes.
#[test]
fn programs_are_started_by_the_client_and_for_kept_hooks_alone() {
    for path in files_below("src", "rs") {
        let starts = ["exec::", "process::Command", "Command::new"]
            .iter()
            .any(|word| code(&path).contains(word));
        let allowed = [
            "src/exec.rs",
            "src/client",
            "src/cli/hook.rs",
            "src/cli/init.rs",
            "src/cli/doctor",
            // git on the server: for an administrator, and for the secret of signed pushes.
            "src/cli/server.rs",
            "src/cli/nonce.rs",
            // An archive is unpacked into a repository that git makes.
            "src/audit/archive.rs",
        ]
        .iter()
        .any(|place| path.starts_with(root().join(place)));
        assert!(!starts || allowed, "{} starts programs", path.display());
    }
    let hook = code(&root().join("src/cli/hook.rs"));
    assert_eq!(hook.matches("Run::new(").count(), 1, "the hook starts kept hooks and nothing else");
}

/// Only the snapshot vouches for values, only the verdict makes an `Accepted`, and only the hook consumes one.
#[test]
fn trust_and_acceptance_have_one_source_each() {
    for path in files_below("src", "rs") {
        let code = code(&path);
        let is = |file: &str| path == root().join(file);
        assert!(!code.contains("::vouch(") || is("src/snapshot.rs"), "{} vouches", path.display());
        assert!(
            !code.contains("Accepted(())") || is("src/verdict.rs"),
            "{} accepts",
            path.display()
        );
    }
}

#[test]
fn every_code_has_a_page_and_a_line_in_the_changelog() {
    let changelog = read("CHANGELOG.md");
    let pages: Vec<&str> = refgate::explain::PAGES.iter().map(|(code, _)| *code).collect();
    assert_eq!(
        pages,
        Violation::codes(),
        "src/explain/mod.rs lists the pages in the order of the codes"
    );
    for code in Violation::codes() {
        assert!(changelog.contains(&format!("`{code}`")), "CHANGELOG.md does not name {code}");
    }
}

/// Every code is asserted by some test that judges something, not only rendered.
#[test]
fn every_code_is_provoked_by_a_test() {
    let mut tests = String::new();
    for path in
        files_below("tests/suite", "rs").into_iter().filter(|path| !path.ends_with("tidy.rs"))
    {
        tests += &std::fs::read_to_string(path).expect("a test file");
    }
    for path in files_below("src/gate", "rs")
        .into_iter()
        .filter(|path| path.ends_with("tests.rs") || path.ends_with("testkit.rs"))
    {
        tests += &std::fs::read_to_string(path).expect("a test file");
    }
    let missing: Vec<&str> = Violation::codes()
        .into_iter()
        .filter(|code| !tests.contains(&format!("\"{code}\"")))
        .collect();
    assert!(missing.is_empty(), "no test provokes {missing:?}");
}

#[test]
fn no_test_file_is_forgotten() {
    let main = read("tests/suite/main.rs");
    for entry in std::fs::read_dir(root().join("tests/suite")).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if name != "main" && name != "snapshots" {
            assert!(
                main.contains(&format!("mod {name};")),
                "tests/suite/main.rs does not name {name}"
            );
        }
    }
}

/// A story that nobody listens to goes wrong unnoticed.
#[test]
fn every_testrepo_is_used_by_a_test_and_says_what_is_special_about_it() {
    let tests = read("tests/suite/testrepos.rs");
    let scripts = files_below("testrepos", "sh");
    assert!(!scripts.is_empty());
    for path in scripts.iter().filter(|path| !path.ends_with("lib.sh")) {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(tests.contains(&format!("\"{name}\"")), "no test uses testrepos/{name}.sh");
        let head: String = read(path).lines().take_while(|line| line.starts_with('#')).collect();
        assert!(head.contains("Special: "), "testrepos/{name}.sh does not say what is special");
    }
}

/// What people read on the channel is ASCII; letters of foreign text are another matter.
#[test]
fn our_own_messages_are_ascii() {
    for path in files_below("src/report", "rs").into_iter().chain(files_below("src/explain", "md"))
    {
        let text = if path.extension().is_some_and(|e| e == "rs") {
            code(&path)
        } else {
            std::fs::read_to_string(&path).expect("a page")
        };
        let odd: Vec<&str> = text.lines().filter(|line| !line.is_ascii()).collect();
        let allowed = path.ends_with("report/text.rs");
        assert!(odd.is_empty() || allowed, "{}: {odd:?}", path.display());
    }
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest = read("Cargo.toml");
    let mut in_dependencies = false;
    let mut commented = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_dependencies = line.contains("dependencies]");
        } else if line.starts_with('#') {
            commented = true;
            continue;
        } else if in_dependencies && line.contains(" = ") && !line.starts_with(' ') {
            assert!(commented, "no reason is given for {line}");
        }
        // Two that belong together may share one comment.
        if line.is_empty() {
            commented = false;
        }
    }
}

/// Nothing that is shipped knows the machine that it was written on.
#[test]
fn no_path_of_a_machine_is_in_the_project() {
    let mut files: BTreeSet<PathBuf> = BTreeSet::new();
    for (directory, extension) in [
        ("src", "rs"),
        ("src", "md"),
        ("docs", "md"),
        ("tests/suite", "rs"),
        ("benches", "rs"),
        ("testrepos", "sh"),
        ("demo", "sh"),
        ("fuzz/src", "rs"),
    ] {
        if root().join(directory).exists() {
            files.extend(files_below(directory, extension));
        }
    }
    for name in [
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "install.sh",
        "hooks/pre-receive",
        "hooks/update",
        ".ci/run",
        "tests/run.sh",
        "fuzz/run.sh",
        "fuzz/instrument.sh",
        "Cargo.toml",
    ] {
        if root().join(name).exists() {
            files.insert(root().join(name));
        }
    }
    let home = ["/ro", "ot/"].concat();
    let work = ["/wo", "rk/"].concat();
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a text file");
        assert!(!text.contains(&home) && !text.contains(&work), "{}", path.display());
    }
}

/// The page about limits says what the code does.
#[test]
fn the_documented_limits_are_the_defaults() {
    let page = read("docs/limits.md");
    let limits = refgate::limits::Limits::default();
    let debug = format!("{limits:?}");
    let fields = debug.trim_start_matches("Limits { ").trim_end_matches(" }").split(", ");
    for field in fields {
        let (name, value) = field.split_once(": ").expect("a field");
        let name = name.replace('_', "-");
        let row = page
            .lines()
            .find(|line| line.starts_with(&format!("| `{name}` |")))
            .unwrap_or_else(|| panic!("{name} is not documented"));
        let shown = row.split('|').nth(2).expect("a value").trim().replace(',', "");
        let shown = match shown.strip_suffix(" MiB") {
            Some(mebibytes) => (mebibytes.parse::<u64>().expect("a number") << 20).to_string(),
            None => shown,
        };
        assert_eq!(shown, value, "{name}");
    }
}

/// Links between the pages lead somewhere, headings included.
#[test]
fn links_between_pages_lead_somewhere() {
    let anchor = |heading: &str| -> String {
        let kept = heading.to_lowercase();
        kept.chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect()
    };
    let link = regex::Regex::new(r"\]\(([^)\s]+)\)").expect("a pattern");
    let mut pages = files_below("docs", "md");
    pages.extend(["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(|name| root().join(name)));
    for page in pages {
        let text = std::fs::read_to_string(&page).expect("a page");
        for target in link.captures_iter(&text).filter_map(|found| found.get(1)) {
            let target = target.as_str();
            if target.contains("://") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let there = if file.is_empty() {
                page.clone()
            } else {
                page.parent().expect("a directory").join(file)
            };
            assert!(there.exists(), "{}: {target} leads nowhere", page.display());
            let headings = || std::fs::read_to_string(&there).expect("a page");
            assert!(
                heading.is_empty()
                    || headings().lines().any(|line| {
                        line.starts_with('#')
                            && anchor(line.trim_start_matches('#').trim()) == heading
                    }),
                "{}: {target} names no heading",
                page.display()
            );
        }
    }
}
