//! The pages for administrators, run as they stand: every block that is marked, in order, as root, in a place
//! where `/etc`, `/usr/local`, `/srv` and the like are this test's own (mount namespaces, as containers have them).
//!
//! A block says what it is behind its language: `run` is executed and must succeed, `run fails` must fail,
//! `file=PATH` is written and `append=PATH` added, `shown` is only shown. A word behind `run` makes it one of several ways.

use std::path::{Path, PathBuf};

use crate::support::root::require_root;
use crate::support::world::{CONFIG, Said, World, structure};
use crate::support::{command, output, run};
use crate::threats_refs::REVIEW;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a block is for.
#[derive(Debug, PartialEq, Eq)]
enum Block {
    Run { fails: bool, way: String },
    Write { append: bool, path: String },
    Shown,
}

fn block(info: &str) -> Option<Block> {
    let mut words = info.split_whitespace().skip(1);
    let first = words.next()?;
    if let Some(path) = first.strip_prefix("file=") {
        return Some(Block::Write { append: false, path: path.into() });
    }
    if let Some(path) = first.strip_prefix("append=") {
        return Some(Block::Write { append: true, path: path.into() });
    }
    match (first, words.next()) {
        ("shown", None) => Some(Block::Shown),
        ("run", None) => Some(Block::Run { fails: false, way: String::new() }),
        ("run", Some("fails")) => Some(Block::Run { fails: true, way: String::new() }),
        ("run", Some(way)) => Some(Block::Run { fails: false, way: way.into() }),
        _ => None,
    }
}

/// The blocks of a page with their texts.
fn blocks(page: &str) -> Vec<(Block, String)> {
    let text = std::fs::read_to_string(root().join("docs").join(page)).expect("a page");
    let mut found = Vec::new();
    let mut lines = text.lines();
    let mut last = "";
    while let Some(line) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            let kind = block(info)
                .unwrap_or_else(|| panic!("{page}: ```{info} does not say what it is for"));
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            found.push((kind, body.join("\n") + "\n"));
        }
        // Nothing is left out because it is set in another way.
        assert!(!(line.starts_with("    ") && last.is_empty()), "{page}: {line:?} is in no block");
        last = line;
    }
    found
}

/// A page as a script, with words of it replaced and commands of the test behind blocks that hold a word.
struct Script<'t> {
    page: &'t str,
    way: &'t str,
    replaced: Vec<(&'t str, String)>,
    behind: Vec<(&'t str, String)>,
}

impl Script<'_> {
    fn text(&self) -> String {
        let mut script = String::from("set -eu\n");
        let mut used = vec![false; self.behind.len()];
        for (at, (kind, body)) in blocks(self.page).into_iter().enumerate() {
            let mut body = body;
            for (from, to) in &self.replaced {
                body = body.replace(from, to);
            }
            let step = format!("echo '== {} block {at}' >&2\n", self.page);
            match &kind {
                Block::Shown => continue,
                Block::Run { way, .. } if !way.is_empty() && way != self.way => continue,
                Block::Run { fails: false, .. } => script += &format!("{step}{body}"),
                Block::Run { fails: true, .. } => {
                    script += &format!(
                        "{step}if ( {body} ); then echo 'it should fail' >&2; exit 9; fi\n"
                    );
                }
                Block::Write { append, path } => {
                    let to = if *append { ">>" } else { ">" };
                    script += &format!(
                        "{step}mkdir -p \"$(dirname {path})\"\ncat {to}{path} <<'END_OF_BLOCK'\n{body}END_OF_BLOCK\n"
                    );
                }
            }
            for ((word, commands), used) in self.behind.iter().zip(&mut used) {
                if body.contains(word) && !*used {
                    *used = true;
                    script += &format!("echo '== test behind {word}' >&2\n{commands}\n");
                }
            }
        }
        assert!(
            used.iter().all(|used| *used),
            "{}: not all of {:?} were found",
            self.page,
            self.behind
        );
        script
    }
}

/// A machine of the test's own: what is written to the system's places is gone afterwards.
const MACHINE: &str = r#"
set -eu
umask 022
mount -t tmpfs -o mode=755 none /mnt
for place in etc usr/local opt var/lib var/opt root home; do
    name=$(echo "$place" | tr / -)
    mkdir -p "/$place" "/mnt/$name/up" "/mnt/$name/work"
    mount -t overlay -o "lowerdir=/$place,upperdir=/mnt/$name/up,workdir=/mnt/$name/work" none "/$place"
