"""Makes and verifies envelopes with the reference implementations of DSSE and in-toto.

    envelopes.py keys DIR                           writes NAME.key and NAME.pem
    envelopes.py sign DIR NAME,... COMMIT KIND AT REPORT    prints an envelope on one line
    envelopes.py verify DIR NAME                    reads an envelope, prints its predicate type
"""

import base64
import hashlib
import json
import pathlib
import sys

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from in_toto.models.metadata import Envelope as InTotoEnvelope
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement
from google.protobuf.json_format import MessageToJson
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner, SSlibKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"
SCHEMES = {"rsa-pkcs1": "rsa-pkcs1v15-sha256", "rsa-pss": "rsassa-pss-sha256"}
MAKE = {
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "rsa-pss": lambda: rsa.generate_private_key(65537, 2048),
    "rsa-pkcs1": lambda: rsa.generate_private_key(65537, 3072),
}


def keys(directory):
    for name, make in MAKE.items():
        key = make()
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        (directory / f"{name}.key").write_bytes(private)
        (directory / f"{name}.pem").write_bytes(public)


def public_key(directory, name):
    key = serialization.load_pem_public_key((directory / f"{name}.pem").read_bytes())
    return SSlibKey.from_crypto(key, scheme=SCHEMES.get(name))


def sign(directory, names, commit, kind, at, report):
    content = pathlib.Path(report).read_bytes()
    predicate = {
        "kind": kind,
        "at": at,
        "report": {
            "mediaType": "application/octet-stream",
            "digest": {"sha256": hashlib.sha256(content).hexdigest()},
            "content": base64.b64encode(content).decode(),
        },
    }
    subject = ResourceDescriptor(name="commit", digest={"gitCommit": commit})
    statement = Statement([subject.pb], "https://refgate.dev/report/v1", predicate)
    statement.validate()
    payload = MessageToJson(statement.pb, preserving_proto_field_name=False)
    envelope = Envelope(payload.encode(), PAYLOAD_TYPE, {})
    for name in names.split(","):
        private = serialization.load_pem_private_key(
            (directory / f"{name}.key").read_bytes(), password=None
        )
        envelope.sign(CryptoSigner(private, public_key(directory, name)))
    print(json.dumps(envelope.to_dict()))


def verify(directory, name):
    data = json.load(sys.stdin)
    key = public_key(directory, name)
    Envelope.from_dict(json.loads(json.dumps(data))).verify([key], 1)
    InTotoEnvelope.from_dict(data).verify_signature({"keyid": key.keyid, **key.to_dict()})
    statement = json.loads(base64.b64decode(data["payload"]))
    subjects = [ResourceDescriptor(digest=s["digest"], name=s.get("name", "")) for s in statement["subject"]]
    Statement([s.pb for s in subjects], statement["predicateType"], statement["predicate"]).validate()
    print(statement["predicateType"])


if __name__ == "__main__":
    command, directory, *rest = sys.argv[1:]
    {"keys": keys, "sign": sign, "verify": verify}[command](pathlib.Path(directory), *rest)
