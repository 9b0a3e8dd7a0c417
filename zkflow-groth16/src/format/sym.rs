//! `.sym`: the names of the signals, one line `label,wire,component,name` per signal.
//!
//! Several signals may share a wire. The wire of a signal that was optimised away is `-1`.

use std::ops::Range;

use super::FormatError;

/// The signals of a circuit, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sym {
    signals: Vec<Signal>,
    /// Indices into `signals`, by label.
    by_label: Vec<u32>,
}

/// A signal before simplification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signal {
    /// Number before simplification; see [`R1cs::labels`](super::r1cs::R1cs::labels).
    pub label: u64,
    /// Wire of the signal; `None` if it was optimised away.
    pub wire: Option<u32>,
    /// Number of its component.
    pub component: u64,
    /// Full name, such as `main.hash.out[0]`.
    pub name: Box<str>,
}

impl Sym {
    /// Reads a `.sym` file.
    ///
    /// # Errors
    /// A line does not have the form above, or a label occurs twice.
    pub fn read(bytes: &[u8]) -> Result<Self, FormatError> {
        Self::read_labels(bytes, 0..u64::MAX)
    }

    /// Reads the signals of these labels. Of other lines only the label is read.
    ///
    /// # Errors
    /// See [`read`](Self::read).
    pub fn read_labels(bytes: &[u8], labels: Range<u64>) -> Result<Self, FormatError> {
        let mut signals = Vec::new();
        let mut offset = 0;
        let mut number = 0;
        while offset < bytes.len() {
            let rest = &bytes[offset..];
            let length = memchr::memchr(b'\n', rest);
            let text = &rest[..length.unwrap_or(rest.len())];
            number += 1;
            let wrong = || error(offset, format!("line {number}: expected `label,wire,component,name`"));
            let label = Signal::label(text).ok_or_else(wrong)?;
            if labels.contains(&label) {
                signals.push(Signal::parse(text).ok_or_else(wrong)?);
            }
            offset += text.len() + usize::from(length.is_some());
        }
        let mut by_label: Vec<u32> = (0..signals.len() as u32).collect();
        by_label.sort_unstable_by_key(|index| signals[*index as usize].label);
        let label = |index: u32| signals[index as usize].label;
        if let Some(pair) = by_label.windows(2).find(|pair| label(pair[0]) == label(pair[1])) {
            return Err(error(0, format!("label {} occurs twice", label(pair[0]))));
        }
        Ok(Self { signals, by_label })
    }

    /// Writes a `.sym` file.
    pub fn write(&self) -> Vec<u8> {
        let mut out = String::new();
        for Signal { label, wire, component, name } in &self.signals {
            let wire = wire.map_or_else(|| "-1".to_owned(), |wire| wire.to_string());
            out.push_str(&format!("{label},{wire},{component},{name}\n"));
        }
        out.into_bytes()
    }

    /// All signals, in the order of the file.
    pub fn signals(&self) -> &[Signal] {
        &self.signals
    }

    /// The signal with this label.
    pub fn by_label(&self, label: u64) -> Option<&Signal> {
        let signal = |index: u32| &self.signals[index as usize];
        let place = self.by_label.binary_search_by_key(&label, |index| signal(*index).label).ok()?;
        Some(signal(self.by_label[place]))
    }
}

impl Signal {
    /// The label at the start of a line.
    fn label(line: &[u8]) -> Option<u64> {
        let mut label = 0_u64;
        for (at, byte) in line.iter().enumerate() {
            match byte {
                b'0'..=b'9' => label = label.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?,
                b',' => return (at == 1 || at > 1 && line[0] != b'0').then_some(label),
                _ => return None,
            }
        }
        None
    }

    fn parse(line: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        let mut fields = line.splitn(4, ',');
        let label = number(fields.next()?)?;
        let wire = match fields.next()? {
            "-1" => None,
            wire => Some(number(wire)?.try_into().ok()?),
        };
        let component = number(fields.next()?)?;
        let name = fields.next().filter(|name| !name.is_empty() && !name.contains(char::is_control))?;
        Some(Self { label, wire, component, name: name.into() })
    }
}

/// A decimal number as circom writes it: no sign, no leading zero.
fn number(text: &str) -> Option<u64> {
    let canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if canonical { text.parse().ok() } else { None }
}

fn error(offset: usize, detail: String) -> FormatError {
    FormatError { format: "sym", offset: offset as u64, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "1,1,0,main.out\n3,-1,0,main.a[1]\n2,7,4,main.b.c\n";

    #[test]
    fn signals_are_found_by_label_and_come_back_as_they_were_written() {
        let sym = Sym::read(TEXT.as_bytes()).unwrap();
        assert_eq!(sym.write(), TEXT.as_bytes());
        assert_eq!(sym.by_label(2).unwrap().wire, Some(7));
        assert_eq!(sym.by_label(3).unwrap().wire, None);
        assert_eq!(&*sym.by_label(1).unwrap().name, "main.out");
        assert_eq!(sym.by_label(4), None);
        assert_eq!(Sym::read(b""), Ok(Sym::default()));
    }

    #[test]
    fn signals_of_some_labels_are_read_alone() {
        let sym = Sym::read_labels(TEXT.as_bytes(), 2..3).unwrap();
        assert_eq!(sym.signals().len(), 1);
        assert_eq!(&*sym.by_label(2).unwrap().name, "main.b.c");
        assert!(Sym::read_labels(b"1,1,0,a\nx,2,0,b\n", 5..6).is_err());
    }

    #[test]
    fn lines_that_circom_does_not_write_are_refused_where_they_stand() {
        for line in ["", "1,1,0", "1,1,0,", "x,1,0,n", "-1,1,0,n", "1,-2,0,n", "1,4294967296,0,n", "01,1,0,n"]
        {
            let error = Sym::read(format!("{TEXT}{line}\n").as_bytes()).unwrap_err();
            assert_eq!(error.offset as usize, TEXT.len(), "{line:?}");
            assert!(error.detail.starts_with("line 4:"), "{line:?}");
        }
        assert!(Sym::read(b"1,1,0,\xff").is_err());
    }

    #[test]
    fn a_label_that_stands_twice_is_refused() {
        assert_eq!(Sym::read(b"1,1,0,a\n1,2,0,b\n").unwrap_err().detail, "label 1 occurs twice");
    }
}
