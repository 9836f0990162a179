//! The recipes of docs/ci: the script with real tools, the others for what they run to attach.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::in_toto::python_tool;
use crate::support::world::{Person, Said, World, corpus};
use crate::support::{command, output, run};

/// Returns a page of docs/ci.
fn page(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ci").join(name)
}

/// Returns a path for programs: the scanners, refgate, git and a shell.
fn path() -> String {
    let refgate = Path::new(env!("CARGO_BIN_EXE_refgate"));
    let directories = [&python_tool("bandit"), refgate]
        .map(|file| file.parent().expect("a directory").to_string_lossy().into_owned());
    format!("{}:/usr/bin:/bin", directories.join(":"))
}

/// Returns the one block of a language on a page.
fn block(name: &str, language: &str) -> String {
    let text = std::fs::read_to_string(page(name)).expect(name);
    let mut blocks = text.split("```").filter_map(|block| block.strip_prefix(language));
    let one = blocks.next().expect(name).to_owned();
    assert!(blocks.next().is_none(), "{name} has two recipes");
    one
}

/// Reads a recipe in YAML with a strict reader, which bandit brings along.
fn yaml(world: &World, name: &str) -> Value {
    let file = world.path("recipe.yml");
    std::fs::write(&file, block(name, "yaml\n")).expect("written");
    let read = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
    let json = run(command(python_tool("python")).args(["-c", read]).arg(&file));
    serde_json::from_slice(&json).expect("JSON")
}

/// Returns what the step `Attach` of a job runs.
fn step(job: &Value) -> String {
    let steps = job["steps"].as_array().expect("steps");
    let step = steps.iter().find(|step| step["name"] == "Attach").expect("a step");
    step["run"].as_str().expect("a script").to_owned()
}

/// Returns the scripts of a pipeline for Jenkins.
fn groovy(text: &str) -> Vec<String> {
    let depth = |open, close| text.matches(open).count() - text.matches(close).count();
    assert_eq!((depth('{', '}'), depth('(', ')'), depth('[', ']')), (0, 0, 0), "{text}");
    let pieces: Vec<&str> = text.split("'''").collect();
    assert!(pieces.len() % 2 == 1, "an end of a script is missing: {text}");
    pieces.into_iter().skip(1).step_by(2).map(str::to_owned).collect()
}

/// Each recipe attaches what its tools wrote, run as it stands there by the shell that CI runs.
#[test]
fn every_recipe_attaches_to_the_commit_that_was_scanned() {
    for name in ["github.md", "gitea.md", "gitlab.md", "jenkins.md"] {
        let world = World::new();
        let script = match name {
            "github.md" => step(&yaml(&world, name)["jobs"]["attach"]),
            "gitea.md" => step(&yaml(&world, name)["jobs"]["scan"]),
            "gitlab.md" => {
                let recipe = yaml(&world, name);
                let lines = recipe["attach"]["script"].as_array().expect("a script");
                lines.iter().map(|line| line.as_str().expect("a line").to_owned() + "\n").collect()
            }
            _ => groovy(&block(name, "groovy\n")).pop().expect("a script"),
        };
        assert!(script.contains("refgate attach --push"), "{name}: {script}");
        let commit = world.person("dana").propose("retry");
        let ci = world.person("ci");
        ci.git(&["fetch", "-q", "origin"]);
        ci.git(&["checkout", "-q", "--detach", &commit]);
        ci.git(&["config", "--unset", "user.signingKey"]);
        for (report, of) in [
            ("sast.sarif", "sarif/bandit-1.9.4-clean-nofindings.sarif"),
            ("unit.xml", "junit/pytest-9.2.0-smoke-allpass.xml"),
        ] {
            std::fs::copy(corpus(of), ci.dir().join(report)).expect("copied");
        }
        let key = world.path("keys/ci");
        // GitHub and Gitea hand over the key, the others a file with it.
        let is_text = matches!(name, "github.md" | "gitea.md");
        let key = match is_text {
            true => std::fs::read_to_string(&key).expect("a key").trim_end().to_owned(),
            false => key.display().to_string(),
        };
        // What the recipe takes for the Git server is ours.
        let configuration = format!(
            "[url \"{}\"]\n\tinsteadOf = https://ci:token@git.example.org/payments/api.git\n",
            world.server().display()
        );
        std::fs::write(world.path(".gitconfig"), configuration).expect("written");
        let mut shell = command("bash");
        shell
            .args(["-e", "-c", &script])
            .current_dir(ci.dir())
            .env_remove("GIT_CONFIG_GLOBAL")
            .env("HOME", world.path(""))
            .env("RUNNER_TEMP", world.path(""))
            .env("PATH", path())
            .env("REFGATE_KEY", key);
        for (variable, value) in [
            ("REFGATE_TOKEN", "token"),
            ("REFGATE_PUSH_TOKEN", "token"),
            ("CI_SERVER_HOST", "git.example.org"),
            ("CI_PROJECT_NAME", "api"),
            ("CI_PROJECT_PATH", "payments/api"),
            ("GITHUB_REPOSITORY", "payments/api"),
            ("CI_COMMIT_SHA", &commit),
            ("GITHUB_SHA", &commit),
            ("GIT_COMMIT", &commit),
        ] {
            shell.env(variable, value);
        }
        let said: Said = output(&mut shell).into();
        said.accepted();
        assert!(said.out.contains("pushed refs/notes/refgate/evidence"), "{name}: {said}");
        let shown = world.person("ada").refgate(&["evidence", "show", "--format", "json", &commit]);
        let shown: Value = serde_json::from_str(&shown.out).expect("JSON");
        let counts: Vec<(&Value, &Value)> = shown["evidence"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|item| (&item["kind"], &item["counts"]))
            .collect();
        let counting = Value::Bool(true);
        let (sast, tests) = (Value::from("sast"), Value::from("tests:unit"));
        assert_eq!(counts, [(&sast, &counting), (&tests, &counting)], "{name}");
    }
}

