//! Certificates and private keys.
//!
//! Counterpart: the certificates in `crypto.go` of sprig 3.3.0: RSA keys of 2048 bits, random serial numbers of 128 bits, valid from
//! now, for servers and clients. Unlike Go, certificates that are no authority carry a subject key identifier, too.
//!
//! **Invariant:** key material never enters an error or the output of `Debug`. Keys are made by aws-lc with its own generator; serial numbers and times come
//! from [`Ambient`].

use std::any::Any;
use std::net::IpAddr;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyUsagePurpose, PublicKeyData as _, RsaKeySize, SanType, SerialNumber,
};
use x509_parser::parse_x509_certificate;

use super::Ambient;
use super::args::{STRING, STRING2, bytes, fail, int, string, text, value};
use super::dsa;
use super::encoding::decode_base64;
use super::keys::PrivateKey;
use super::pem;
use crate::gotemplate::{Call, Function};
use crate::value::{CallError, CallResult, Kind, Object, Signature, Type, Value, quote};

const TYPE_NAME: &str = "sprig.certificate";
const SECONDS_IN_DAY: i128 = 86_400;

/// The functions on certificates.
pub(super) fn functions<H: Ambient>() -> Vec<Function<H>> {
    const NAME: Type = Type::String;
    const DAYS: Type = Type::Int;
    const IPS: Type = Type::List;
    const DNS: Type = Type::List;
    const CA: Type = Type::Object(TYPE_NAME);
    vec![
        Function::hosted("genPrivateKey", Signature::fixed(STRING), generate_key),
        Function::pure("buildCustomCert", Signature::fixed(STRING2), build_custom),
        Function::hosted("genCA", Signature::fixed(&[NAME, DAYS]), |call, args| {
            Request::authority(args).self_signed(call, &new_key()?)
        }),
        Function::hosted("genCAWithKey", Signature::fixed(&[NAME, DAYS, Type::String]), |call, args| {
            Request::authority(args).self_signed(call, &given_key(args, 2)?)
        }),
        Function::hosted("genSelfSignedCert", Signature::fixed(&[NAME, IPS, DNS, DAYS]), |call, args| {
            let key = new_key()?;
            Request::server(args)?.self_signed(call, &key)
        }),
        Function::hosted(
            "genSelfSignedCertWithKey",
            Signature::fixed(&[NAME, IPS, DNS, DAYS, Type::String]),
            |call, args| {
                let key = given_key(args, 4)?;
                Request::server(args)?.self_signed(call, &key)
            },
        ),
        Function::hosted("genSignedCert", Signature::fixed(&[NAME, IPS, DNS, DAYS, CA]), |call, args| {
            signed(call, args, &new_key()?)
        }),
        Function::hosted(
            "genSignedCertWithKey",
            Signature::fixed(&[NAME, IPS, DNS, DAYS, CA, Type::String]),
            |call, args| signed(call, args, &given_key(args, 5)?),
        ),
    ]
}

/// A certificate with its key, both as PEM: the struct that templates see.
#[derive(Clone)]
struct Certificate {
    cert: Vec<u8>,
    key: Vec<u8>,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate").finish_non_exhaustive()
    }
}

impl Object for Certificate {
    fn type_name(&self) -> &str {
        TYPE_NAME
    }

    fn kind(&self) -> Kind {
        Kind::Struct
    }

