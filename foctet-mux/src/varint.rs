//! Variable-length integers: RFC 9000, section 16.

use bytes::BufMut;

/// The largest value that fits: 2^62 - 1.
pub const MAX_VARINT: u64 = (1 << 62) - 1;

/// How many bytes the shortest encoding of `value` takes.
pub(crate) const fn varint_len(value: u64) -> usize {
    if value < 1 << 6 {
        1
    } else if value < 1 << 14 {
        2
    } else if value < 1 << 30 {
        4
    } else {
        8
    }
}

/// Appends the shortest encoding of `value`, which must not exceed [`MAX_VARINT`].
pub(crate) fn put_varint(out: &mut impl BufMut, value: u64) {
    debug_assert!(value <= MAX_VARINT);
    match varint_len(value) {
        1 => out.put_u8(value as u8),
        2 => out.put_u16(0b01 << 14 | value as u16),
        4 => out.put_u32(0b10 << 30 | value as u32),
        _ => out.put_u64(0b11 << 62 | value),
    }
}

/// Reads one integer off the front of `input`; `None`, with `input` as it was, if it is cut short.
pub(crate) fn get_varint(input: &mut &[u8]) -> Option<u64> {
    let first = *input.first()?;
    let len = 1_usize << (first >> 6);
    let (bytes, rest) = input.split_at_checked(len)?;
    let mut value = u64::from(first & 0x3f);
    for byte in bytes.iter().skip(1) {
        value = value << 8 | u64::from(*byte);
    }
    *input = rest;
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_rfc_9000_decode() {
        for (mut wire, value) in [
            (&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c][..], 151_288_809_941_952_652),
            (&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333),
            (&[0x7b, 0xbd], 15_293),
            (&[0x25], 37),
            (&[0x40, 0x25], 37),
        ] {
            assert_eq!(get_varint(&mut wire), Some(value));
            assert!(wire.is_empty());
        }
    }

    #[test]
    fn the_boundaries_of_each_length_round_trip() {
        for value in [0, 63, 64, 16_383, 16_384, (1 << 30) - 1, 1 << 30, MAX_VARINT] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(out.len(), varint_len(value));
            assert_eq!(get_varint(&mut &out[..]), Some(value));
        }
    }

    proptest! {
        #[test]
        fn what_was_put_is_what_is_got(value in 0..=MAX_VARINT, tail: Vec<u8>) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            let len = out.len();
            out.extend_from_slice(&tail);
            for cut in 0..len {
                prop_assert_eq!(get_varint(&mut &out[..cut]), None);
            }
            let mut input = &out[..];
            prop_assert_eq!(get_varint(&mut input), Some(value));
            prop_assert_eq!(input, &tail[..]);
        }
    }
}
