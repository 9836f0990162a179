"""A Sigstore of its own: a certificate authority, a certificate log, a transparency log, and bundles.

    sigstore.py root DIRECTORY
        makes keys, and trusted_root.json, in DIRECTORY
    sigstore.py bundles DIRECTORY STATEMENT SECONDS
        writes bundles/NAME.json, each signed at SECONDS: one good in each form, the others
        bad in one way each, which is their name

Written from the specifications (Fulcio's certificate profile, RFC 6962, Rekor's API and checkpoints,
protobuf-specs), and with nothing of the crate that verifies the bundles.
"""

import base64
import copy
import datetime
import hashlib
import json
import pathlib
import struct
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ISSUER = "https://token.example.org"
WORKFLOW = "https://git.example.org/payments/api/.ci/scan.yml@refs/heads/main"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
# Names under 1.3.6.1.4.1.57264.1 are Fulcio's, the other is from RFC 6962.
ISSUER_V1, ISSUER_V2 = "1.3.6.1.4.1.57264.1.1", "1.3.6.1.4.1.57264.1.8"
SCT_LIST = "1.3.6.1.4.1.11129.2.4.2"


def b64(data):
    return base64.b64encode(data).decode()


def sha256(data):
    return hashlib.sha256(data).digest()


def spki(key):
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def sign(key, data):
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def der(tag, data):
    size = bytes([len(data)]) if len(data) < 128 else b"\x82" + struct.pack(">H", len(data))
    return bytes([tag]) + size + data


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def moment(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)


# ---- keys and the trusted root ----


def certificate(issuer, subject, key, start, end):
    builder = x509.CertificateBuilder().issuer_name(issuer).subject_name(subject)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    return builder.not_valid_before(moment(start)).not_valid_after(moment(end))


def authority(subject, key, issuer, issuer_key, depth):
    builder = certificate(issuer, name(subject), key, 1_500_000_000, 4_000_000_000)
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=True,
        encipher_only=False, decipher_only=False,
    )
    builder = builder.add_extension(x509.BasicConstraints(True, depth), True)
    builder = builder.add_extension(usage, True)
    return builder.sign(issuer_key, hashes.SHA384())


def write_key(file, key):
    file.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ))


def root(directory):
    directory.mkdir(parents=True, exist_ok=True)
    keys = {who: ec.generate_private_key(ec.SECP384R1()) for who in ("top", "ca")}
    keys |= {who: ec.generate_private_key(ec.SECP256R1()) for who in ("ct", "rekor")}
    for who, key in keys.items():
        write_key(directory / f"{who}.key", key)
    top = authority("Top", keys["top"], name("Top"), keys["top"], 1)
    ca = authority("Intermediate", keys["ca"], name("Top"), keys["top"], 0)
    (directory / "ca.der").write_bytes(ca.public_bytes(serialization.Encoding.DER))

    def log(key):
        return {
            "baseUrl": "https://log.example.org",
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": b64(spki(key)),
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": {"start": "2020-01-01T00:00:00Z"},
            },
            "logId": {"keyId": b64(sha256(spki(key)))},
        }

    chain = [{"rawBytes": b64(c.public_bytes(serialization.Encoding.DER))} for c in (ca, top)]
    trusted = {
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [log(keys["rekor"])],
        "certificateAuthorities": [{
            "subject": {"organization": "example.org", "commonName": "Intermediate"},
            "uri": "https://fulcio.example.org",
            "certChain": {"certificates": chain},
            "validFor": {"start": "2020-01-01T00:00:00Z"},
        }],
        "ctlogs": [log(keys["ct"])],
        "timestampAuthorities": [],
    }
    (directory / "trusted_root.json").write_text(json.dumps(trusted, indent=2) + "\n")


# ---- what Fulcio and the certificate log do ----


