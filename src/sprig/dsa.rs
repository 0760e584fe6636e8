//! DSA keys, which nothing but old programs wants.
//!
//! Counterpart: `crypto/dsa` with parameters of 2048 and 256 bits, in the layout of OpenSSL, as sprig 3.3.0 writes it.
//!
//! **Invariant:** every prime has passed [`ROUNDS`] rounds of Miller and Rabin's test.

use num_bigint::{BigUint, Sign};

use super::Ambient;
use super::pem::{self, INTEGER, SEQUENCE, der};

/// Rounds of the test for primes; Go makes as many.
const ROUNDS: usize = 64;
const P_BITS: u64 = 2_048;
const Q_BITS: u64 = 256;

/// A new key as PEM.
pub(super) fn generate(ambient: &impl Ambient) -> String {
    let (modulus, order) = primes(ambient);
    let one = BigUint::from(1_u8);
    let cofactor = (&modulus - &one) / &order;
    let powers = (2_u32..).map(|base| BigUint::from(base).modpow(&cofactor, &modulus));
    let generator = powers.skip_while(|power| *power == one).take(1).sum::<BigUint>();
    let secret = random(ambient, Q_BITS) % (&order - &one) + &one;
    let public = generator.modpow(&secret, &modulus);
    let mut fields = der(INTEGER, &[0]);
    for number in [&modulus, &order, &generator, &public, &secret] {
        let signed = num_bigint::BigInt::from_biguint(Sign::Plus, number.clone());
        fields.extend(der(INTEGER, &signed.to_signed_bytes_be()));
    }
    pem::encode("DSA PRIVATE KEY", &der(SEQUENCE, &fields))
}

/// A prime of 2048 bits, and one of 256 bits that divides it less one.
fn primes(ambient: &impl Ambient) -> (BigUint, BigUint) {
    let small = small_primes();
    loop {
        let mut q = random(ambient, Q_BITS);
        q.set_bit(0, true);
        q.set_bit(Q_BITS - 1, true);
        if !is_prime(ambient, &q, &small) {
            continue;
        }
        for _ in 0..4 * P_BITS {
            let mut p = random(ambient, P_BITS);
            p.set_bit(P_BITS - 1, true);
            let rest = &p % (&q * 2_u8);
            p = p - rest + 1_u8;
            if p.bits() == P_BITS && is_prime(ambient, &p, &small) {
                return (p, q);
            }
        }
    }
}

fn random(ambient: &impl Ambient, bits: u64) -> BigUint {
    let mut buffer = vec![0; (bits / 8) as usize];
    ambient.fill_random(&mut buffer);
    BigUint::from_bytes_be(&buffer)
}

fn small_primes() -> Vec<u32> {
    let mut primes: Vec<u32> = Vec::new();
    for candidate in 3..4_000 {
        if candidate % 2 == 1 && primes.iter().all(|prime| candidate % prime != 0) {
            primes.push(candidate);
        }
    }
    primes
}

/// Whether an odd number beyond the small primes is prime, but for a chance of one in 2^128.
fn is_prime(ambient: &impl Ambient, number: &BigUint, small: &[u32]) -> bool {
    let zero = BigUint::ZERO;
    if small.iter().any(|prime| number % *prime == zero) {
        return false;
    }
    let one = BigUint::from(1_u8);
    let last = number - &one;
    let twos = last.trailing_zeros().unwrap_or(0);
    let odd = &last >> twos;
    (0..ROUNDS).all(|_| {
        let base = random(ambient, number.bits()) % (&last - &one) + 1_u8 + &one;
        let mut power = base.modpow(&odd, number);
        if power == one || power == last {
            return true;
        }
        (1..twos).any(|_| {
            power = &power * &power % number;
            power == last
        })
    })
}
