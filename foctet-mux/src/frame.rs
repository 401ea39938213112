//! Frames: RFC 9000, section 19, RFC 9221, section 4, and those that QMux adds.

use bytes::BufMut;

use crate::varint::{get_varint, put_varint, varint_len};
use crate::{Dir, MAX_STREAMS, MAX_VARINT, StreamId, TransportErrorCode, Violation};

/// The frame types.
pub(crate) mod types {
    pub(crate) const PADDING: u64 = 0x00;
    pub(crate) const RESET_STREAM: u64 = 0x04;
    pub(crate) const STOP_SENDING: u64 = 0x05;
    pub(crate) const STREAM: u64 = 0x08;
    pub(crate) const MAX_DATA: u64 = 0x10;
    pub(crate) const MAX_STREAM_DATA: u64 = 0x11;
    pub(crate) const MAX_STREAMS_BIDI: u64 = 0x12;
    pub(crate) const MAX_STREAMS_UNI: u64 = 0x13;
    pub(crate) const DATA_BLOCKED: u64 = 0x14;
    pub(crate) const STREAM_DATA_BLOCKED: u64 = 0x15;
    pub(crate) const STREAMS_BLOCKED_BIDI: u64 = 0x16;
    pub(crate) const STREAMS_BLOCKED_UNI: u64 = 0x17;
    pub(crate) const CONNECTION_CLOSE: u64 = 0x1c;
    pub(crate) const APPLICATION_CLOSE: u64 = 0x1d;
    pub(crate) const DATAGRAM: u64 = 0x30;
    pub(crate) const DATAGRAM_LEN: u64 = 0x31;
    pub(crate) const PING: u64 = 0x348c_6752_9ef8_c7bd;
    pub(crate) const PONG: u64 = 0x348c_6752_9ef8_c7be;
    pub(crate) const TRANSPORT_PARAMETERS: u64 = 0x3f51_5330_0d0a_0d0a;
}

/// STREAM type bit: the frame is the stream's last.
const STREAM_FIN: u64 = 0x01;
/// STREAM type bit: the frame says how long it is.
const STREAM_LEN: u64 = 0x02;
/// STREAM type bit: the frame says where in the stream it belongs.
const STREAM_OFF: u64 = 0x04;