done
for place in srv run; do mount -t tmpfs -o mode=755 none "/$place"; done
rm -rf /etc/refgate /etc/ssh/sshd_config.d/refgate.conf
# As on a machine of its own, where nobody has put configuration for git.
unset GIT_CONFIG_NOSYSTEM GIT_CONFIG_GLOBAL XDG_CONFIG_HOME
export HOME=/root USER=root
rm -f "$HOME/.gitconfig"
export PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin
mkdir -p /opt/source
cp "$BINARY" /opt/source/refgate
chmod -R a+rX /opt/source
cd /opt/source
# ./install.sh of the page: of this source, with the binary that is built already.
printf '#!/bin/sh\nexec sh "%s/install.sh" --binary /opt/source/refgate "$@"\n' "$SOURCE" >install.sh
chmod 755 install.sh
"#;

/// Runs a script on a machine of its own.
fn on_a_machine(world: &World, script: &str) -> Said {
    require_root();
    crate::support::root::open_up(&world.path("."));
    let file = world.path("page.sh");
    std::fs::write(&file, format!("{MACHINE}\n{script}")).expect("written");
    let mut unshare = command("unshare");
    unshare.args([
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "--propagation",
        "private",
        "sh",
    ]);
    unshare.arg(&file).env("BINARY", env!("CARGO_BIN_EXE_refgate")).env("SOURCE", root());
    unshare.env("WORLD", world.path("."));
    output(&mut unshare).into()
}

/// A refgate that is there already, for pages that begin with one.
const INSTALLED: &str = "mkdir -p /usr/local/bin; cp /opt/source/refgate /usr/local/bin/refgate\n";

/// Ada's first push, and then one of dana's that must be refused for the lack of approvals.
fn pushes(ada: &str, dana: &str, url: &str) -> String {
    format!(
        "cd \"$WORLD\"\n{ada} git -c safe.directory='*' -C ada push {url} main:main\n\
         if {dana} git -c safe.directory='*' -C dana push {url} retry:main 2>refused; then cat refused >&2; exit 9; fi\n\
         cat refused >&2; grep -q 'review-approval-missing' refused\n"
    )
}

/// A world whose ada has the first push ready, and dana a change.
fn ready() -> World {
    let world = World::with(REVIEW, &structure());
    world.person("dana").propose("retry");
    world
}

#[test]
fn bare_repositories_behind_openssh() {
    let world = ready();
    let key = |name: &str| {
        std::fs::read_to_string(world.path("keys").join(format!("{name}.pub")))
            .expect("a key")
            .trim()
            .to_owned()
    };
    let port = crate::support::service::free_port();
    let ssh = |name: &str| {
        format!(
            "env GIT_SSH_COMMAND='ssh -F none -i {} -o IdentitiesOnly=yes -o BatchMode=yes \
             -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR'",
            world.path("keys").join(name).display()
        )
    };
    let url = format!("ssh://git@127.0.0.1:{port}/srv/git/app.git");
    let page = Script {
        page: "servers/plain-ssh.md",
        way: "",
        replaced: vec![
            ("ssh-ed25519 AAAA...", key("ada")),
            ("SHA256:...", world.fingerprint("ada")),
        ],
        behind: vec![
            // Another person, as the page says for each key.
            (
                "chmod -R go=",
                format!(
                    "echo 'restrict,environment=\"REFGATE_USER=dana\" {}' >>/srv/git/.ssh/authorized_keys",
                    key("dana")
                ),
            ),
            (
                "-t",
                format!(
                    "[ -e /etc/ssh/ssh_host_ed25519_key ] || ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key\n\
                     $sshd -p {port} -o PidFile=none -E /run/sshd.log"
                ),
            ),
        ],
    };
    let script = format!(
        "{}\n{}\n\
         grep -q '\"pusher\":{{\"host\":\"plain\",\"name\":\"dana\",\"key\":' /srv/git/app.git/refgate/ledger.jsonl\n\
         # Signed pushes, with the hook as an account without rights of root.\n\
         runuser -u git -- git --git-dir /srv/git/app.git config receive.certNonceSeed secret\n\
         printf '\\n[identity]\\nrequire = \"signed-push\"\\n' >>/srv/git/app.git/refgate.toml\n\
         if {} git -c safe.directory='*' -C dana push --signed {url} retry:main 2>signed; then exit 9; fi\n\
         cat signed >&2; grep -q review-approval-missing signed; if grep -q trust- signed; then exit 9; fi\n\
         # Nobody has a shell, and a repository that is made now has the hook.\n\
         if {} ssh -F none -i \"$WORLD/keys/dana\" -p {port} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null git@127.0.0.1 id; then exit 9; fi\n\
         runuser -u git -- git init -q --bare /srv/git/new.git\n\
         test -x /srv/git/new.git/hooks/pre-receive\n\
         refgate install --yes --all-under /srv/git --trust-root {}\n\
         refgate doctor --all-under /srv/git\n",
        page.text(),
        pushes(&ssh("ada"), &ssh("dana"), &url),
        ssh("dana"),
        "env",
        world.fingerprint("ada"),
    );
    let said = on_a_machine(&world, &script);
    said.accepted();
    assert!(
        said.out.contains("git receive-pack refused an unsigned commit to refs/heads/main"),
        "{said}"
    );
}

