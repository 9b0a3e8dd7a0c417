//! BLAKE2b-512 ([RFC 7693]) with an unfinished state that can be written to a file and resumed. With this
//! state in a `.ptau`, anyone can compute the hash of a response without the response.
//!
//! [RFC 7693]: https://www.rfc-editor.org/rfc/rfc7693

use crate::digest::Hash;

/// Length in bytes of a state in a `.ptau`.
pub(crate) const STATE_LEN: usize = 216;

/// An unfinished BLAKE2b-512 hash.
#[derive(Debug, Clone)]
pub(crate) struct Blake2b {
    state: [u64; 8],
    /// Number of bytes processed by the compression function.
    compressed: u128,
    block: [u8; BLOCK],
    /// Number of bytes waiting in `block`. The last block of a message is compressed differently, so a full
    /// block waits until more bytes arrive.
    waiting: usize,
}

const BLOCK: usize = 128;

impl Blake2b {
    pub(crate) fn new() -> Self {
        let mut state = IV;
        // No key, a digest of 64 bytes, no tree.
        state[0] ^= 0x0101_0000 ^ 64;
        Self { state, compressed: 0, block: [0; BLOCK], waiting: 0 }
    }

    /// The digest of `bytes`.
    pub(crate) fn hash(bytes: &[u8]) -> Hash {
        let mut hasher = Self::new();
        hasher.update(bytes);
        hasher.finish()
    }

    /// Whole blocks followed by more bytes are not copied. The stale end of `block` therefore depends on how
    /// calls split a message. It is stored in files, which must equal those of snarkjs.
    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.waiting == BLOCK {
                let block = self.block;
                self.compress(&block);
                self.waiting = 0;
            }
            if self.waiting == 0 {
                while let Some((block, later)) =
                    bytes.split_first_chunk().filter(|(_, later)| !later.is_empty())
                {
                    self.compress(block);
                    bytes = later;
                }
            }
            let taken = bytes.len().min(BLOCK - self.waiting);
            let (now, later) = bytes.split_at(taken);
            self.block[self.waiting..self.waiting + taken].copy_from_slice(now);
            self.waiting += taken;
            bytes = later;
        }
    }

    fn compress(&mut self, block: &[u8; BLOCK]) {
        self.compressed += BLOCK as u128;
        compress(&mut self.state, block, self.compressed, false);
    }

    pub(crate) fn finish(mut self) -> Hash {
        self.block[self.waiting..].fill(0);
        compress(&mut self.state, &self.block, self.compressed + self.waiting as u128, true);
        let mut hash = [0; 64];
        for (chunk, word) in hash.chunks_exact_mut(8).zip(self.state) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        hash
    }

    /// `block(128) | state(64) | compressed bytes u64 | waiting bytes u64`, then eight zero bytes.
    pub(crate) fn to_state(&self) -> [u8; STATE_LEN] {
        let mut bytes = [0; STATE_LEN];
        bytes[..BLOCK].copy_from_slice(&self.block);
        let numbers = self.state.iter().copied().chain([self.compressed as u64, self.waiting as u64]);
        for (chunk, number) in bytes[BLOCK..].chunks_exact_mut(8).zip(numbers) {
            chunk.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    /// The inverse of [`Blake2b::to_state`]; `None` if more bytes are waiting than a block has.
    pub(crate) fn from_state(bytes: &[u8; STATE_LEN]) -> Option<Self> {
        let (block, numbers) = bytes.split_at(BLOCK);
        let mut words = [0; 11];
        for (word, chunk) in words.iter_mut().zip(numbers.chunks_exact(8)) {
            *word = u64::from_le_bytes(chunk.try_into().expect("the chunk has eight bytes"));
        }
        let [a, b, c, d, e, f, g, h, compressed, waiting, _] = words;
        let waiting = usize::try_from(waiting).ok().filter(|waiting| *waiting <= BLOCK)?;
        let block = block.try_into().expect("the split is at the length of a block");
        Some(Self { state: [a, b, c, d, e, f, g, h], compressed: compressed.into(), block, waiting })
    }
}

fn compress(state: &mut [u64; 8], block: &[u8; BLOCK], length: u128, last: bool) {
    let mut message = [0u64; 16];
    for (word, chunk) in message.iter_mut().zip(block.chunks_exact(8)) {
        *word = u64::from_le_bytes(chunk.try_into().expect("the chunk has eight bytes"));
    }
    let mut v = [0u64; 16];
    v[..8].copy_from_slice(state);
    v[8..].copy_from_slice(&IV);
    v[12] ^= length as u64;
    v[13] ^= (length >> 64) as u64;
    if last {
        v[14] = !v[14];
    }
    for round in 0..12 {
        let order = &SIGMA[round % 10];
        let m = |i: usize| message[order[i] as usize];
        mix(&mut v, [0, 4, 8, 12], m(0), m(1));
        mix(&mut v, [1, 5, 9, 13], m(2), m(3));
        mix(&mut v, [2, 6, 10, 14], m(4), m(5));
        mix(&mut v, [3, 7, 11, 15], m(6), m(7));
        mix(&mut v, [0, 5, 10, 15], m(8), m(9));
        mix(&mut v, [1, 6, 11, 12], m(10), m(11));
        mix(&mut v, [2, 7, 8, 13], m(12), m(13));
        mix(&mut v, [3, 4, 9, 14], m(14), m(15));
    }
    for (i, word) in state.iter_mut().enumerate() {
        *word ^= v[i] ^ v[i + 8];
    }
}

#[inline(always)]
fn mix(v: &mut [u64; 16], [a, b, c, d]: [usize; 4], x: u64, y: u64) {
    v[a] = v[a].wrapping_add(v[b]).wrapping_add(x);
    v[d] = (v[d] ^ v[a]).rotate_right(32);
    v[c] = v[c].wrapping_add(v[d]);
    v[b] = (v[b] ^ v[c]).rotate_right(24);
    v[a] = v[a].wrapping_add(v[b]).wrapping_add(y);
    v[d] = (v[d] ^ v[a]).rotate_right(16);
    v[c] = v[c].wrapping_add(v[d]);
    v[b] = (v[b] ^ v[c]).rotate_right(63);
}

const IV: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

#[rustfmt::skip]
const SIGMA: [[u8; 16]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_the_rfc_holds() {
        // RFC 7693, appendix A.
        let expected = "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1\
                        7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923";
        assert_eq!(hex::encode(Blake2b::hash(b"abc")), expected);
    }

    #[test]
    fn a_state_is_taken_up_where_it_was_left() {
        let message: Vec<u8> = (0..1000u32).map(|i| i as u8).collect();
        for split in [0, 1, 127, 128, 129, 256, 500, 1000] {
            let (head, tail) = message.split_at(split);
            let mut hasher = Blake2b::new();
            hasher.update(head);
            let mut again = Blake2b::from_state(&hasher.to_state()).unwrap();
            again.update(tail);
            assert_eq!(again.finish(), Blake2b::hash(&message), "{split}");
        }
    }

    #[test]
    fn a_state_with_more_waiting_than_a_block_is_refused() {
        let mut state = Blake2b::new().to_state();
        state[200] = 129;
        assert!(Blake2b::from_state(&state).is_none());
        state[207] = 1;
        assert!(Blake2b::from_state(&state).is_none());
    }
}