/// A database of advisories that knows of none, for pip-audit.
fn no_advisories() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            // The body of the question is one JSON object.
            while !request.ends_with(b"}") {
                match stream.read(&mut buffer) {
                    Ok(0) | Err(_) => break,
                    Ok(n) => request.extend_from_slice(&buffer[..n]),
                }
            }
            let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
                          content-length: 2\r\nconnection: close\r\n\r\n{}";
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    format!("http://{address}/v1/query")
}

/// Runs docs/ci/attach.sh on what is checked out.
fn script(ci: &Person<'_>, advisories: &str) -> Said {
    let mut script = command("sh");
    script
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ci/attach.sh"))
        .arg("--push")
        .current_dir(ci.dir())
        .env("HOME", ci.dir())
        .env("PATH", path())
        .env("NO_PROXY", "127.0.0.1")
        .env("PIP_AUDIT_VULNERABILITY_SERVICE", "osv")
        .env("PIP_AUDIT_OSV_URL", advisories);
    output(&mut script).into()
}

#[test]
fn the_script_gets_a_commit_through_with_real_tools() {
    let world = World::new();
    let advisories = no_advisories();
    let dana = world.person("dana");
    dana.topic("calc");
    dana.write("net/README", "the reviewer of net/ approves it too\n");
    dana.write("requirements.txt", "packaging==24.1\n");
    dana.write(
        "src/calc.py",
        "import subprocess\n\n\ndef add(a, b):\n    return subprocess.call(a + b, shell=True)\n",
    );
    for suite in ["unit", "integration", "smoke"] {
        dana.write(
            &format!("tests/{suite}/test_{suite}.py"),
            "def test_sum():\n    assert 1 + 1 == 2\n",
        );
    }
    let commit = dana.commit("Add a calculator");
    dana.push(&["calc"]).accepted();
    let ci = world.person("ci");
    let attach = |commit: &str| {
        ci.git(&["fetch", "-q", "origin"]);
        ci.git(&["checkout", "-q", "--detach", commit]);
        let said = script(&ci, &advisories);
        said.accepted();
        said
    };
    let said = attach(&commit);
    assert!(said.err.contains("gate scan will refuse it"), "{said}");
    for who in ["cleo", "ben", "ada"] {
        world.person(who).approves(&commit);
    }
    dana.push(&["calc:main"]).refused(&["scan-finding-open"]);
    dana.write("src/calc.py", "def add(a, b):\n    return a + b\n");
    dana.git(&["commit", "-q", "-a", "--amend", "-m", "Add a calculator"]);
    dana.push(&["+calc"]).accepted();
    let commit = dana.head();
    let said = attach(&commit);
    assert!(!said.err.contains("warning: "), "{said}");
    for who in ["cleo", "ben", "ada"] {
        world.person(who).approves(&commit);
    }
    dana.push(&["calc:main"]).accepted();
    assert_eq!(world.on_server("refs/heads/main"), Some(commit));
}