#[test]
fn bare_repositories_behind_http() {
    let world = ready();
    let port = crate::support::service::free_port();
    let backend =
        String::from_utf8_lossy(&run(command("git").arg("--exec-path"))).trim().to_owned();
    let page = Script {
        page: "servers/http.md",
        way: "",
        replaced: vec![
            ("/usr/lib/git-core/git-http-backend", format!("{backend}/git-http-backend")),
            ("127.0.0.1:8418", format!("127.0.0.1:{port}")),
            ("SHA256:...", world.fingerprint("ada")),
        ],
        behind: vec![
            (
                "nginx -t",
                "printf 'dana:%s\\n' \"$(openssl passwd -apr1 dana-secret)\" >>/etc/nginx/git-users\n\
                 cd / && HOME=/srv/git runuser -u git -- sh -c 'umask 0; fcgiwrap -c 4 -s unix:/srv/git/fcgi' & \n\
                 for try in 1 2 3 4 5 6 7 8 9; do [ -S /srv/git/fcgi ] || sleep 1; done\n\
                 ln -s /srv/git/fcgi /run/git-fcgi.socket; chmod 777 /srv/git/fcgi\n\
                 sed -i '/^user /d' /etc/nginx/nginx.conf; sed -i '1i user git;' /etc/nginx/nginx.conf\n\
                 nginx; cd /opt/source"
                    .to_owned(),
            ),
        ],
    };
    let url = |who: &str| format!("http://{who}:{who}-secret@127.0.0.1:{port}/app.git");
    let script = format!(
        "{}\ncd \"$WORLD\"\ngit -c safe.directory='*' -C ada push {} main:main\n\
         if git -c safe.directory='*' -C dana push {} retry:main 2>refused; then exit 9; fi\n\
         cat refused >&2; grep -q review-approval-missing refused\n\
         grep -q '\"pusher\":{{\"host\":\"plain\",\"name\":\"dana\"}}' /srv/git/app.git/refgate/ledger.jsonl\n\
         nginx -s stop\n",
        page.text(),
        url("ada"),
        url("dana"),
    );
    let said = on_a_machine(&world, &script);
    said.accepted();
}

