//! Passwords: hashing, deriving, and encryption with them.
//!
//! Counterpart: the rest of `crypto.go` of sprig 3.3.0 with golang.org/x/crypto's bcrypt and scrypt.
//!
//! **Invariant:** a password never enters an error; salts and initial vectors come from [`Ambient`].

use aes::Aes256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bcrypt::Version;
use cbc::cipher::block_padding::{NoPadding, Pkcs7};
use cbc::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::Ambient;
use super::args::{STRING, STRING2, bytes, fail, string, text, value};
use super::encoding::decode_base64;
use crate::gotemplate::{Call, Function};
use crate::value::{CallError, CallResult, Signature, Type, Value};

/// The work factor of bcrypt: Go's default.
const BCRYPT_COST: u32 = 10;

/// Bytes of a password that bcrypt takes.
const BCRYPT_LIMIT: usize = 72;

const BLOCK: usize = 16;

/// The functions on passwords.
pub(super) fn functions<H: Ambient>() -> Vec<Function<H>> {
    vec![
        Function::hosted("bcrypt", Signature::fixed(STRING), |call, args| string(hash(call, bytes(args, 0)))),
        Function::hosted("htpasswd", Signature::fixed(STRING2), |call, args| {
            let user = bytes(args, 0);
            if user.contains(&b':') {
                return string([b"invalid username: ", user].concat());
            }
            string([user, b":", hash(call, bytes(args, 1)).as_bytes()].concat())
        }),
        Function::pure(
            "derivePassword",
            Signature::fixed(&[Type::Uint32, Type::String, Type::String, Type::String, Type::String]),
            derive_password,
        ),
        Function::hosted("encryptAES", Signature::fixed(STRING2), |call, args| {
            let plain = bytes(args, 1);
            if plain.is_empty() {
                return string("");
            }
            let mut vector = [0; BLOCK];
            call.host().fill_random(&mut vector);
            let cipher = cbc::Encryptor::<Aes256>::new(&key(bytes(args, 0)).into(), &vector.into());
            string(STANDARD.encode([vector.to_vec(), cipher.encrypt_padded_vec::<Pkcs7>(plain)].concat()))
        }),
        Function::pure("decryptAES", Signature::fixed(STRING2), decrypt),
    ]
}

fn hash<H: Ambient>(call: &Call<'_, H>, password: &[u8]) -> String {
    if password.len() > BCRYPT_LIMIT {
        return format!("failed to encrypt string with bcrypt: bcrypt: password length exceeds {BCRYPT_LIMIT} bytes");
    }
    let mut salt = [0; 16];
    call.host().fill_random(&mut salt);
    match bcrypt::hash_with_salt(password, BCRYPT_COST, salt) {
        Ok(parts) => parts.format_for_version(Version::TwoA),
        Err(error) => format!("failed to encrypt string with bcrypt: {error}"),
    }
}

/// The key that a password gives: its first 32 bytes, filled up with zeros.
fn key(password: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    for (slot, byte) in key.iter_mut().zip(password) {
        *slot = *byte;
    }
    key
}

fn decrypt(args: &[Value]) -> CallResult {
    let encoded = bytes(args, 1);
    if encoded.is_empty() {
        return string("");
    }
    let data = decode_base64(encoded).map_err(CallError::new)?;
    let Some((vector, sealed)) = data.split_first_chunk::<BLOCK>() else {
        let capacity = encoded.len() / 4 * 3;
        return fail(format!("runtime error: slice bounds out of range [:{BLOCK}] with capacity {capacity}"));
    };
    let cipher = cbc::Decryptor::<Aes256>::new(&key(bytes(args, 0)).into(), &(*vector).into());
    let Ok(plain) = cipher.decrypt_padded_vec::<NoPadding>(sealed) else {
        return fail("crypto/cipher: input not full blocks");
    };
    // The padding is cut off unchecked, as in sprig.
    let Some(padding) = plain.last() else { return fail("runtime error: index out of range [-1]") };
    let Some(length) = plain.len().checked_sub(usize::from(*padding)) else {
        let end = plain.len() as i64 - i64::from(*padding);
        return fail(format!("runtime error: slice bounds out of range [:{end}]"));
    };
    string(plain.get(..length).unwrap_or_default())
}

/// The templates of a type of password: one letter stands for a class of letters.
fn templates(password_type: &str) -> Option<&'static [&'static str]> {
    Some(match password_type {
        "maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        "long" => &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
        "medium" => &["CvcnoCvc", "CvcCvcno"],
        "short" => &["Cvcn"],
        "basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        "pin" => &["nnnn"],
        _ => return None,
    })
}

/// The letters that a letter of a template stands for.
fn class(letter: char) -> &'static str {
    match letter {
        'V' => "AEIOU",
        'C' => "BCDFGHJKLMNPQRSTVWXYZ",
        'v' => "aeiou",
        'c' => "bcdfghjklmnpqrstvwxyz",
        'A' => "AEIOUBCDFGHJKLMNPQRSTVWXYZ",
        'a' => "AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        'n' => "0123456789",
        'o' => "@&%?,=[]_:-+*$#!'^~;()/.",
        _ => "AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

/// The Master Password algorithm: the same words give the same password everywhere.
fn derive_password(args: &[Value]) -> CallResult {
    const SCOPE: &[u8] = b"com.lyndir.masterpassword";
    let counter = match value(args, 0) {
        Value::Uint(_, counter) => *counter as u32,
        _ => 0,
    };
    let password_type = text(args, 1);
    let Some(templates) = templates(&password_type) else {
        return string(format!("cannot find password template {password_type}"));
    };
    let named = |name: &[u8]| [SCOPE, &(name.len() as u32).to_be_bytes(), name].concat();
    let failure = |_| CallError::new("failed to derive password");
    let mut secret = [0; 64];
    let cost = scrypt::Params::new(15, 8, 2).or_else(|_| fail("failed to derive password"))?;
    scrypt::scrypt(bytes(args, 2), &named(bytes(args, 3)), &cost, &mut secret)
        .or_else(|_| fail("failed to derive password"))?;
    let mut code = Hmac::<Sha256>::new_from_slice(&secret).map_err(failure)?;
    code.update(&named(bytes(args, 4)));
    code.update(&counter.to_be_bytes());
    let seed = code.finalize().into_bytes();
    let (first, rest) = seed.split_first().map_or((0, &[][..]), |(first, rest)| (usize::from(*first), rest));
    let template = templates.get(first % templates.len()).copied().unwrap_or_default();
    let letters = template.chars().zip(rest).filter_map(|(letter, byte)| {
        let class = class(letter);
        class.chars().nth(usize::from(*byte) % class.len())
    });
    string(letters.collect::<String>())
}