class Sigstore:
    def __init__(self, directory):
        def read(who):
            pem = (directory / f"{who}.key").read_bytes()
            return serialization.load_pem_private_key(pem, None)

        self.ca_key, self.ct, self.rekor = read("ca"), read("ct"), read("rekor")
        self.ca = x509.load_der_x509_certificate((directory / "ca.der").read_bytes())

    def leaf(self, key, at, san=None, issuer=ISSUER, start=-60, end=540, sct="good",
             usage=ExtendedKeyUsageOID.CODE_SIGNING, ca=None, ca_key=None):
        """Returns the certificate of a key that somebody used once."""
        ca, ca_key = ca or self.ca, ca_key or self.ca_key
        san = san or x509.UniformResourceIdentifier(WORKFLOW)
        builder = certificate(ca.subject, x509.Name([]), key, at + start, at + end)
        builder = builder.add_extension(x509.SubjectAlternativeName([san]), True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), False)
        if issuer:
            for oid, value in ((ISSUER_V1, issuer.encode()), (ISSUER_V2, der(0x0C, issuer.encode()))):
                extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)
                builder = builder.add_extension(extension, False)
        algorithm = hashes.SHA384() if ca_key.curve.key_size == 384 else hashes.SHA256()
        before = builder.sign(ca_key, algorithm)
        if sct is None:
            return before
        log = self.ct if sct == "good" else ec.generate_private_key(ec.SECP256R1())
        tbs = before.tbs_certificate_bytes
        ca_spki = ca.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        # RFC 6962, 3.2: version, type, time, entry type, precertificate, no extensions.
        signed = struct.pack(">BBQH", 0, 0, at * 1000, 1) + sha256(ca_spki)
        signed += struct.pack(">I", len(tbs))[1:] + tbs + b"\0\0"
        signature = sign(log, signed)
        one = b"\0" + sha256(spki(self.ct)) + struct.pack(">QH", at * 1000, 0)
        one += b"\x04\x03" + struct.pack(">H", len(signature)) + signature
        listed = struct.pack(">H", len(one)) + one
        listed = struct.pack(">H", len(listed)) + listed
        extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(SCT_LIST), der(0x04, listed))
        return builder.add_extension(extension, False).sign(ca_key, algorithm)

    # ---- what Rekor does ----

    def entry(self, payload, signature, certificate, at, rekor=None, head_key=None):
        rekor = rekor or self.rekor
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        body = json.dumps({
            "apiVersion": "0.0.1", "kind": "dsse",
            "spec": {
                "envelopeHash": {"algorithm": "sha256", "value": sha256(payload).hex()},
                "payloadHash": {"algorithm": "sha256", "value": sha256(payload).hex()},
                "signatures": [{"signature": b64(signature), "verifier": b64(pem)}],
            },
        }, sort_keys=True, separators=(",", ":")).encode()
        other, leaf = sha256(b"\0" + b"another entry"), sha256(b"\0" + body)
        tree = sha256(b"\x01" + other + leaf)
        log_id = sha256(spki(self.rekor))
        head = f"rekor.example.org\n2\n{b64(tree)}\n"
        checkpoint = f"{head}\n— rekor.example.org {b64(log_id[:4] + sign(head_key or rekor, head.encode()))}\n"
        promise = json.dumps({
            "body": b64(body), "integratedTime": at, "logID": log_id.hex(), "logIndex": 1,
        }, sort_keys=True, separators=(",", ":")).encode()
        return {
            "logIndex": "1",
            "logId": {"keyId": b64(log_id)},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": str(at),
            "inclusionPromise": {"signedEntryTimestamp": b64(sign(rekor, promise))},
            "inclusionProof": {
                "logIndex": "1", "rootHash": b64(tree), "treeSize": "2", "hashes": [b64(other)],
                "checkpoint": {"envelope": checkpoint},
            },
            "canonicalizedBody": b64(body),
        }

    def bundle(self, payload, at, signs=None, rekor=None, head=None, **leaf):
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.leaf(key, at, **leaf)
        return self.signed(key, certificate, payload, at, signs, rekor, head)

    def signed(self, key, certificate, payload, at, signs=None, rekor=None, head=None):
        pae = b"DSSEv1 %d %s %d " % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload))
        signature = sign(key, signs or pae + payload)
        raw = b64(certificate.public_bytes(serialization.Encoding.DER))
        return {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": {"rawBytes": raw},
                "tlogEntries": [self.entry(payload, signature, certificate, at, rekor, head)],
                "timestampVerificationData": {"rfc3161Timestamps": []},
            },
            "dsseEnvelope": {
                "payload": b64(payload), "payloadType": PAYLOAD_TYPE,
                "signatures": [{"sig": b64(signature)}],
            },
        }


def flipped(text):
    data = bytearray(base64.b64decode(text))
    data[-1] ^= 1
    return b64(bytes(data))