#[test]
fn gitolite_as_its_hosting_user() {
    let world = ready();
    let page = Script {
        page: "servers/gitolite.md",
        way: "",
        replaced: vec![("SHA256:...", world.fingerprint("ada"))],
        behind: vec![],
    };
    std::fs::write(world.path("gitolite.sh"), page.text()).expect("written");
    let forced = |name: &str| {
        format!(
            "env GIT_SSH_VARIANT=ssh GIT_SSH_COMMAND='sh {} {name}'",
            world.path("forced-command").display()
        )
    };
    std::fs::write(
        world.path("forced-command"),
        "who=$1; while [ $# -gt 1 ]; do shift; done\n\
         exec runuser -u hosting -- env -i HOME=/home/hosting USER=hosting PATH=\"$PATH\" SSH_ORIGINAL_COMMAND=\"$1\" \
         SSH_CONNECTION='127.0.0.1 1 127.0.0.1 22' /usr/share/gitolite3/gitolite-shell \"$who\"\n",
    )
    .expect("written");
    let script = format!(
        "{INSTALLED}adduser --quiet --system --group --shell /bin/sh --home /home/hosting hosting\n\
         as_hosting() {{ runuser -u hosting -- env HOME=/home/hosting USER=hosting \"$@\"; }}\n\
         cp \"$WORLD/keys/ada.pub\" /tmp/refgate-ada.pub; chmod 644 /tmp/refgate-ada.pub; cd /home/hosting\n\
         as_hosting git config --global init.defaultBranch master\n\
         as_hosting gitolite setup -pk /tmp/refgate-ada.pub; rm /tmp/refgate-ada.pub\n\
         as_hosting sh \"$WORLD/gitolite.sh\"\n{}",
        pushes(&forced("ada"), &forced("dana"), "git@gitolite:app"),
    );
    on_a_machine(&world, &script).accepted();
}

#[test]
fn gitea_and_forgejo_in_their_layouts() {
    let world = ready();
    for (way, repositories, program) in [
        ("gitea", "/var/lib/gitea/data/gitea-repositories", "gitea"),
        ("forgejo", "/var/lib/forgejo/data/forgejo-repositories", "forgejo"),
    ] {
        let page = Script {
            page: "servers/gitea.md",
            way,
            replaced: vec![("SHA256:...", world.fingerprint("ada"))],
            behind: vec![],
        };
        // As their sources write them: see tests/suite/host_layouts.rs.
        let hooks = if way == "gitea" {
            format!("{repositories}/org/app.git/hooks")
        } else {
            "/var/lib/forgejo/data/home/hooks".to_owned()
        };
        let script = format!(
            "{INSTALLED}adduser --quiet --system --group --home /home/git git\n\
             mkdir -p {repositories}/org {hooks}; chown -R git:git /var/lib/{program}; cd /\n\
             runuser -u git -- git init -q --bare -b main {repositories}/org/app.git\n\
             if [ {way} = forgejo ]; then runuser -u git -- git config -f /var/lib/forgejo/data/home/.gitconfig core.hooksPath {hooks}; fi\n\
             for hook in pre-receive update post-receive; do\n\
             mkdir -p {hooks}/$hook.d\n\
             printf '#!/bin/sh\\ndata=$(cat)\\ncodes=\\nfor hook in $(dirname $0)/$(basename $0).d/*; do\\ntest -x \"$hook\" || continue\\n\
             echo \"$data\" | \"$hook\" \"$@\"\\ncodes=\"$codes $?\"\\ndone\\nfor i in $codes; do [ $i -eq 0 ] || exit $i; done\\n' >{hooks}/$hook\n\
             printf '#!/bin/sh\\n# /usr/local/bin/{program} hook\\nexit 0\\n' >{hooks}/$hook.d/gitea\n\
             chmod 755 {hooks}/$hook {hooks}/$hook.d/gitea\ndone; chown -R git:git /var/lib/{program}\n{}\n\
             as_git() {{ runuser -u git -- env HOME=\"$HOME\" GITEA_PUSHER_NAME=dana git -c safe.directory='*' \"$@\"; }}\n\
             cp -a \"$WORLD/ada\" \"$WORLD/dana\" /srv/; chown -R git:git /srv/ada /srv/dana\n\
             as_git -C /srv/ada push {repositories}/org/app.git main:main\n\
             if as_git -C /srv/dana push {repositories}/org/app.git retry:main 2>/srv/refused; then exit 9; fi\n\
             cat /srv/refused >&2; grep -q review-approval-missing /srv/refused\n\
             grep -q '\"host\":\"{way}\",\"name\":\"dana\"' {repositories}/org/app.git/refgate/ledger.jsonl\n",
            page.text(),
        );
        on_a_machine(&world, &script).accepted();
    }
}

