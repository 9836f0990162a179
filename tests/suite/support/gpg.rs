//! Somebody who signs with gpg.

use super::world::{Person, Said, World};
use super::{command, output, run};

/// A home of gpg with the secret test key of one person.
pub struct Gpg {
    home: tempfile::TempDir,
    name: &'static str,
    fingerprint: String,
    certificate: String,
}

impl Gpg {
    pub fn of(name: &'static str) -> Self {
        let keys = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys/openpgp");
        let home = tempfile::tempdir().expect("a short path for the sockets of gpg");
        let gpg = || {
            let mut gpg = command("gpg");
            gpg.env("GNUPGHOME", home.path()).args(["--batch", "--quiet"]);
            gpg
        };
        run(gpg().arg("--import").arg(keys.join(format!("{name}.sec.asc"))));
        let listed = run(gpg().args(["--with-colons", "--list-secret-keys"]));
        let listed = String::from_utf8(listed).expect("UTF-8");
        let fingerprint = listed
            .lines()
            .find_map(|line| line.strip_prefix("fpr:")?.split(':').nth(8))
            .expect("a key")
            .to_owned();
        let certificate = keys.join(format!("{name}.pub.asc"));
        let certificate = std::fs::read_to_string(certificate).expect("a certificate");
        Self { home, name, fingerprint, certificate }
    }

    /// A server that lists the key of this person in place of their SSH key, with more files in its first commit.
    pub fn world(&self, config: &str, structure: &str, files: &[(&str, &str)]) -> World {
        let world = World::empty(&[]);
        let ada = world.person("ada");
        ada.write(&format!("meta/keyring/{}.asc", self.name), &self.certificate);
        files.iter().for_each(|(path, content)| ada.write(path, content));
        let ssh = world.fingerprint(self.name);
        world.bootstrap(config, &structure.replace(&ssh, &self.fingerprint));
        world
    }

    /// Returns this person, whose git signs with the key.
    pub fn person<'w>(&self, world: &'w World) -> Person<'w> {
        let person = world.person(self.name);
        person.git(&["config", "gpg.format", "openpgp"]);
        person.git(&["config", "user.signingKey", &self.fingerprint]);
        person
    }

    /// Runs refgate for this person.
    pub fn refgate(&self, world: &World, args: &[&str]) -> Said {
        let mut refgate = world.refgate_command();
        refgate.current_dir(world.person(self.name).dir()).env("GNUPGHOME", self.home.path());
        output(refgate.args(args)).into()
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        let mut kill = command("gpgconf");
        // Whether the agent is gone already is nothing to a test that has ended.
        drop(kill.env("GNUPGHOME", self.home.path()).args(["--kill", "all"]).output());
    }
}
