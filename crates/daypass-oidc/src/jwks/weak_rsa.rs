//! RSA keys made by a faulty generator (ROCA, CVE-2017-15361): their private half can be computed.
//!
//! The generator built primes of the form `k·M + (65537^a mod M)`, where `M` is a product of small primes. So modulo
//! each of these small primes, the modulus is a power of 65537; for an honest key that holds for all of them with a
//! probability far below one in a billion.

/// The odd primes of the generator's smallest `M`.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Whether `modulus` (big-endian) looks like one of these keys.
pub(super) fn has_roca_fingerprint(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|prime| is_power_of_65537(remainder(modulus, *prime), *prime))
}

fn remainder(number: &[u8], divisor: u32) -> u32 {
    number.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % divisor)
}

fn is_power_of_65537(value: u32, prime: u32) -> bool {
    let generator = 65537 % prime;
    let mut power = 1;
    for _ in 0..prime {
        if power == value {
            return true;
        }
        power = power * generator % prime;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_of_the_generator_has_the_fingerprint_and_its_neighbour_has_not() {
        // 65537^5 is a power of 65537 modulo everything.
        let weak = 65537_u128.pow(5).to_be_bytes();
        let neighbour = (65537_u128.pow(5) + 2).to_be_bytes();
        assert!(has_roca_fingerprint(&weak));
        assert!(!has_roca_fingerprint(&neighbour));
    }
}