    fn field(&self, name: &str) -> Option<Value> {
        self.fields().into_iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![("Cert", Value::string(self.cert.as_slice())), ("Key", Value::string(self.key.as_slice()))]
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn generate_key<H: Ambient>(call: &mut Call<'_, H>, args: &[Value]) -> CallResult {
    let kind = text(args, 0);
    let key = match kind.as_ref() {
        "" | "rsa" => PrivateKey::rsa(RsaKeySize::_4096),
        "ecdsa" => PrivateKey::ecdsa(),
        "ed25519" => PrivateKey::ed25519(),
        "dsa" => return string(dsa::generate(call.host())),
        _ => return string(format!("Unknown type {kind}")),
    };
    match key {
        Ok(key) => string(key.to_pem()),
        Err(reason) => string(format!("failed to generate private key: {reason}")),
    }
}

fn new_key() -> Result<PrivateKey, CallError> {
    PrivateKey::rsa(RsaKeySize::_2048).or_else(|reason| fail(format!("error generating rsa key: {reason}")))
}

fn given_key(args: &[Value], position: usize) -> Result<PrivateKey, CallError> {
    PrivateKey::parse(&text(args, position)).or_else(|reason| fail(format!("parsing private key: {reason}")))
}

fn build_custom(args: &[Value]) -> CallResult {
    let decode = |position, what: &str| {
        decode_base64(bytes(args, position)).or_else(|_| fail(format!("unable to decode base64 {what}")))
    };
    let cert = decode(0, "certificate")?;
    let key = decode(1, "private key")?;
    let Some(block) = pem::decode(&String::from_utf8_lossy(&cert)) else { return fail("unable to decode certificate") };
    if parse_x509_certificate(&block.bytes).is_err() {
        return fail("error parsing certificate: decodedCert.Bytes: x509: malformed certificate");
    }
    if let Err(reason) = PrivateKey::parse(&String::from_utf8_lossy(&key)) {
        return fail(format!("error parsing private key: {reason}"));
    }
    Ok(Value::object(Certificate { cert, key }))
}

/// What a certificate is to say.
struct Request {
    common_name: String,
    names: Vec<SanType>,
    days: i64,
    is_authority: bool,
}

impl Request {
    fn authority(args: &[Value]) -> Self {
        Self { common_name: text(args, 0).into_owned(), names: Vec::new(), days: int(args, 1), is_authority: true }
    }

    fn server(args: &[Value]) -> Result<Self, CallError> {
        let mut names = Vec::new();
        let addresses = strings(value(args, 1), "error parsing ip: ")?;
        let hosts = strings(value(args, 2), "error processing alternate dns name: ");
        for address in addresses {
            match address.parse::<IpAddr>() {
                Ok(address) => names.push(SanType::IpAddress(address)),
                Err(_) => return fail(format!("error parsing ip: {address}")),
            }
        }
        for host in hosts? {
            let name = host.as_str().try_into().map(SanType::DnsName).or_else(|_| {
                let shown = quote(&host);
                fail(format!("error creating certificate: x509: {shown} cannot be encoded as an IA5String"))
            })?;
            // Names come before addresses, as Go writes them.
            let position = names.iter().take_while(|name| matches!(name, SanType::DnsName(_))).count();
            names.insert(position, name);
        }
        Ok(Self { common_name: text(args, 0).into_owned(), names, days: int(args, 3), is_authority: false })
    }

    fn params<H: Ambient>(self, call: &Call<'_, H>) -> CertificateParams {
        let mut serial = [0; 16];
        call.host().fill_random(&mut serial);
        let now = call.host().now().div_euclid(1_000_000_000);
        let mut name = DistinguishedName::new();
        if !self.common_name.is_empty() {
            name.push(DnType::CommonName, self.common_name);
        }
        let mut params = CertificateParams::default();
        let start = rcgen::date_time_ymd(1970, 1, 1);
        params.not_before = start + since_1970(now);
        params.not_after = start + since_1970(now.saturating_add(i128::from(self.days) * SECONDS_IN_DAY));
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.subject_alt_names = self.names;
        params.distinguished_name = name;
        params.key_usages = vec![KeyUsagePurpose::KeyEncipherment, KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.is_ca = IsCa::ExplicitNoCa;
        if self.is_authority {
            params.key_usages.push(KeyUsagePurpose::KeyCertSign);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        params
    }

    fn self_signed<H: Ambient>(self, call: &Call<'_, H>, key: &PrivateKey) -> CallResult {
        let params = self.params(call);
        answer(params.self_signed(&key.pair), key)
    }
}

/// The strings of a list, or an error about the first item that is none.
fn strings(list: &Value, refusal: &str) -> Result<Vec<String>, CallError> {
    let Value::List(list) = list else { return Ok(Vec::new()) };
    let text = |item: &Value| match item.as_text() {
        Some(text) => Ok(text.to_string()),
        None => fail(format!("{refusal}{} is not a string", item.to_text())),
    };
    list.iter().map(text).collect()
}

/// The time since 1970, within the years that certificates can show: until the end of 9999.
fn since_1970(seconds: i128) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0).min(253_402_300_799))
}

fn answer(certificate: Result<rcgen::Certificate, rcgen::Error>, key: &PrivateKey) -> CallResult {
    match certificate {
        Ok(certificate) => Ok(Value::object(Certificate {
            cert: pem::encode("CERTIFICATE", certificate.der()).into_bytes(),
            key: key.to_pem().into_bytes(),
        })),
        Err(error) => fail(format!("error creating certificate: {error}")),
    }
}

fn signed<H: Ambient>(call: &Call<'_, H>, args: &[Value], key: &PrivateKey) -> CallResult {
    let authority = match value(args, 4) {
        Value::Object(object) => object.as_any().downcast_ref::<Certificate>(),
        _ => None,
    };
    let Some(authority) = authority else { return fail(super::args::NIL_POINTER) };
    let Some(block) = pem::decode(&String::from_utf8_lossy(&authority.cert)) else {
        return fail("unable to decode certificate");
    };
    let Ok((_, certificate)) = parse_x509_certificate(&block.bytes) else {
        return fail("error parsing certificate: decodedSignerCert.Bytes: x509: malformed certificate");
    };
    let signer = PrivateKey::parse(&String::from_utf8_lossy(&authority.key))
        .or_else(|reason| fail(format!("error parsing private key: {reason}")))?;
    let mut params = Request::server(args)?.params(call);
    params.use_authority_key_identifier_extension = true;
    if signer.pair.der_bytes() != certificate.public_key().subject_public_key.data.as_ref() {
        return fail("error creating certificate: x509: provided PrivateKey doesn't match parent's PublicKey");
    }
    let issuer = Issuer::from_ca_cert_der(&block.bytes.as_slice().into(), signer.pair)
        .or_else(|error| fail(format!("error creating certificate: {error}")))?;
    answer(params.signed_by(&key.pair, &issuer), key)
}
