//! Transport parameters: RFC 9000, section 18, RFC 9221, section 3, and max_record_size of QMux.

use std::time::Duration;

use crate::varint::{get_varint, put_varint, varint_len};
use crate::{Config, MAX_STREAMS, MIN_MAX_RECORD_SIZE, Violation};

mod ids {
    pub(super) const MAX_IDLE_TIMEOUT: u64 = 0x01;
    pub(super) const INITIAL_MAX_DATA: u64 = 0x04;
    pub(super) const INITIAL_MAX_STREAM_DATA_BIDI_LOCAL: u64 = 0x05;
    pub(super) const INITIAL_MAX_STREAM_DATA_BIDI_REMOTE: u64 = 0x06;
    pub(super) const INITIAL_MAX_STREAM_DATA_UNI: u64 = 0x07;
    pub(super) const INITIAL_MAX_STREAMS_BIDI: u64 = 0x08;
    pub(super) const INITIAL_MAX_STREAMS_UNI: u64 = 0x09;
    pub(super) const MAX_DATAGRAM_FRAME_SIZE: u64 = 0x20;
    pub(super) const MAX_RECORD_SIZE: u64 = 0x0571_c594_29cd_0845;
}

/// What one side allows the other from the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TransportParameters {
    /// Milliseconds, 0 for none.
    pub(crate) max_idle_timeout: u64,
    pub(crate) initial_max_data: u64,
    pub(crate) initial_max_stream_data_bidi_local: u64,
    pub(crate) initial_max_stream_data_bidi_remote: u64,
    pub(crate) initial_max_stream_data_uni: u64,
    pub(crate) initial_max_streams_bidi: u64,
    pub(crate) initial_max_streams_uni: u64,
    pub(crate) max_datagram_frame_size: u64,
    pub(crate) max_record_size: u64,
}

impl Default for TransportParameters {
    /// What holds for a side that says nothing.
    fn default() -> Self {
        Self {
            max_idle_timeout: 0,
            initial_max_data: 0,
            initial_max_stream_data_bidi_local: 0,
            initial_max_stream_data_bidi_remote: 0,
            initial_max_stream_data_uni: 0,
            initial_max_streams_bidi: 0,
            initial_max_streams_uni: 0,
            max_datagram_frame_size: 0,
            max_record_size: MIN_MAX_RECORD_SIZE as u64,
        }
    }
}

impl TransportParameters {
    /// What `config` says.
    pub(crate) fn from_config(config: &Config) -> Self {
        let stream = config.stream_window();
        Self {
            max_idle_timeout: config.max_idle_timeout.map_or(0, |timeout| timeout.as_millis() as u64),
            initial_max_data: config.connection_window(),
            initial_max_stream_data_bidi_local: stream,
            initial_max_stream_data_bidi_remote: stream,
            initial_max_stream_data_uni: stream,
            initial_max_streams_bidi: config.max_streams_bidi,
            initial_max_streams_uni: config.max_streams_uni,
            max_datagram_frame_size: config.max_datagram_frame_size as u64,
            max_record_size: config.max_record_size as u64,
        }
    }

    /// The idle timeout, if there is one.
    pub(crate) fn idle_timeout(&self) -> Option<Duration> {
        (self.max_idle_timeout > 0).then(|| Duration::from_millis(self.max_idle_timeout))
    }

