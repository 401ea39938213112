/// What the long header at the front of a datagram tells (RFC 9000, section 17.2). Nothing of it is authentic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LongHeader<'a> {
    pub(super) kind: Kind,
    pub(super) destination: &'a [u8],
    pub(super) source: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Initial,
    Retry,
    /// 0-RTT or Handshake.
    Other,
}

impl<'a> LongHeader<'a> {
    /// `None` for short headers, and for versions of QUIC other than 1.
    pub(super) fn read(packet: &'a [u8]) -> Option<Self> {
        const LONG_HEADER: u8 = 0x80;
        const VERSION_1: [u8; 4] = [0, 0, 0, 1];
        let (first, rest) = packet.split_first()?;
        let (version, rest) = rest.split_first_chunk()?;
        if first & LONG_HEADER == 0 || *version != VERSION_1 {
            return None;
        }
        let (destination, rest) = connection_id(rest)?;
        let (source, _) = connection_id(rest)?;
        let kind = match first >> 4 & 3 {
            0 => Kind::Initial,
            3 => Kind::Retry,
            _ => Kind::Other,
        };
        Some(Self { kind, destination, source })
    }
}

fn connection_id(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connection_ids_and_the_kind_are_found_or_nothing() {
        let header = |first: u8| [&[first, 0, 0, 0, 1, 2, 7, 8, 1, 9][..], &[0; 20]].concat();
        let read = |first| LongHeader::read(&header(first)).map(|header| header.kind);
        // The fixed bit may be greased.
        assert_eq!((read(0xc3), read(0x83)), (Some(Kind::Initial), Some(Kind::Initial)));
        assert_eq!((read(0xf0), read(0xe0), read(0x43)), (Some(Kind::Retry), Some(Kind::Other), None));
        let bytes = header(0xc0);
        let header = LongHeader::read(&bytes).unwrap();
        assert_eq!((header.destination, header.source), (&[7, 8][..], &[9][..]));
        assert!((0..10).all(|length| LongHeader::read(&bytes[..length]).is_none()));
        assert_eq!(LongHeader::read(&[0xc0, 0, 0, 0, 0, 0, 0]), None, "version negotiation");
    }
}
