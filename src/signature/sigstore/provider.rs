//! The algorithms of Sigstore, done by ring, which does all others here too.

use ring::digest::{self, Context};
use ring::signature::{self as algorithm, UnparsedPublicKey, VerificationAlgorithm};
use sigstore_verify::crypto::{
    CryptoProvider, Error, HashContext, Result, SigningScheme, install_default_provider,
};
use sigstore_verify::types::HashAlgorithm;

#[derive(Debug)]
struct Ring;

struct Hash(Context);

/// Makes ring what the Sigstore crates calculate with, in the whole process.
pub(super) fn install() {
    // Who comes second finds the same provider there: nobody else installs one.
    let _already_there = install_default_provider(&Ring).is_err();
}

impl HashContext for Hash {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finalize(self: Box<Self>) -> Vec<u8> {
        self.0.finish().as_ref().into()
    }
}

impl CryptoProvider for Ring {
    fn hash(&self, algorithm: HashAlgorithm) -> Result<Box<dyn HashContext>> {
        let algorithm = match algorithm {
            HashAlgorithm::Sha2256 => &digest::SHA256,
            HashAlgorithm::Sha2384 => &digest::SHA384,
            HashAlgorithm::Sha2512 => &digest::SHA512,
            other => return Err(Error::UnsupportedAlgorithm(format!("{other} digests"))),
        };
        Ok(Box::new(Hash(Context::new(algorithm))))
    }

    fn verify_raw(
        &self,
        scheme: SigningScheme,
        public_key: &[u8],
        data: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        let name = scheme.name();
        let algorithm: &'static dyn VerificationAlgorithm = match scheme {
            SigningScheme::EcdsaP256Sha256 => &algorithm::ECDSA_P256_SHA256_ASN1,
            SigningScheme::EcdsaP256Sha384 => &algorithm::ECDSA_P256_SHA384_ASN1,
            SigningScheme::EcdsaP384Sha256 => &algorithm::ECDSA_P384_SHA256_ASN1,
            SigningScheme::EcdsaP384Sha384 => &algorithm::ECDSA_P384_SHA384_ASN1,
            SigningScheme::Ed25519 => &algorithm::ED25519,
            SigningScheme::RsaPssSha256 => &algorithm::RSA_PSS_2048_8192_SHA256,
            SigningScheme::RsaPssSha384 => &algorithm::RSA_PSS_2048_8192_SHA384,
            SigningScheme::RsaPssSha512 => &algorithm::RSA_PSS_2048_8192_SHA512,
            SigningScheme::RsaPkcs1Sha256 => &algorithm::RSA_PKCS1_2048_8192_SHA256,
            SigningScheme::RsaPkcs1Sha384 => &algorithm::RSA_PKCS1_2048_8192_SHA384,
            SigningScheme::RsaPkcs1Sha512 => &algorithm::RSA_PKCS1_2048_8192_SHA512,
            SigningScheme::MlDsa44 | SigningScheme::MlDsa65 | SigningScheme::MlDsa87 | _ => {
                return Err(Error::UnsupportedAlgorithm(format!("{name} signatures")));
            }
        };
        UnparsedPublicKey::new(algorithm, public_key)
            .verify(data, signature)
            .map_err(|_| Error::Verification(format!("{name} signature invalid")))
    }

    fn verify_prehashed(
        &self,
        scheme: SigningScheme,
        _public_key: &[u8],
        _digest: &[u8],
        _signature: &[u8],
    ) -> Result<()> {
        // Only signatures over files are made so, and those are no statements.
        let name = scheme.name();
        Err(Error::UnsupportedAlgorithm(format!("{name} signatures over a digest alone")))
    }
}