/// One frame; what it carries stays where it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "fields are named as in RFC 9000, section 19")]
pub enum Frame<'a> {
    /// This many PADDING frames in a row.
    Padding(usize),
    /// RESET_STREAM.
    ResetStream { id: StreamId, code: u64, final_size: u64 },
    /// STOP_SENDING.
    StopSending { id: StreamId, code: u64 },
    /// STREAM.
    Stream { id: StreamId, offset: u64, fin: bool, data: &'a [u8] },
    /// MAX_DATA.
    MaxData { limit: u64 },
    /// MAX_STREAM_DATA.
    MaxStreamData { id: StreamId, limit: u64 },
    /// MAX_STREAMS, of either direction.
    MaxStreams { dir: Dir, limit: u64 },
    /// DATA_BLOCKED.
    DataBlocked { limit: u64 },
    /// STREAM_DATA_BLOCKED.
    StreamDataBlocked { id: StreamId, limit: u64 },
    /// STREAMS_BLOCKED, of either direction.
    StreamsBlocked { dir: Dir, limit: u64 },
    /// CONNECTION_CLOSE by the multiplexer.
    ConnectionClose { code: u64, frame_type: u64, reason: &'a [u8] },
    /// CONNECTION_CLOSE by the application.
    ApplicationClose { code: u64, reason: &'a [u8] },
    /// DATAGRAM; `frame_size` is that of the whole frame, in bytes.
    Datagram { data: &'a [u8], frame_size: usize },
    /// QX_PING that asks.
    Ping { sequence: u64 },
    /// QX_PING that answers.
    Pong { sequence: u64 },
    /// QX_TRANSPORT_PARAMETERS, not yet looked into.
    TransportParameters { encoded: &'a [u8] },
}

impl<'a> Frame<'a> {
    /// Reads one frame off the front of `input`, the rest of a record.
    ///
    /// # Errors
    ///
    /// FRAME_ENCODING_ERROR if the frame is cut short, unknown or forbidden on QMux, or carries a value out of range.
    pub fn decode(input: &mut &'a [u8]) -> Result<Self, Violation> {
        let whole = input.len();
        let Some(frame_type) = get_varint(input) else {
            return Err(Violation::encoding(0, "truncated frame type"));
        };
        let mut body = Body { frame_type, input };
        let frame = match frame_type {
            types::PADDING => {
                let run = body.input.iter().take_while(|byte| **byte == 0).count();
                body.bytes(run as u64)?;
                Self::Padding(run + 1)
            }
            types::RESET_STREAM => {
                Self::ResetStream { id: body.id()?, code: body.varint()?, final_size: body.varint()? }
            }
            types::STOP_SENDING => Self::StopSending { id: body.id()?, code: body.varint()? },
            0x08..=0x0f => {
                let id = body.id()?;
                let offset = if frame_type & STREAM_OFF == 0 { 0 } else { body.varint()? };
                let data = if frame_type & STREAM_LEN == 0 { body.rest() } else { body.prefixed()? };
                if offset.saturating_add(data.len() as u64) > MAX_VARINT {
                    return Err(Violation::encoding(frame_type, "stream data beyond 2^62"));
                }
                Self::Stream { id, offset, fin: frame_type & STREAM_FIN != 0, data }
            }
            types::MAX_DATA => Self::MaxData { limit: body.varint()? },
            types::MAX_STREAM_DATA => Self::MaxStreamData { id: body.id()?, limit: body.varint()? },
            types::MAX_STREAMS_BIDI => Self::MaxStreams { dir: Dir::Bi, limit: body.stream_count()? },
            types::MAX_STREAMS_UNI => Self::MaxStreams { dir: Dir::Uni, limit: body.stream_count()? },
            types::DATA_BLOCKED => Self::DataBlocked { limit: body.varint()? },
            types::STREAM_DATA_BLOCKED => Self::StreamDataBlocked { id: body.id()?, limit: body.varint()? },
            types::STREAMS_BLOCKED_BIDI => Self::StreamsBlocked { dir: Dir::Bi, limit: body.stream_count()? },
            types::STREAMS_BLOCKED_UNI => Self::StreamsBlocked { dir: Dir::Uni, limit: body.stream_count()? },
            types::CONNECTION_CLOSE => Self::ConnectionClose {
                code: body.varint()?,
                frame_type: body.varint()?,
                reason: body.prefixed()?,
            },
            types::APPLICATION_CLOSE => {
                Self::ApplicationClose { code: body.varint()?, reason: body.prefixed()? }
            }
            types::DATAGRAM | types::DATAGRAM_LEN => {
                let data = if frame_type == types::DATAGRAM { body.rest() } else { body.prefixed()? };
                Self::Datagram { data, frame_size: whole - body.input.len() }
            }
            types::PING => Self::Ping { sequence: body.varint()? },
            types::PONG => Self::Pong { sequence: body.varint()? },
            types::TRANSPORT_PARAMETERS => Self::TransportParameters { encoded: body.prefixed()? },
            _ => return Err(Violation::encoding(frame_type, "unknown or forbidden frame type")),
        };
        Ok(frame)
    }

    /// The type on the wire, without the variable bits of a STREAM frame.
    pub fn frame_type(&self) -> u64 {
        match self {
            Self::Padding(_) => types::PADDING,
            Self::ResetStream { .. } => types::RESET_STREAM,
            Self::StopSending { .. } => types::STOP_SENDING,
            Self::Stream { .. } => types::STREAM,
            Self::MaxData { .. } => types::MAX_DATA,
            Self::MaxStreamData { .. } => types::MAX_STREAM_DATA,
            Self::MaxStreams { dir: Dir::Bi, .. } => types::MAX_STREAMS_BIDI,
            Self::MaxStreams { dir: Dir::Uni, .. } => types::MAX_STREAMS_UNI,
            Self::DataBlocked { .. } => types::DATA_BLOCKED,
            Self::StreamDataBlocked { .. } => types::STREAM_DATA_BLOCKED,
            Self::StreamsBlocked { dir: Dir::Bi, .. } => types::STREAMS_BLOCKED_BIDI,
            Self::StreamsBlocked { dir: Dir::Uni, .. } => types::STREAMS_BLOCKED_UNI,
            Self::ConnectionClose { .. } => types::CONNECTION_CLOSE,
            Self::ApplicationClose { .. } => types::APPLICATION_CLOSE,
            Self::Datagram { .. } => types::DATAGRAM_LEN,
            Self::Ping { .. } => types::PING,
            Self::Pong { .. } => types::PONG,
            Self::TransportParameters { .. } => types::TRANSPORT_PARAMETERS,
        }
    }

    /// Appends the frame; STREAM and DATAGRAM frames say their length. Values must not exceed 2^62 - 1.
    pub fn encode(&self, out: &mut impl BufMut) {
        match *self {
            Self::Padding(run) => out.put_bytes(0, run),
            Self::Stream { id, offset, fin, data } => {
                StreamHeader { id, offset, fin, len: Some(data.len()) }.encode(out);
                out.put_slice(data);
            }
            Self::ResetStream { id, code, final_size } => {
                self.put(out, &[id.as_u64(), code, final_size], None);
            }
            Self::StopSending { id, code } => self.put(out, &[id.as_u64(), code], None),
            Self::MaxStreamData { id, limit } | Self::StreamDataBlocked { id, limit } => {
                self.put(out, &[id.as_u64(), limit], None);
            }
            Self::MaxData { limit }
            | Self::MaxStreams { limit, .. }
            | Self::DataBlocked { limit }
            | Self::StreamsBlocked { limit, .. } => self.put(out, &[limit], None),
            Self::ConnectionClose { code, frame_type, reason } => {
                self.put(out, &[code, frame_type], Some(reason));
            }
            Self::ApplicationClose { code, reason } => self.put(out, &[code], Some(reason)),
            Self::Datagram { data, .. } => self.put(out, &[], Some(data)),
            Self::Ping { sequence } | Self::Pong { sequence } => self.put(out, &[sequence], None),
            Self::TransportParameters { encoded } => self.put(out, &[], Some(encoded)),
        }
    }

    /// Appends what precedes the data of a DATAGRAM frame that says its length.
    pub(crate) fn encode_datagram_header(len: usize, out: &mut impl BufMut) {
        put_varint(out, types::DATAGRAM_LEN);
        put_varint(out, len as u64);
    }

    fn put(&self, out: &mut impl BufMut, fields: &[u64], payload: Option<&[u8]>) {
        put_varint(out, self.frame_type());
        for field in fields {
            put_varint(out, *field);
        }
        if let Some(payload) = payload {
            put_varint(out, payload.len() as u64);
            out.put_slice(payload);
        }
    }
}

/// What precedes the data of a STREAM frame: RFC 9000, section 19.8.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StreamHeader {
    pub(crate) id: StreamId,
    pub(crate) offset: u64,
    pub(crate) fin: bool,
    /// `None` if the frame ends where the record does.
    pub(crate) len: Option<usize>,
}

impl StreamHeader {
    /// How many bytes [`encode`](Self::encode) appends.
    pub(crate) fn encoded_len(&self) -> usize {
        let offset = if self.offset == 0 { 0 } else { varint_len(self.offset) };
        let len = self.len.map_or(0, |len| varint_len(len as u64));
        1 + varint_len(self.id.as_u64()) + offset + len
    }

    pub(crate) fn encode(&self, out: &mut impl BufMut) {
        let mut frame_type = types::STREAM;
        if self.offset != 0 {
            frame_type |= STREAM_OFF;
        }
        if self.len.is_some() {
            frame_type |= STREAM_LEN;
        }
        if self.fin {
            frame_type |= STREAM_FIN;
        }
        put_varint(out, frame_type);
        put_varint(out, self.id.as_u64());
        if self.offset != 0 {
            put_varint(out, self.offset);
        }
        if let Some(len) = self.len {
            put_varint(out, len as u64);
        }
    }
}

/// The fields of a frame whose type has been read.
struct Body<'r, 'a> {
    frame_type: u64,
    input: &'r mut &'a [u8],
}

impl<'a> Body<'_, 'a> {
    fn varint(&mut self) -> Result<u64, Violation> {
        get_varint(self.input).ok_or_else(|| self.truncated())
    }

    fn id(&mut self) -> Result<StreamId, Violation> {
        Ok(StreamId::from_u64(self.varint()?))
    }

    fn stream_count(&mut self) -> Result<u64, Violation> {
        match self.varint()? {
            count @ 0..=MAX_STREAMS => Ok(count),
            _ => Err(Violation::encoding(self.frame_type, "more than 2^60 streams")),
        }
    }

    fn bytes(&mut self, len: u64) -> Result<&'a [u8], Violation> {
        let split = usize::try_from(len).ok().and_then(|len| self.input.split_at_checked(len));
        let (bytes, rest) = split.ok_or_else(|| self.truncated())?;
        *self.input = rest;
        Ok(bytes)
    }

    fn prefixed(&mut self) -> Result<&'a [u8], Violation> {
        let len = self.varint()?;
        self.bytes(len)
    }

    fn rest(&mut self) -> &'a [u8] {
        std::mem::take(self.input)
    }

    fn truncated(&self) -> Violation {
        Violation::new(TransportErrorCode::FRAME_ENCODING_ERROR, self.frame_type, "truncated frame")
    }
}