def bundles(directory, payload, at):
    sigstore = Sigstore(directory)
    good = sigstore.bundle(payload, at)
    made = {"good": good}

    def variant(called, base=good):
        made[called] = copy.deepcopy(base)
        return made[called], made[called]["verificationMaterial"]

    def chained(called, certificates, base):
        bundle, material = variant(called, base)
        bundle["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.2"
        first = material.pop("certificate")
        material["x509CertificateChain"] = {"certificates": [first] + certificates}

    def stranger():
        return ec.generate_private_key(ec.SECP256R1())

    chained("good-chain", [], good)
    made["good-email"] = sigstore.bundle(payload, at, san=x509.RFC822Name("ci@example.org"))

    uri = x509.UniformResourceIdentifier
    made["other-identity"] = sigstore.bundle(payload, at, san=uri(WORKFLOW.replace("main", "topic")))
    made["longer-identity"] = sigstore.bundle(payload, at, san=uri(WORKFLOW + "2"))
    made["other-issuer"] = sigstore.bundle(payload, at, issuer="https://token.example.com")
    made["no-issuer"] = sigstore.bundle(payload, at, issuer=None)
    made["hidden-issuer"] = sigstore.bundle(payload, at, issuer=ISSUER + "\u202e\x1b[31m")
    made["expired"] = sigstore.bundle(payload, at, start=-600, end=-30)
    made["not-yet-valid"] = sigstore.bundle(payload, at, start=30)
    made["no-sct"] = sigstore.bundle(payload, at, sct=None)
    made["bad-sct"] = sigstore.bundle(payload, at, sct="bad")
    made["other-usage"] = sigstore.bundle(payload, at, usage=ExtendedKeyUsageOID.SERVER_AUTH)
    made["signature"] = sigstore.bundle(payload, at, signs=b"something else")
    made["other-log"] = sigstore.bundle(payload, at, rekor=stranger())

    # An authority of the same name, and a signer who plays authority with the key of a certificate.
    top_key, ca_key = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP384R1())
    ca = authority("Intermediate", ca_key, name("Top"), top_key, 0)
    made["other-root"] = sigstore.bundle(payload, at, ca=ca, ca_key=ca_key)
    der_of = lambda certificate: certificate.public_bytes(serialization.Encoding.DER)
    chained("other-root-chain", [{"rawBytes": b64(der_of(ca))}], made["other-root"])
    key, own = stranger(), stranger()
    signer = sigstore.leaf(own, at, san=uri("https://mallory.example.org"))
    forged = sigstore.bundle(payload, at, ca=signer, ca_key=own)
    chained("leaf-as-authority", [{"rawBytes": b64(der_of(signer))}], forged)

    bundle, _ = variant("payload")
    other = payload.replace(b"scanner", b"Scanner")
    assert other != payload
    bundle["dsseEnvelope"]["payload"] = b64(other)
    another = sigstore.bundle(other, at)["verificationMaterial"]["tlogEntries"]
    variant("other-entry")[1]["tlogEntries"] = another
    _, material = variant("other-certificate")
    material["certificate"] = {"rawBytes": b64(der_of(sigstore.leaf(key, at)))}

    def entry(called):
        return variant(called)[1]["tlogEntries"][0]

    variant("no-entry")[1]["tlogEntries"] = []
    variant("many-entries")[1]["tlogEntries"] *= 9
    entry("no-proof").pop("inclusionProof")
    proof = entry("bad-proof")["inclusionProof"]
    proof["hashes"] = [flipped(proof["hashes"][0])]
    proof = entry("long-proof")["inclusionProof"]
    proof["hashes"] *= 65
    entry("other-place")["inclusionProof"]["logIndex"] = "0"
    entry("no-checkpoint")["inclusionProof"].pop("checkpoint")
    # The promise is of the log, the head of its tree is not.
    made["other-checkpoint"] = sigstore.bundle(payload, at, head=stranger())
    entry("no-promise").pop("inclusionPromise")
    promise = entry("bad-promise")["inclusionPromise"]
    promise["signedEntryTimestamp"] = flipped(promise["signedEntryTimestamp"])
    entry("other-time")["integratedTime"] = str(at - 1)
    entry("no-time").pop("integratedTime")
    entry("other-log-id")["logId"]["keyId"] = b64(bytes(32))
    entry("other-kind")["kindVersion"]["version"] = "0.0.9"

    bundle, _ = variant("two-signatures")
    bundle["dsseEnvelope"]["signatures"] *= 2
    bundle, _ = variant("file")
    bundle.pop("dsseEnvelope")
    bundle["messageSignature"] = {
        "messageDigest": {"algorithm": "SHA2_256", "digest": b64(sha256(payload))},
        "signature": b64(b"x"),
    }
    bundle, material = variant("key")
    material.pop("certificate")
    material["publicKey"] = {"hint": "mine"}
    bundle, _ = variant("version")
    bundle["mediaType"] = "application/vnd.dev.sigstore.bundle.v0.9+json"
    variant("timestamp")[1]["timestampVerificationData"] = {
        "rfc3161Timestamps": [{"signedTimestamp": b64(b"no token")}]
    }

    out = directory / "bundles"
    out.mkdir(exist_ok=True)
    for called, bundle in made.items():
        (out / f"{called}.json").write_text(json.dumps(bundle, separators=(",", ":")))


if __name__ == "__main__":
    if sys.argv[1] == "root":
        root(pathlib.Path(sys.argv[2]))
    else:
        statement = pathlib.Path(sys.argv[3]).read_bytes()
        bundles(pathlib.Path(sys.argv[2]), statement, int(sys.argv[4]))
