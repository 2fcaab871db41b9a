//! Frames on a connection.
//!
//! ```text
//! len u32 | crc32c u32 | kind u8 | id u64 | body        little-endian; `len` and the checksum cover kind, id and body
//! ```

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::WRITE_DEADLINE;

/// Most bytes of a frame's content. The length is checked before any memory is taken.
pub(crate) const FRAME_BYTES_MAX: usize = 4 << 20;
/// Most bytes of a frame before the two sides know each other.
pub(crate) const GREETING_BYTES_MAX: usize = 256;
const HEADER_BYTES: usize = 8;
const CONTENT_BYTES_MIN: usize = 9;
const READ_BYTES: usize = 64 << 10;
/// So many bytes are worth a write of their own.
const WRITE_BYTES: usize = 64 << 10;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Hello,
    Greeting,
    Request,
    Answer,
    Ping,
    Pong,
}

/// One message of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    /// Which request an answer belongs to.
    pub(crate) id: u64,
    pub(crate) body: Vec<u8>,
}

/// Reads frames from a connection. Dropping the future of [`Self::next`] loses nothing.
pub(crate) struct FrameReader<R> {
    source: R,
    buffer: Vec<u8>,
    bytes_max: usize,
}

impl Frame {
    pub(crate) fn encode(&self) -> io::Result<Vec<u8>> {
        let length = CONTENT_BYTES_MIN + self.body.len();
        if length > FRAME_BYTES_MAX {
            return Err(bad(format!("a frame of {length} bytes, at most {FRAME_BYTES_MAX} go")));
        }
        let mut bytes = Vec::with_capacity(HEADER_BYTES + length);
        bytes.extend_from_slice(&u32::try_from(length).map_err(io::Error::other)?.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.push(kind_number(self.kind));
        bytes.extend_from_slice(&self.id.to_le_bytes());
        bytes.extend_from_slice(&self.body);
        let checksum = crc32c::crc32c(&bytes[HEADER_BYTES..]);
        bytes[4..HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
        Ok(bytes)
    }

    /// Takes the frame that `bytes` begins with, and how long it is; `None` when more must be read.
    pub(crate) fn parse(bytes: &[u8], bytes_max: usize) -> io::Result<Option<(Self, usize)>> {
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let [l0, l1, l2, l3, c0, c1, c2, c3] = *header;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        if !(CONTENT_BYTES_MIN..=bytes_max).contains(&length) {
            return Err(bad(format!("a frame of {length} bytes, {CONTENT_BYTES_MIN} to {bytes_max} go")));
        }
        let Some(content) = rest.get(..length) else { return Ok(None) };
        if crc32c::crc32c(content) != u32::from_le_bytes([c0, c1, c2, c3]) {
            return Err(bad("a frame fails its checksum"));
        }
        let Some((&[kind, i0, i1, i2, i3, i4, i5, i6, i7], body)) = content.split_first_chunk::<CONTENT_BYTES_MIN>()
        else {
            return Ok(None);
        };
        let kind = kind_of(kind).ok_or_else(|| bad(format!("a frame of unknown kind {kind}")))?;
        let id = u64::from_le_bytes([i0, i1, i2, i3, i4, i5, i6, i7]);
        Ok(Some((Self { kind, id, body: body.to_vec() }, HEADER_BYTES + length)))
    }
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Reads frames no larger than a greeting until [`Self::accept_all`].
    pub(crate) fn new(source: R) -> Self {
        Self { source, buffer: Vec::new(), bytes_max: GREETING_BYTES_MAX }
    }

    /// The two sides know each other: frames may be large.
    pub(crate) fn accept_all(&mut self) {
        self.bytes_max = FRAME_BYTES_MAX;
    }

    /// The next frame.
    pub(crate) async fn next(&mut self) -> io::Result<Frame> {
        loop {
            if let Some((frame, used)) = Frame::parse(&self.buffer, self.bytes_max)? {
                self.buffer.drain(..used);
                // One large frame must not keep its memory for the life of the connection.
                if self.buffer.is_empty() && self.buffer.capacity() > 2 * READ_BYTES {
                    self.buffer = Vec::new();
                }
                return Ok(frame);
            }
            self.buffer.reserve(READ_BYTES);
            if self.source.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// Frames that go out with one write: a write costs more than what most frames hold.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
}

impl Batch {
    /// Whether it should be written before more is added.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() >= WRITE_BYTES
    }

    pub(crate) fn add(&mut self, frame: &Frame) -> io::Result<()> {
        let encoded = frame.encode()?;
        if self.bytes.is_empty() {
            self.bytes = encoded;
        } else {
            self.bytes.extend_from_slice(&encoded);
        }
        Ok(())
    }

    /// Writes all of them within the deadline.
    pub(crate) async fn write(self, sink: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        write(sink, &self.bytes).await
    }
}

/// Writes a frame within the deadline, with one write.
pub(crate) async fn write_frame(sink: &mut (impl AsyncWrite + Unpin), frame: &Frame) -> io::Result<()> {
    write(sink, &frame.encode()?).await
}

async fn write(sink: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    let write = async {
        sink.write_all(bytes).await?;
        // TLS may have taken the frame and not have sent all of it: then somebody must go on.
        sink.flush().await
    };
    tokio::time::timeout(WRITE_DEADLINE, write).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

const fn kind_number(kind: Kind) -> u8 {
    match kind {
        Kind::Hello => 1,
        Kind::Greeting => 2,
        Kind::Request => 3,
        Kind::Answer => 4,
        Kind::Ping => 5,
        Kind::Pong => 6,
    }
}

const fn kind_of(number: u8) -> Option<Kind> {
    match number {
        1 => Some(Kind::Hello),
        2 => Some(Kind::Greeting),
        3 => Some(Kind::Request),
        4 => Some(Kind::Answer),
        5 => Some(Kind::Ping),
        6 => Some(Kind::Pong),
        _ => None,
    }
}

fn bad(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Frame {
        Frame { kind: Kind::Request, id: 0x0102_0304_0506_0708, body: b"append".to_vec() }
    }

    #[test]
    fn a_frame_has_these_bytes() {
        let expected = b"\x0f\0\0\0\x09\x33\xeb\xf9\x03\x08\x07\x06\x05\x04\x03\x02\x01append";
        assert_eq!(sample().encode().expect("small"), expected);
    }

    #[test]
    fn a_frame_parses_back_and_waits_for_its_last_byte() {
        let bytes = sample().encode().expect("small");
        for cut in 0..bytes.len() {
            assert_eq!(Frame::parse(&bytes[..cut], FRAME_BYTES_MAX).expect("cut short"), None, "after {cut} bytes");
        }
        assert_eq!(Frame::parse(&bytes, FRAME_BYTES_MAX).expect("whole"), Some((sample(), bytes.len())));
    }

    #[test]
    fn frames_of_a_batch_are_read_one_by_one() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(async {
            let (mut near, far) = tokio::io::duplex(64);
            let frames: Vec<_> = (0..5).map(|id| Frame { id, ..sample() }).collect();
            let mut batch = Batch::default();
            for frame in &frames {
                batch.add(frame).expect("small");
            }
            assert!(!batch.is_full());
            let write = async { batch.write(&mut near).await.expect("written") };
            let read = async {
                let mut reader = FrameReader::new(far);
                for frame in &frames {
                    assert_eq!(&reader.next().await.expect("a frame"), frame);
                }
            };
            futures::join!(write, read);
        });
    }

    #[test]
    fn a_batch_is_full_once_it_is_worth_a_write() {
        let mut batch = Batch::default();
        batch.add(&Frame { body: vec![0; WRITE_BYTES], ..sample() }).expect("below the cap");
        assert!(batch.is_full());
    }

    #[test]
    fn every_bit_flip_is_refused_or_waits_for_bytes_that_do_not_come() {
        let mut bytes = sample().encode().expect("small");
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(Frame::parse(&bytes, FRAME_BYTES_MAX), Ok(Some(_))), "bit {bit} was accepted");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn a_length_beyond_the_cap_is_refused_from_its_header_alone() {
        let header = [0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0];
        assert!(Frame::parse(&header, FRAME_BYTES_MAX).is_err());
        let mut greeting = sample();
        greeting.body = vec![0; GREETING_BYTES_MAX];
        assert!(Frame::parse(&greeting.encode().expect("small"), GREETING_BYTES_MAX).is_err());
        greeting.body = vec![0; FRAME_BYTES_MAX];
        assert!(greeting.encode().is_err());
    }
}
