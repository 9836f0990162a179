//! Measures hooks against each other on repositories of `generate-repository`.
//!
//! ```text
//! measure-hook process [--rounds N] [--ref REF] NAME=COMMAND.. -- REPOSITORY..
//! measure-hook push    [--rounds N] [--ref REF] [--per-push N] NAME=COMMAND.. -- REPOSITORY..
//! measure-hook watch   FILE COMMAND..
//! ```
//!
//! `process` starts each command as git would start a `pre-receive` hook for the next commit, with
//! its objects in quarantine, and times it from start to exit. `push` runs real `git push`es of
//! one commit after the other into a copy of the repository for each command; an empty
//! command is no hook at all, a name that begins with `update:` is installed as that hook, and
//! behind `installed:` stands a refgate that is installed as `refgate install` does it, before and
//! after the refs move. `watch` becomes the command, so that it can stand in a hook, and adds a line to
//! FILE: seconds, seconds of processor time, and the peak of memory in MiB.
//! Everything is interleaved in an order that is shuffled each round. The first
//! command is what the others are compared with, the first repository what growth is compared with.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a tool for measuring stops at the first surprise"
)]
#![allow(clippy::disallowed_methods, clippy::expect_used, reason = "a tool for measuring")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

struct Options {
    rounds: usize,
    per_push: usize,
    ref_name: String,
    /// Name and command.
    hooks: Vec<(String, String)>,
    repositories: Vec<PathBuf>,
}

fn main() {
    let mut args = std::env::args().skip(1);
    let mode = args.next().unwrap_or_default();
    if mode == "watch" {
        let file = args.next().expect("a file");
        std::process::exit(watch(Path::new(&file), &args.collect::<Vec<_>>()));
    }
    let mut options = Options {
        rounds: 100,
        per_push: 1,
        ref_name: "refs/heads/main".into(),
        hooks: Vec::new(),
        repositories: Vec::new(),
    };
    while let Some(arg) = args.next() {
        let mut value = || args.next().unwrap_or_else(|| panic!("{arg} takes a value"));
        match arg.as_str() {
            "--rounds" => options.rounds = value().parse().expect("a number"),
            "--per-push" => options.per_push = value().parse().expect("a number"),
            "--ref" => options.ref_name = value(),
            "--" => options.repositories = args.by_ref().map(PathBuf::from).collect(),
            _ => {
                let (name, command) = arg.split_once('=').expect("NAME=COMMAND");
                options.hooks.push((name.into(), command.into()));
            }
        }
    }
    assert!(
        !options.hooks.is_empty() && !options.repositories.is_empty(),
        "see benches/measure.rs"
    );
    match mode.as_str() {
        "process" => process(&options),
        "push" => push(&options),
        _ => panic!("measure-hook process|push|watch"),
    }
}

/// Runs a command to its end, with our input and output; returns how it ended.
fn watch(file: &Path, command: &[String]) -> i32 {
    let start = Instant::now();
    let mut child = Command::new(&command[0]).args(&command[1..]).spawn().unwrap();
    let proc = PathBuf::from(format!("/proc/{}", child.id()));
    let read = |name: &str| std::fs::read_to_string(proc.join(name)).unwrap_or_default();
    let (mut kilobytes, mut ticks) = (0.0, 0.0);
    let status = loop {
        if let Some(peak) = read("status").lines().find_map(|line| line.strip_prefix("VmHWM:")) {
            kilobytes = peak.trim().trim_end_matches(" kB").parse().unwrap_or(kilobytes);
        }
        // Times in user mode and in the kernel: proc_pid_stat(5), fields 14 and 15.
        if let Some((_, fields)) = read("stat").rsplit_once(") ") {
            let fields = fields.split(' ').skip(11).take(2);
            ticks = fields.filter_map(|field| field.parse::<f64>().ok()).sum();
        }
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    };
    let figures = (start.elapsed().as_secs_f64(), ticks / 100.0, kilobytes / 1024.0);
    let mut file = std::fs::File::options().create(true).append(true).open(file).unwrap();
    writeln!(file, "{:.2} {:.2} {:.1}", figures.0, figures.1, figures.2).unwrap();
    status.code().unwrap_or(2)
}

/// Numbers that shuffle; the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ((self.0 >> 33) as usize) % bound
    }

    fn shuffled(&mut self, len: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..len).collect();
        for at in (1..len).rev() {
            order.swap(at, self.below(at + 1));
        }
        order
    }
}

fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = ((sorted.len() as f64) * share) as usize;
    sorted[at.min(sorted.len() - 1)]
}

/// The 95% interval of the median, by drawing again from the values.
fn interval(values: &[f64], dice: &mut Dice) -> (f64, f64) {
    let medians: Vec<f64> = (0..500)
        .map(|_| {
            let drawn: Vec<f64> =
                (0..values.len()).map(|_| values[dice.below(values.len())]).collect();
            median(&drawn)
        })
        .collect();
    (quantile(&medians, 0.025), quantile(&medians, 0.975))
}

fn name_of(repository: &Path) -> String {
    repository.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn extra(repository: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(repository.join("extra.txt")).expect("extra.txt");
    text.lines().map(str::to_owned).collect()
}

fn git(directory: &Path, args: &[&str]) -> String {
    let output = Command::new("git").arg("-C").arg(directory).args(args).output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A push that waits for its hook.
struct Waiting {
    server: PathBuf,
    quarantine: PathBuf,
    input: String,
}

impl Waiting {
    /// Puts the next commit into a quarantine, as `git-receive-pack(1)` does.
    fn new(repository: &Path, ref_name: &str) -> Self {
        let server = repository.join("server.git").canonicalize().expect("server.git");
        let new = extra(repository).first().expect("a commit to push").clone();
        let base = git(&server, &["rev-parse", "refs/heads/main"]);
        let quarantine = server.join("objects/tmp_objdir-incoming-bench");
        drop(std::fs::remove_dir_all(&quarantine));
        std::fs::create_dir(&quarantine).unwrap();
        let mut packer = Command::new("git")
            .arg("-C")
            .arg(repository.join("client.git"))
            .args(["pack-objects", "--revs", "--stdout", "-q"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        write!(packer.stdin.take().unwrap(), "{new}\n^{base}\n").unwrap();
        let status = Command::new("git")
            .arg("-C")
            .arg(&server)
            .args(["unpack-objects", "-q"])
            .env("GIT_OBJECT_DIRECTORY", &quarantine)
            .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", server.join("objects"))
            .stdin(packer.stdout.take().unwrap())
            .status()
            .unwrap();
        assert!(status.success() && packer.wait().unwrap().success(), "the push was not unpacked");
        let old = if ref_name == "refs/heads/main" { base } else { "0".repeat(new.len()) };
        Self { server, quarantine, input: format!("{old} {new} {ref_name}\n") }
    }

    /// Runs a command to its end; returns the microseconds it took.
    fn run(&self, command: &str) -> f64 {
        let mut words = command.split_whitespace();
        let start = Instant::now();
        let mut child = Command::new(words.next().expect("a command"))
            .args(words)
            .current_dir(&self.server)
            .env("GIT_DIR", ".")
            .env("GIT_QUARANTINE_PATH", &self.quarantine)
            .env("GIT_OBJECT_DIRECTORY", &self.quarantine)
            .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", self.server.join("objects"))
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A hook that reads nothing may be gone already.
        drop(child.stdin.take().unwrap().write_all(self.input.as_bytes()));
        let output = child.wait_with_output().unwrap();
        let taken = start.elapsed().as_secs_f64() * 1e6;
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        taken
    }
}

fn process(options: &Options) {
    let waiting: Vec<Waiting> = options
        .repositories
        .iter()
        .map(|repository| Waiting::new(repository, &options.ref_name))
        .collect();
    let cells = waiting.len() * options.hooks.len();
    let mut times = vec![Vec::new(); cells];
    let mut dice = Dice(1);
    for round in 0..options.rounds + 5 {
        for cell in dice.shuffled(cells) {
            let (at, hook) = (cell / options.hooks.len(), cell % options.hooks.len());
            let taken = waiting[at].run(&options.hooks[hook].1);
            if round >= 5 {
                times[cell].push(taken);
            }
        }
    }
    for waiting in &waiting {
        drop(std::fs::remove_dir_all(&waiting.quarantine));
    }
    println!("# start to exit, microseconds, {} rounds, {}", options.rounds, options.ref_name);
    println!(
        "{:<18}{:<14}{:>9}{:>9}{:>9}{:>9}{:>9}",
        "repository", "hook", "min", "median", "p95", "x first", "growth"
    );
    let count = options.hooks.len();
    for (at, repository) in options.repositories.iter().enumerate() {
        let first = median(&times[at * count]);
        for (hook, (name, _)) in options.hooks.iter().enumerate() {
            let values = &times[at * count + hook];
            let ratio = median(values) / first;
            let growth = ratio / (median(&times[hook]) / median(&times[0]));
            println!(
                "{:<18}{name:<14}{:>9.0}{:>9.0}{:>9.0}{ratio:>9.2}{growth:>9.2}",
                name_of(repository),
                quantile(values, 0.0),
                median(values),
                quantile(values, 0.95),
            );
        }
    }
}

fn push(options: &Options) {
    for repository in &options.repositories {
        push_to(options, repository);
    }
}

fn push_to(options: &Options, repository: &Path) {
    const WARM_UP: usize = 3;
    let commits: Vec<String> = extra(repository)
        .into_iter()
        .skip(options.per_push - 1)
        .step_by(options.per_push)
        .collect();
    let rounds = options.rounds.min(commits.len().saturating_sub(WARM_UP));
    assert!(rounds > 0, "{} has too few commits to push", repository.display());
    let work = repository.join("pushes");
    drop(std::fs::remove_dir_all(&work));
    std::fs::create_dir(&work).unwrap();
    let servers: Vec<PathBuf> = options
        .hooks
        .iter()
        .enumerate()
        .map(|(at, (name, command))| install(repository, &work, at, name, command))
        .collect();
    let client = repository.join("client.git");
    let mut times = vec![Vec::new(); servers.len()];
    let mut dice = Dice(1);
    for (round, commit) in commits.iter().take(rounds + WARM_UP).enumerate() {
        for at in dice.shuffled(servers.len()) {
            let target = format!("file://{}", servers[at].display());
            let refspec = format!("{commit}:{}", options.ref_name);
            let start = Instant::now();
            git(&client, &["push", "-q", &target, &refspec]);
            let taken = start.elapsed().as_secs_f64() * 1e3;
            if round >= WARM_UP {
                times[at].push(taken);
            }
        }
    }
    std::fs::remove_dir_all(&work).unwrap();
    println!(
        "# {}: git push of {} commit(s), ms, {rounds} rounds; overhead = paired difference from the first",
        name_of(repository),
        options.per_push
    );
    println!(
        "{:<22}{:>9}{:>9}{:>9}{:>10}{:>18}",
        "hook", "min", "median", "p95", "overhead", "95% interval"
    );
    for (at, (name, _)) in options.hooks.iter().enumerate() {
        let over: Vec<f64> = times[at].iter().zip(&times[0]).map(|(l, r)| l - r).collect();
        let (low, high) = interval(&over, &mut dice);
        println!(
            "{name:<22}{:>9.2}{:>9.2}{:>9.2}{:>10.2}{:>18}",
            quantile(&times[at], 0.0),
            median(&times[at]),
            quantile(&times[at], 0.95),
            median(&over),
            format!("[{low:.2}, {high:.2}]"),
        );
    }
}

/// Makes the copy of a repository that a command guards.
fn install(repository: &Path, work: &Path, at: usize, name: &str, command: &str) -> PathBuf {
    let server = work.join(format!("{at}.git"));
    let copied = Command::new("cp")
        .arg("-a")
        .arg(repository.join("server.git"))
        .arg(&server)
        .status()
        .unwrap();
    assert!(copied.success(), "{} was not copied", repository.display());
    let hooks = server.join("hooks");
    drop(std::fs::remove_dir_all(&hooks));
    std::fs::create_dir(&hooks).unwrap();
    if name.starts_with("installed:") {
        for hook in ["pre-receive", "post-receive"] {
            shim(&hooks.join(hook), &format!("{command} hook {hook}"));
        }
    } else if !command.is_empty() {
        let hook = if name.starts_with("update:") { "update" } else { "pre-receive" };
        let path = hooks.join(hook);
        if Path::new(command).is_file() {
            std::os::unix::fs::symlink(command, &path).unwrap();
        } else {
            shim(&path, command);
        }
    }
    server.canonicalize().unwrap()
}

/// Writes a hook that becomes a command.
fn shim(path: &Path, command: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, format!("#!/bin/sh\nexec {command} \"$@\"\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
