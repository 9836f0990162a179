//! Ref patterns against git itself: a pattern without wildcards is a name that git takes.

use std::process::Stdio;

use refgate::policy::refs::{RefPattern, RefPatternError};

#[expect(clippy::disallowed_methods, reason = "a test compares with the program itself")]
fn git_takes(name: &str) -> bool {
    let status = std::process::Command::new("git")
        .args(["check-ref-format", name])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("git must be installed (Debian package git)");
    let code = status.code();
    assert!(matches!(code, Some(0 | 1)), "git check-ref-format {name:?} ended with {code:?}");
    code == Some(0)
}

#[test]
fn names_that_git_takes_are_patterns_and_no_others() {
    let components = [
        "main",
        "a.b",
        "a..b",
        ".a",
        "a.",
        "a.lock",
        "a.lockx",
        ".lock",
        "a b",
        "a~1",
        "a^",
        "a:b",
        "@",
        "@{",
        "a@{b",
        "a@b",
        "{a}",
        "-a",
        "a-",
        "HEAD",
        "x.lock/y",
        "a//b",
        "/a",
        "a/",
        "",
        ".",
        "..",
        "a/.b",
        "a/b.",
        "\u{e9}t\u{e9}",
        "#1",
        "a'b",
        "a\"b",
        "a|b",
        "a&b",
        "a<b",
        "a>b",
        "a;b",
        "a$b",
        "!a",
        "a,b",
        "a=b",
        "a%b",
        "a+b",
        "a(b)",
        "a`b",
        "a?b",
        "a[b",
        "a]b",
        "a\\b",
    ];
    for component in components {
        for name in [format!("refs/heads/{component}"), format!("refs/tags/v1/{component}")] {
            let taken = match RefPattern::parse(&name) {
                Ok(pattern) => {
                    assert!(pattern.matches(name.as_bytes()), "{name:?}");
                    true
                }
                Err(RefPatternError::NoRefName | RefPatternError::OtherWildcard) => false,
                Err(other) => panic!("{name:?}: {other}"),
            };
            assert_eq!(taken, git_takes(&name), "{name:?}");
        }
    }
}
