//! A real nginx with basic auth before a real `git http-backend`.

use crate::support::service::{Service, free_port, program};
use crate::support::world::{Person, World, structure};
use crate::support::{command, output, run};
use crate::threats_refs::REVIEW;

struct Http<'w> {
    world: &'w World,
    port: u16,
    _services: [Service; 2],
}

impl<'w> Http<'w> {
    /// Starts the servers as docs/servers/http.md sets them up.
    fn start(world: &'w World) -> Self {
        let dir = world.path("http");
        std::fs::create_dir(&dir).expect("made");
        let exec_path =
            String::from_utf8_lossy(&run(command("git").arg("--exec-path"))).trim().to_owned();
        let mut users = String::new();
        for name in ["ben", "cleo", "dana"] {
            users += &format!("{name}:{{PLAIN}}{name}-secret\n");
        }
        std::fs::write(dir.join("users"), users).expect("written");
        let port = free_port();
        let (here, root) = (dir.display(), world.path(".").canonicalize().expect("a directory"));
        let user = String::from_utf8_lossy(&run(command("id").arg("-un"))).trim().to_owned();
        let user = if user == "root" { "user root;\n" } else { "" };
        let config = format!(
            "{user}daemon off;\nworker_processes 1;\npid {here}/pid;\nerror_log {here}/error.log;\n\
             events {{}}\nhttp {{\n  access_log off;\n  client_max_body_size 0;\n  client_body_temp_path {here}/body;\n\
             fastcgi_temp_path {here}/fastcgi;\n  proxy_temp_path {here}/proxy;\n  uwsgi_temp_path {here}/uwsgi;\n  scgi_temp_path {here}/scgi;\n\
             server {{\n    listen 127.0.0.1:{port};\n    location / {{\n\
             auth_basic git;\n      auth_basic_user_file {here}/users;\n\
             fastcgi_param SCRIPT_FILENAME {exec_path}/git-http-backend;\n\
             fastcgi_param GIT_PROJECT_ROOT {root};\n      fastcgi_param GIT_HTTP_EXPORT_ALL 1;\n\
             fastcgi_param PATH_INFO $uri;\n      fastcgi_param QUERY_STRING $query_string;\n\
             fastcgi_param REQUEST_METHOD $request_method;\n      fastcgi_param CONTENT_TYPE $content_type;\n\
             fastcgi_param CONTENT_LENGTH $content_length;\n      fastcgi_param REMOTE_USER $remote_user;\n\
             fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding;\n\
             fastcgi_param GIT_PROTOCOL $http_git_protocol;\n\
             fastcgi_pass unix:{here}/socket;\n    }}\n  }}\n}}\n",
            root = root.display(),
        );
        std::fs::write(dir.join("nginx.conf"), config).expect("written");
        let mut wrap = command(program(&["/usr/sbin/fcgiwrap"], "fcgiwrap"));
        let socket = dir.join("socket");
        wrap.args(["-c", "4", "-s", &format!("unix:{}", socket.display())]);
        let mut wrap = Service::start(wrap.env("HOME", &dir));
        wrap.waits_for("socket", || socket.exists());
        let mut nginx = command(program(&["/usr/sbin/nginx"], "nginx-light"));
        nginx.arg("-e").arg(dir.join("error.log")).arg("-c").arg(dir.join("nginx.conf"));
        let mut nginx = Service::start(&mut nginx);
        nginx.answers_on(port);
        Self { world, port, _services: [nginx, wrap] }
    }