#[test]
fn gitlab_for_all_projects_and_for_one() {
    let world = ready();
    let page = Script {
        page: "servers/gitlab.md",
        way: "",
        replaced: vec![("SHA256:...", world.fingerprint("ada"))],
        behind: vec![],
    };
    let project = "/var/opt/gitlab/git-data/repositories/@hashed/6b/86/6b86.git";
    let script = format!(
        "{INSTALLED}adduser --quiet --system --group --home /home/git git\n\
         mkdir -p $(dirname {project}); chown -R git:git /var/opt/gitlab; cd /\n\
         runuser -u git -- git init -q --bare -b main {project}\n{}\n\
         test -x {project}/custom_hooks/pre-receive.d/refgate\n\
         # The hook of all projects, as gitaly starts it.\n\
         cp -a \"$WORLD/server.git\" /srv/other.git; rm -rf /srv/other.git/hooks /srv/other.git/refgate*; chown -R git:git /srv/other.git\n\
         old=$(git --git-dir /srv/other.git rev-parse main); new=$(git --git-dir /srv/other.git rev-parse retry)\n\
         cd /srv/other.git\n\
         if echo \"$old $new refs/heads/main\" | runuser -u git -- env -i PATH=\"$PATH\" GIT_DIR=/srv/other.git GL_USERNAME=dana GL_PROTOCOL=web \
         /var/opt/gitlab/gitaly/custom_hooks/pre-receive.d/refgate 2>/srv/refused; then exit 9; fi\n\
         cat /srv/refused >&2; grep -q 'GL-HOOK-ERR: error.review-approval-missing' /srv/refused\n",
        page.text(),
    );
    on_a_machine(&world, &script).accepted();
}

/// The file system that the page packs, unpacked and entered: the hook judges in it.
#[test]
fn an_environment_of_github_enterprise_server() {
    let world = ready();
    let page = Script { page: "servers/ghes.md", way: "", replaced: vec![], behind: vec![] };
    // sh, git and what they load stand for the root file system that an administrator begins with.
    let script = format!(
        "{INSTALLED}mkdir -p /srv/work; cd /srv/work; mkdir environment\n\
         for program in sh cat env git refgate; do\n\
         file=$(readlink -f \"$(command -v $program)\"); mkdir -p environment/bin; [ $program = refgate ] || cp \"$file\" environment/bin/$program\n\
         for library in $(ldd \"$file\" 2>/dev/null | grep -o '/[^ ]*'); do mkdir -p environment$(dirname $library); cp -L $library environment$library; done\n\
         done\n{}\n\
         mkdir /srv/unpacked; tar -C /srv/unpacked -xzf environment.tar.gz\n\
         cp -a \"$WORLD/server.git\" /srv/unpacked/repository.git; rm -rf /srv/unpacked/repository.git/hooks /srv/unpacked/repository.git/refgate*\n\
         old=$(git --git-dir /srv/unpacked/repository.git rev-parse main); new=$(git --git-dir /srv/unpacked/repository.git rev-parse retry)\n\
         cp pre-receive.sh /srv/unpacked/pre-receive.sh; chmod 755 /srv/unpacked/pre-receive.sh; chmod 1777 /srv/unpacked/tmp\n\
         mkdir -p /srv/unpacked/dev; mount --bind /dev /srv/unpacked/dev\n\
         if echo \"$old $new refs/heads/main\" | env -i PATH=/usr/local/bin:/bin:/usr/bin GIT_DIR=/repository.git GITHUB_USER_LOGIN=dana GITHUB_VIA='merge button' \
         $(command -v chroot) /srv/unpacked /pre-receive.sh 2>/srv/refused; then exit 9; fi\n\
         cat /srv/refused >&2; grep -q 'review-approval-missing' /srv/refused\n\
         grep -q '\"pusher\":{{\"host\":\"ghes\",\"name\":\"dana\",\"via\":\"merge button\"}}' /srv/unpacked/tmp/refgate/ledger.jsonl\n",
        page.text(),
    );
    on_a_machine(&world, &script).accepted();
}

/// A server of the account git that people use already, with the whole policy.
fn running_server(world: &World) -> String {
    let server = world.server().to_string_lossy().into_owned();
    world.refgate(&world.path("."), &["uninstall", &server]).accepted();
    "adduser --quiet --system --group --home /srv/git git\n\
     cp -a \"$WORLD/server.git\" /srv/git/app.git; rm -rf /srv/git/app.git/refgate; chown -R git:git /srv/git\n\
     cp -a \"$WORLD/dana\" \"$WORLD/ada\" /srv/; chown -R git:git /srv/dana /srv/ada\n\
     as_git() { runuser -u git -- env HOME=/srv/git REFGATE_USER=dana git \"$@\"; }\n\
     cd /opt/source\n"
        .to_owned()
}

