//! HMAC with SHA-256 (RFC 2104).

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Block size of SHA-256 in bytes.
const BLOCK: usize = 64;

/// HMAC-SHA256 of `message` under `key`. The key is shorter than a block, so it is not hashed.
pub(super) fn hmac_sha256(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let padded = |pad: u8| {
        let mut block = Zeroizing::new([pad; BLOCK]);
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::new().chain_update(*padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(*padded(0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vectors_come_out() {
        // RFC 4231, test cases 1 and 2. Zeros at the end of a key do not change the result.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let expected = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
        assert_eq!(hex::encode(hmac_sha256(&key, b"Hi There")), expected);
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex::encode(hmac_sha256(&key, b"what do ya want for nothing?")), expected);
    }
}
