#!/bin/sh
# Made every key in this directory, once. Running it again makes other keys:
# the signatures in signatures/ and the tests that name fingerprints then need
# an update. Wants OpenSSH 9 and GnuPG 2.2; run it in an empty directory.
set -eu

ssh_key() { # name, type, bits
    ssh-keygen -q -t "$2" ${3:+-b "$3"} -N '' -C "$1@example.org (refgate test key, worthless)" -f "$1"
}
for name in ada ben cleo dana eve ci mallory ca other-ca; do ssh_key "$name" ed25519; done
for bits in 256 384 521; do ssh_key "ecdsa-p$bits" ecdsa "$bits"; done
for bits in 1024 2048 4096; do ssh_key "rsa-$bits" rsa "$bits"; done
ssh_key dsa dsa
ssh_key rsa-ca rsa 2048
ssh_key p521-ca ecdsa 521

# Signatures over the line "hello", for tests that start no program.
mkdir signatures
echo hello > hello
for name in ada ben ecdsa-p256 ecdsa-p384 ecdsa-p521 rsa-1024 rsa-2048 rsa-4096; do
    ssh-keygen -q -Y sign -n refgate -f "$name" - < hello > "signatures/$name.sig"
done
ssh-keygen -q -Y sign -n git -f ada - < hello > signatures/ada-git.sig
ssh-keygen -q -Y sign -n refgate -O hashalg=sha256 -f ada - < hello > signatures/ada-sha256.sig
for authority in ca rsa-ca p521-ca; do
    ssh-keygen -q -s "$authority" -I 'refgate test' -n ada@example.org -V 20260101Z:20270101Z ada.pub
    mv ada-cert.pub "ada-by-$authority-cert.pub"
    cp ada "ada-by-$authority"
    ssh-keygen -q -Y sign -n refgate -f "ada-by-$authority-cert.pub" - < hello > "signatures/ada-by-$authority.sig"
    rm "ada-by-$authority"
done

GNUPGHOME=$(mktemp -d)
export GNUPGHOME
trap 'gpgconf --kill all; rm -rf "$GNUPGHOME"' EXIT
mkdir openpgp
at() { # time, gpg arguments
    when=$1; shift
    gpg --batch --quiet --no-tty --pinentry-mode loopback --passphrase '' --faked-system-time "$when!" "$@"
}
fingerprint() { gpg --batch --with-colons -k "=$(user "$1")" | awk -F: '/^fpr/ { print $10; exit }'; }
user() { echo "$1 (refgate test key, worthless) <$1@example.org>"; }
primary() { at 20260101T000000 --quick-gen-key "$(user "$1")" "$2" "$3" "${4:-never}"; }
subkey() { at 20260101T000000 --quick-add-key "$(fingerprint "$1")" "$2" sign "${3:-never}"; }

primary ada ed25519 cert,sign
primary ben rsa2048 cert;                    subkey ben rsa2048
primary cleo ed25519 cert;                   subkey cleo ed25519 2026-07-01
primary dana ed25519 cert,sign 2026-07-01    # expires
primary eve ed25519 cert,sign                # revoked without a reason
primary fay ed25519 cert,sign                # superseded in July
primary gus ed25519 cert;                    subkey gus ed25519   # subkey revoked in July
primary ci nistp256 cert,sign
primary mallory ed25519 cert,sign            # listed nowhere
primary rsa-1024 rsa1024 cert,sign
primary dsa-1024 dsa1024 cert,sign

for name in ada ben cleo dana eve fay gus ci mallory rsa-1024 dsa-1024; do
    at 20260101T000000 --armor --export-secret-keys "$(fingerprint "$name")" > "openpgp/$name.sec.asc"
    at 20260601T000000 --armor --detach-sign --local-user "$(fingerprint "$name")" \
        --output "signatures/openpgp-$name.asc" hello
done
rm hello

sed 's/^:---/---/' "$GNUPGHOME/openpgp-revocs.d/$(fingerprint eve).rev" | at 20260701T000000 --import
printf 'y\n2\nold key\n\ny\n' |
    gpg --quiet --no-tty --pinentry-mode loopback --passphrase '' --faked-system-time '20260701T000000!' \
        --command-fd 0 --gen-revoke "$(fingerprint fay)" 2>/dev/null | at 20260701T000000 --import
printf 'key 1\nrevkey\ny\n1\nlost\n\ny\nsave\n' |
    gpg --quiet --no-tty --pinentry-mode loopback --passphrase '' --faked-system-time '20260701T000000!' \
        --command-fd 0 --edit-key "$(fingerprint gus)" >/dev/null 2>&1

for name in ada ben cleo dana eve fay gus ci mallory rsa-1024 dsa-1024; do
    at 20260701T000000 --armor --export "$(fingerprint "$name")" > "openpgp/$name.pub.asc"
done