    fn person(&self, name: &'static str) -> Person<'w> {
        let person = self.world.person(name);
        let url = format!("http://{name}:{name}-secret@127.0.0.1:{}/server.git", self.port);
        person.git(&["remote", "set-url", "origin", &url]);
        person
    }
}

#[test]
fn a_change_from_clone_to_landing_over_http() {
    let world = World::with(REVIEW, &structure());
    let http = Http::start(&world);
    world.server_git(&["config", "receive.advertisePushOptions", "true"]);
    let dana = http.person("dana");
    let commit = dana.propose("retry");
    let url = dana.git(&["remote", "get-url", "origin"]);
    let stranger = url.trim().replace("dana-secret", "wrong");
    let denied = dana.try_git(&["push", &stranger, "retry:main"]);
    assert!(!denied.ok && denied.codes().is_empty(), "{denied}");
    // Headers of a client do not name it: the web server does.
    world.refuses(&["review-approval-missing"], || {
        dana.try_git(&[
            "-c",
            "http.extraHeader=Remote-User: ada",
            "push",
            "-o",
            "anything",
            "origin",
            "retry:main",
        ])
    });
    let exported = world.refgate(&world.server(), &["ledger", "export", "--format", "jsonl"]);
    let last = exported.out.lines().rfind(|line| line.contains("\"judged\":{")).expect("a record");
    assert!(last.contains("\"pusher\":{\"host\":\"plain\",\"name\":\"dana\"}"), "{last}");
    for name in ["cleo", "ben"] {
        let person = http.person(name);
        person.git(&["fetch", "-q", "origin"]);
        person.approves(&commit);
    }
    dana.git(&["fetch", "-q", "origin", "refs/notes/refgate/*:refs/notes/refgate/*"]);
    dana.push(&["retry:main"]).accepted();
    assert_eq!(world.on_server("refs/heads/main"), Some(commit));
}

#[test]
fn t131_a_signed_push_proves_itself_over_http() {
    let world = World::with(REVIEW, &structure());
    let http = Http::start(&world);
    world.server_git(&["config", "receive.certNonceSeed", "secret of this server"]);
    world.server_git(&["config", "receive.certNonceSlop", "60"]);
    let settings = world.server().join("refgate.toml");
    let good = std::fs::read_to_string(&settings).expect("settings");
    std::fs::write(&settings, format!("{good}\n[identity]\nrequire = \"signed-push\"\n"))
        .expect("written");
    let dana = http.person("dana");
    dana.propose("retry");
    world.refuses(&["trust-push-unsigned", "review-approval-missing"], || {
        dana.push(&["retry:main"])
    });
    world.refuses(&["review-approval-missing"], || {
        dana.try_git(&["push", "--signed", "origin", "retry:main"])
    });
}

/// From the first push to a landed change, over http, in a repository of SHA-256 objects.
#[test]
fn t153_a_sha256_repository_over_http() {
    let world = World::empty(&["--object-format=sha256"]);
    world.bootstrap(REVIEW, &structure());
    let http = Http::start(&world);
    let dana = http.person("dana");
    let commit = dana.propose("retry");
    assert_eq!(commit.len(), 64);
    world.refuses(&["review-approval-missing"], || dana.push(&["retry:main"]));
    for name in ["cleo", "ben"] {
        let person = http.person(name);
        person.git(&["fetch", "-q", "origin"]);
        person.approves(&commit);
    }
    dana.push(&["retry:main"]).accepted();
    assert_eq!(world.on_server("refs/heads/main"), Some(commit));
}

#[test]
fn several_refs_at_once_over_http_atomic_or_not() {
    let world = World::with(REVIEW, &structure());
    let http = Http::start(&world);
    let dana = http.person("dana");
    dana.topic("retry");
    dana.commit("Retry");
    for how in ["--atomic", "--no-atomic"] {
        world.refuses(&["review-maintainer-missing"], || {
            dana.try_git(&["push", how, "origin", "retry:side", "retry:main"])
        });
        dana.try_git(&["push", how, "origin", "retry:side", "retry:refs/heads/more"]).accepted();
        dana.push(&[":side", ":more"]).accepted();
    }
}

#[test]
fn t150_twenty_clients_at_once_over_http() {
    let world = World::with(REVIEW, &structure());
    let http = Http::start(&world);
    let dana = http.person("dana");
    let good = dana.propose("good");
    for name in ["cleo", "ben"] {
        let person = http.person(name);
        person.git(&["fetch", "-q", "origin"]);
        person.approves(&good);
    }
    dana.topic("bad");
    dana.write("net/up.rs", "fn bad() {}\n");
    dana.commit("Bad");
    let mut pushes: Vec<std::process::Command> = (0..20)
        .map(|at| {
            let refspec = match at % 4 {
                0 => "good:refs/heads/main".to_owned(),
                1 => "+bad:refs/heads/main".to_owned(),
                _ => format!("bad:refs/heads/side-{at}"),
            };
            let mut push = dana.command();
            push.args(["push", "origin", &refspec]);
            push
        })
        .collect();
    let said: Vec<bool> = std::thread::scope(|scope| {
        let running: Vec<_> =
            pushes.iter_mut().map(|push| scope.spawn(|| output(push).status.success())).collect();
        running.into_iter().map(|push| push.join().expect("a push")).collect()
    });
    for (at, ok) in said.iter().enumerate() {
        match at % 4 {
            0 => {}
            1 => assert!(!ok, "push {at} was not approved"),
            _ => assert!(ok, "push {at} to an unprotected branch"),
        }
    }
    assert_eq!(world.on_server("refs/heads/main"), Some(good));
    world.refgate(&world.server(), &["ledger", "verify"]).accepted();
    world.server_git(&["fsck", "--strict"]);
}
