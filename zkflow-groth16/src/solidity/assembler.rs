//! [`assemble`]: instructions of the EVM, from text to code.

use std::collections::HashMap;

/// Assembles instructions, separated by white space. A comment goes from `;` to the end of its line.
///
/// | token | code |
/// |---|---|
/// | `0x0180` | PUSH of exactly these bytes, 1 to 32 |
/// | `name:` | JUMPDEST |
/// | `->name` | PUSH of the offset of the label |
/// | another word | the instruction of this name, in lower case |
///
/// All offsets are pushed with the same number of bytes: the smallest with which the length of the code can be written.
/// solc does the same.
///
/// # Errors
/// The token that is not of this table, or the label that does not exist.
pub(super) fn assemble(text: &str) -> Result<Vec<u8>, String> {
    let tokens = text.lines().flat_map(|line| line.split(';').next().unwrap_or_default().split_whitespace());
    let items = tokens.map(|token| Item::parse(token).ok_or_else(|| token.to_owned()));
    let items = items.collect::<Result<Vec<_>, _>>()?;
    let length = |width: usize| items.iter().map(|item| item.length(width)).sum::<usize>();
    let mut width = 1;
    while width < 8 && length(width) >> (8 * width) != 0 {
        width += 1;
    }

    let mut offsets = HashMap::new();
    let mut offset = 0u64;
    for item in &items {
        if let Item::Label(name) = item {
            offsets.insert(*name, offset);
        }
        offset += item.length(width) as u64;
    }

    let mut code = Vec::with_capacity(length(width));
    for item in items {
        match item {
            Item::Instruction(byte) => code.push(byte),
            Item::Push(bytes) => push(&mut code, &bytes),
            Item::Label(_) => code.push(JUMPDEST),
            Item::PushLabel(name) => {
                let offset: u64 = *offsets.get(name).ok_or_else(|| format!("->{name}"))?;
                push(&mut code, &offset.to_be_bytes()[8 - width..]);
            }
        }
    }
    Ok(code)
}

enum Item<'a> {
    Instruction(u8),
    Push(Vec<u8>),
    Label(&'a str),
    PushLabel(&'a str),
}

impl<'a> Item<'a> {
    fn parse(token: &'a str) -> Option<Self> {
        if let Some(digits) = token.strip_prefix("0x") {
            return hex::decode(digits).ok().filter(|bytes| (1..=32).contains(&bytes.len())).map(Self::Push);
        }
        if let Some(name) = token.strip_prefix("->") {
            return Some(Self::PushLabel(name));
        }
        if let Some(name) = token.strip_suffix(':') {
            return Some(Self::Label(name));
        }
        instruction(token).map(Self::Instruction)
    }

    /// Length in bytes, when offsets have `width` bytes.
    fn length(&self, width: usize) -> usize {
        match self {
            Self::Instruction(_) | Self::Label(_) => 1,
            Self::Push(bytes) => 1 + bytes.len(),
            Self::PushLabel(_) => 1 + width,
        }
    }
}

/// Appends the PUSH of 1 to 32 bytes.
fn push(code: &mut Vec<u8>, bytes: &[u8]) {
    // PUSH1 is 0x60, PUSH32 is 0x7f.
    code.push(0x5f + bytes.len() as u8);
    code.extend(bytes);
}

const JUMPDEST: u8 = 0x5b;

/// The instructions that verifier contracts have, as in the yellow paper, appendix H.
fn instruction(name: &str) -> Option<u8> {
    let numbered = |prefix: &str, first: u8| {
        let number: u8 = name.strip_prefix(prefix)?.parse().ok()?;
        (1..=16).contains(&number).then(|| first + number - 1)
    };
    Some(match name {
        "add" => 0x01,
        "sub" => 0x03,
        "mod" => 0x06,
        "lt" => 0x10,
        "gt" => 0x11,
        "slt" => 0x12,
        "eq" => 0x14,
        "iszero" => 0x15,
        "and" => 0x16,
        "shr" => 0x1c,
        "callvalue" => 0x34,
        "calldataload" => 0x35,
        "calldatasize" => 0x36,
        "calldatacopy" => 0x37,
        "codecopy" => 0x39,
        "returndatasize" => 0x3d,
        "pop" => 0x50,
        "mload" => 0x51,
        "mstore" => 0x52,
        "jump" => 0x56,
        "jumpi" => 0x57,
        "gas" => 0x5a,
        "return" => 0xf3,
        "staticcall" => 0xfa,
        "revert" => 0xfd,
        "invalid" => 0xfe,
        _ => return numbered("dup", 0x80).or_else(|| numbered("swap", 0x90)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_pushes_and_labels_become_code() {
        let code = assemble("0x00 ->end jumpi ; a comment\n dup16 swap1 0x0180 mstore\nend: pop").unwrap();
        assert_eq!(hex::encode(code), "6000600b578f90610180525b50");
    }

    #[test]
    fn offsets_grow_with_the_code() {
        let code = |pops: usize| assemble(&format!("->end {} end:", "pop ".repeat(pops))).unwrap();
        let (short, long) = (code(252), code(253));
        assert_eq!((short.len(), &short[..2]), (255, &[0x60, 0xfe][..]));
        assert_eq!((long.len(), &long[..3]), (257, &[0x61, 0x01, 0x00][..]));
    }

    #[test]
    fn other_tokens_are_refused() {
        for text in ["push1", "0x", "0x1", "0xgg", "->nowhere", "dup0", "dup17", "swap", "ADD", "@IC0_X@"] {
            assert_eq!(assemble(text), Err(text.to_owned()));
        }
        assert!(assemble(&format!("0x{}", "00".repeat(33))).is_err());
    }
}
