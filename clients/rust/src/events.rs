//! [`Events`]: server-sent events, as the HTML standard defines them. Lines end with LF or CRLF.

use crate::ClientError;

/// Largest size of one event.
const LARGEST: usize = 16 << 20;

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: Option<String>,
    pub(crate) data: String,
}

/// The part of a stream that is not a complete event.
#[derive(Debug, Default)]
pub(crate) struct Events {
    line: Vec<u8>,
    id: Option<String>,
    data: Option<String>,
}

impl Events {
    /// Reads further bytes and returns the events that they complete.
    ///
    /// # Errors
    /// An event is too large.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Result<Vec<Event>, ClientError> {
        let mut events = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend(part);
            if self.line.len() + self.data.as_ref().map_or(0, String::len) > LARGEST {
                return Err(ClientError::Unexpected(format!("an event has more than {LARGEST} bytes")));
            }
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                let line = String::from_utf8_lossy(&line);
                events.extend(self.end_line(line.trim_end_matches(['\r', '\n'])));
            }
        }
        Ok(events)
    }

    fn end_line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            return self.data.take().map(|data| Event { id: self.id.clone(), data });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match (field, &mut self.data) {
            ("id", _) => self.id = Some(value.to_owned()),
            ("data", Some(data)) => {
                data.push('\n');
                data.push_str(value);
            }
            ("data", none) => *none = Some(value.to_owned()),
            // Comments, names of events, and fields of the future.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_the_same_however_the_stream_is_cut() {
        let text = ": hello\n\nevent: proof\r\nid: 3\r\ndata: {\"a\":\r\ndata: \"é\"}\r\n\r\ndata:x\n\nid: 4\ndata: half";
        let event = |data: &str| Event { id: Some("3".to_owned()), data: data.to_owned() };
        let expected = [event("{\"a\":\n\"é\"}"), event("x")];
        for size in 1..=text.len() {
            let mut events = Events::default();
            let read: Vec<_> =
                text.as_bytes().chunks(size).flat_map(|part| events.read(part).unwrap()).collect();
            assert_eq!(read, expected, "parts of {size} bytes");
        }
    }

    #[test]
    fn a_stream_without_an_end_of_line_is_refused() {
        let mut events = Events::default();
        let part = vec![b'x'; LARGEST / 2];
        assert!(events.read(&part).unwrap().is_empty());
        assert!(events.read(&part).unwrap().is_empty());
        assert!(events.read(b"x").is_err());
    }
}