#[test]
fn rolling_out() {
    let world = World::with(CONFIG, &structure());
    let dana = world.person("dana");
    dana.propose("retry");
    dana.topic("next");
    dana.git(&["merge", "-q", "retry"]);
    dana.write("net/up.rs", "fn up() { /* next */ }\n");
    dana.commit("Next");
    dana.push(&["next"]).accepted();
    let push = |what: &str, expected: &str, ok: bool| {
        let push = format!("as_git -C /srv/dana push /srv/git/app.git {what} 2>/tmp/refgate-said");
        let push =
            if ok { format!("{push} || exit 9") } else { format!("if {push}; then exit 9; fi") };
        format!(
            "{push}\ncat /tmp/refgate-said >&2; grep -q '{expected}' /tmp/refgate-said; rm /tmp/refgate-said\n"
        )
    };
    let page = Script {
        page: "roll-out.md",
        way: "",
        replaced: vec![],
        behind: vec![
            (
                "refgate doctor",
                push("retry:main", "warning: this push would be refused, 3 violations", true),
            ),
            (
                "[modes]",
                push("next:main", "warning.scan-evidence-missing", false)
                    + &push("next:main", "error.review-approval-missing", false),
            ),
        ],
    };
    let script = format!(
        "{INSTALLED}{}{}\nrefgate doctor --no-push /srv/git/app.git\n{}",
        running_server(&world),
        page.text(),
        // The account that the page maps is nobody's here, so dana is the one whom the domain names.
        push("next:main", "error.scan-evidence-missing", false),
    );
    let said = on_a_machine(&world, &script);
    said.accepted();
    assert!(said.out.contains("would-refuse"), "{said}");
}

#[test]
fn upgrading_and_recovering() {
    let world = ready();
    let good = world.on_server("refs/heads/main").expect("a tip");
    let ada = world.person("ada");
    ada.topic("broken");
    ada.write("meta/STRUCTURE.md", "# Nobody\n");
    let broken = ada.commit("Break it");
    ada.push(&["broken:refs/heads/bad"]).accepted();
    let page = Script {
        page: "recovery.md",
        way: "",
        replaced: vec![("COMMIT", good.clone())],
        behind: vec![
            // Past the hook, as it cannot come by a push.
            (
                "refgate doctor --all-under",
                format!("runuser -u git -- git -C /srv/git/app.git update-ref refs/heads/main {broken}"),
            ),
            (
                "update-ref refs/heads/main",
                "if as_git -C /srv/dana push /srv/git/app.git retry:main 2>/tmp/refgate-said; then exit 9; fi\n\
                 grep -q review-approval-missing /tmp/refgate-said; rm /tmp/refgate-said"
                    .to_owned(),
            ),
        ],
    };
    let script = format!(
        "{INSTALLED}{}find /srv/git/app.git/hooks | sort >/srv/before; cp /srv/git/app.git/config /srv/config\n\
         refgate install --yes --all-under /srv/git --trust-root {}\n{}\n\
         find /srv/git/app.git/hooks | sort | cmp - /srv/before; cmp /srv/config /srv/git/app.git/config\n\
         test \"$(git --git-dir /srv/git/app.git rev-parse main)\" = {good}\n",
        running_server(&world),
        world.fingerprint("ada"),
        page.text(),
    );
    on_a_machine(&world, &script).accepted();
}

#[test]
fn every_page_says_of_each_block_what_it_is_for() {
    let mut pages: Vec<PathBuf> = std::fs::read_dir(root().join("docs/servers"))
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    pages.extend(["docs/roll-out.md", "docs/recovery.md"].map(|page| root().join(page)));
    assert!(pages.len() >= 8, "{pages:?}");
    let here = std::fs::read_to_string(root().join("tests/suite/pages.rs")).expect("this file");
    for page in pages {
        let name =
            page.strip_prefix(root().join("docs")).expect("a page").to_string_lossy().into_owned();
        let count = blocks(&name).iter().filter(|(kind, _)| *kind != Block::Shown).count();
        assert!(count > 0, "{name} has nothing to run");
        assert!(here.contains(&format!("page: \"{name}\"")), "{name} is run by no test");
    }
}