    /// The encoding of RFC 9000, section 18; what equals the default is left out.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let default = Self::default();
        let mut out = Vec::new();
        for (id, value, default) in [
            (ids::MAX_IDLE_TIMEOUT, self.max_idle_timeout, 0),
            (ids::INITIAL_MAX_DATA, self.initial_max_data, 0),
            (ids::INITIAL_MAX_STREAM_DATA_BIDI_LOCAL, self.initial_max_stream_data_bidi_local, 0),
            (ids::INITIAL_MAX_STREAM_DATA_BIDI_REMOTE, self.initial_max_stream_data_bidi_remote, 0),
            (ids::INITIAL_MAX_STREAM_DATA_UNI, self.initial_max_stream_data_uni, 0),
            (ids::INITIAL_MAX_STREAMS_BIDI, self.initial_max_streams_bidi, 0),
            (ids::INITIAL_MAX_STREAMS_UNI, self.initial_max_streams_uni, 0),
            (ids::MAX_DATAGRAM_FRAME_SIZE, self.max_datagram_frame_size, 0),
            (ids::MAX_RECORD_SIZE, self.max_record_size, default.max_record_size),
        ] {
            if value != default {
                put_varint(&mut out, id);
                put_varint(&mut out, varint_len(value) as u64);
                put_varint(&mut out, value);
            }
        }
        out
    }

    /// What the peer says; parameters that we don't know, reserved ones among them, are skipped.
    pub(crate) fn decode(mut input: &[u8]) -> Result<Self, Violation> {
        let mut params = Self::default();
        let mut seen = 0_u64;
        while !input.is_empty() {
            let (id, mut value) = next(&mut input).ok_or(Violation::parameter("truncated"))?;
            let (field, bit) = match id {
                ids::MAX_IDLE_TIMEOUT => (&mut params.max_idle_timeout, 0),
                ids::INITIAL_MAX_DATA => (&mut params.initial_max_data, 1),
                ids::INITIAL_MAX_STREAM_DATA_BIDI_LOCAL => {
                    (&mut params.initial_max_stream_data_bidi_local, 2)
                }
                ids::INITIAL_MAX_STREAM_DATA_BIDI_REMOTE => {
                    (&mut params.initial_max_stream_data_bidi_remote, 3)
                }
                ids::INITIAL_MAX_STREAM_DATA_UNI => (&mut params.initial_max_stream_data_uni, 4),
                ids::INITIAL_MAX_STREAMS_BIDI => (&mut params.initial_max_streams_bidi, 5),
                ids::INITIAL_MAX_STREAMS_UNI => (&mut params.initial_max_streams_uni, 6),
                ids::MAX_DATAGRAM_FRAME_SIZE => (&mut params.max_datagram_frame_size, 7),
                ids::MAX_RECORD_SIZE => (&mut params.max_record_size, 8),
                // The rest of RFC 9000, section 18.2: meaningless without packets and addresses.
                0x00..=0x10 => return Err(Violation::parameter("a parameter that QMux forbids")),
                _ => continue,
            };
            if seen & (1 << bit) != 0 {
                return Err(Violation::parameter("a parameter twice"));
            }
            seen |= 1 << bit;
            *field = get_varint(&mut value).ok_or(Violation::parameter("a value is no integer"))?;
            if !value.is_empty() {
                return Err(Violation::parameter("a value is too long"));
            }
        }
        if params.initial_max_streams_bidi.max(params.initial_max_streams_uni) > MAX_STREAMS {
            return Err(Violation::parameter("more than 2^60 streams"));
        }
        if params.max_record_size < MIN_MAX_RECORD_SIZE as u64 {
            return Err(Violation::parameter("max_record_size below 16382"));
        }
        Ok(params)
    }
}

/// Reads one identifier with its value.
fn next<'a>(input: &mut &'a [u8]) -> Option<(u64, &'a [u8])> {
    let id = get_varint(input)?;
    let len = usize::try_from(get_varint(input)?).ok()?;
    let (value, rest) = input.split_at_checked(len)?;
    *input = rest;
    Some((id, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TransportErrorCode;
    use proptest::prelude::*;

    fn encoded(pairs: &[(u64, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (id, value) in pairs {
            put_varint(&mut out, *id);
            put_varint(&mut out, value.len() as u64);
            out.extend_from_slice(value);
        }
        out
    }

    #[test]
    fn nothing_said_means_the_defaults() {
        assert_eq!(TransportParameters::decode(&[]), Ok(TransportParameters::default()));
        assert!(TransportParameters::default().encode().is_empty());
    }

    #[test]
    fn a_configuration_survives_the_wire() {
        let params = TransportParameters::from_config(&Config::default().max_record_size(20_000));
        assert_eq!(TransportParameters::decode(&params.encode()), Ok(params));
    }

    #[test]
    fn unknown_and_reserved_parameters_are_skipped() {
        let wire = encoded(&[(27, b"grease"), (31 * 7 + 27, b""), (0x1d, b""), (0x04, &[9])]);
        assert_eq!(TransportParameters::decode(&wire).unwrap().initial_max_data, 9);
    }

    #[test]
    fn every_parameter_of_rfc_9000_that_qmux_leaves_out_is_an_error() {
        for id in [0x00, 0x02, 0x03, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10] {
            let error = TransportParameters::decode(&encoded(&[(id, &[0])])).unwrap_err();
            assert_eq!(error.code, TransportErrorCode::TRANSPORT_PARAMETER_ERROR, "{id:#x}");
        }
    }

    #[test]
    fn doubled_overlong_truncated_and_out_of_range_values_are_errors() {
        let two_to_60_and_one = [0xd0, 0, 0, 0, 0, 0, 0, 1];
        for wire in [
            encoded(&[(0x04, &[1]), (0x04, &[1])]),
            encoded(&[(0x04, &[1, 1])]),
            encoded(&[(0x04, &[])]),
            encoded(&[(0x04, &[0x40])]),
            encoded(&[(0x08, &two_to_60_and_one)]),
            encoded(&[(0x09, &two_to_60_and_one)]),
            encoded(&[(ids::MAX_RECORD_SIZE, &[0x7f, 0xfd])]),
            vec![0x04],
            vec![0x04, 2, 1],
            vec![0x04, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ] {
            let error = TransportParameters::decode(&wire).unwrap_err();
            assert_eq!(error.code, TransportErrorCode::TRANSPORT_PARAMETER_ERROR, "{wire:x?}");
        }
        let least = encoded(&[(ids::MAX_RECORD_SIZE, &[0x7f, 0xfe])]);
        assert_eq!(TransportParameters::decode(&least).unwrap().max_record_size, 16_382);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(wire: Vec<u8>) {
            let _ = TransportParameters::decode(&wire);
        }
    }
}
