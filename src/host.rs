//! What refgate knows about each kind of Git server: where its hooks go, by which variables it
//! names the person who pushes, how it shows messages, and how long it waits.
//!
//! The kind is written down when refgate is installed (`host` in the server settings). It is
//! never guessed from whichever variable is set, since clients can set some of them.

use serde::{Deserialize, Serialize};

/// A kind of Git server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Host {
    /// Bare repositories behind OpenSSH or `git http-backend`.
    #[default]
    Plain,
    /// Gitolite 3.
    Gitolite,
    /// Gitea.
    Gitea,
    /// Forgejo.
    Forgejo,
    /// GitLab, self-managed.
    Gitlab,
    /// GitHub Enterprise Server.
    Ghes,
}

/// Variables by which a server names the person who pushes; the first that is set counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variables {
    /// The name of the account.
    pub name: &'static [&'static str],
    /// Its address.
    pub email: &'static [&'static str],
    /// By which way the push came, such as a merge in the web interface.
    pub via: &'static [&'static str],
    /// A file that sshd wrote with the key of the session (`ExposeAuthInfo`).
    pub session: &'static [&'static str],
}

impl Host {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Plain, Self::Gitolite, Self::Gitea, Self::Forgejo, Self::Gitlab, Self::Ghes];

    /// Returns the name that the settings use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gitolite => "gitolite",
            Self::Gitea => "gitea",
            Self::Forgejo => "forgejo",
            Self::Gitlab => "gitlab",
            Self::Ghes => "ghes",
        }
    }

    /// Returns the variables by which it names the person who pushes.
    #[must_use]
    pub fn variables(self) -> Variables {
        let none = Variables { name: &[], email: &[], via: &[], session: &[] };
        match self {
            // sshd sets the first from `environment=` of authorized_keys, the web server the second.
            Self::Plain => Variables {
                name: &["REFGATE_USER", "REMOTE_USER"],
                session: &["SSH_USER_AUTH"],
                ..none
            },
            Self::Gitolite => Variables { name: &["GL_USER"], ..none },
            Self::Gitea | Self::Forgejo => Variables {
                name: &["GITEA_PUSHER_NAME"],
                email: &["GITEA_PUSHER_EMAIL"],
                via: &["GITEA_PUSH_TRIGGER"],
                ..none
            },
            Self::Gitlab => {
                Variables { name: &["GL_USERNAME", "GL_ID"], via: &["GL_PROTOCOL"], ..none }
            }
            Self::Ghes => Variables { name: &["GITHUB_USER_LOGIN"], via: &["GITHUB_VIA"], ..none },
        }
    }

    /// Returns what a line must begin with to be shown to those who push from the web interface.
    ///
    /// GitLab shows such lines alone there, and drops the rest.
    #[must_use]
    pub fn mark(self) -> Option<&'static str> {
        match self {
            Self::Gitlab => Some("GL-HOOK-ERR: "),
            Self::Plain | Self::Gitolite | Self::Gitea | Self::Forgejo | Self::Ghes => None,
        }
    }

    /// Returns the milliseconds after which the server itself would give up, if it is known to.
    ///
    /// All hooks of a GitHub Enterprise Server share five seconds.
    #[must_use]
    pub fn time_ms(self) -> Option<u64> {
        match self {
            Self::Ghes => Some(4_000),
            Self::Plain | Self::Gitolite | Self::Gitea | Self::Forgejo | Self::Gitlab => None,
        }
    }
}

/// Who pushes, as the server says.
///
/// This is information: gates rest on signatures. Only `[identity]` of the server settings makes
/// a condition of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Pusher {
    /// The kind of server that says so.
    pub host: Host,
    /// The name of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The fingerprint of the SSH key of the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// By which way the push came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
}

/// Reads the file to which sshd writes how a session was authenticated: one method in a line,
/// such as `publickey ssh-ed25519 AAAA...`. Returns the key line.
#[must_use]
pub fn session_key(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("publickey ")).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_words_of_the_settings() {
        for host in Host::ALL {
            let json = serde_json::to_string(&host).expect("a word");
            assert_eq!(json, format!("\"{}\"", host.name()));
        }
    }

    #[test]
    fn no_server_is_asked_about_variables_that_switch_something_off() {
        for host in Host::ALL {
            let Variables { name, email, via, session } = host.variables();
            for variable in [name, email, via, session].concat() {
                assert!(
                    !variable.contains("BYPASS") && !variable.contains("INTERNAL"),
                    "{variable}"
                );
            }
        }
    }

    #[test]
    fn the_key_of_a_session_is_that_of_its_publickey_line() {
        assert_eq!(session_key("publickey ssh-ed25519 AAAA\n"), Some("ssh-ed25519 AAAA"));
        assert_eq!(session_key("password\n"), None);
        assert_eq!(session_key("password\npublickey ssh-rsa B\n"), Some("ssh-rsa B"));
        assert_eq!(session_key(""), None);
    }
}
