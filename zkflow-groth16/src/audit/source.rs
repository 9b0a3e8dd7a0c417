//! Audits the Solidity source of a contract.

use std::collections::BTreeMap;

use super::constants::{Constant, base_field, coordinate, g1, g2, is_wrong_modulus, points, scalar_field};
use super::finding::{Audit, Place, Rule, Subject};
use super::layout;
use crate::calldata::Word;
use crate::proof::VerifyingKey;

mod named;
mod token;

use named::Named;
use token::{Kind, Token};

/// Audits a Solidity source; `None` if it contains no verifier of Groth16 over BN254.
///
/// # Behaviour
/// - The key is read from the names that snarkjs, gnark and this crate give to its numbers, else from all numbers of the
///   source, by the curve equations.
/// - A range check is a comparison of anything but the proof with a number or a name whose value is r, in a function that is
///   called or can be called from outside.
pub fn audit_source(source: &str) -> Option<Audit> {
    let tokens = token::tokens(source);
    let named = Named::read(&tokens);
    let mut audit = match named.key() {
        Some(Ok(key)) => audited(&key, named.is_negated),
        Some(Err((name, line))) => {
            let mut audit = Audit::new(Subject::Source);
            audit.public_signals = named.n_public();
            let detail = format!("{name} is not a point of its curve with coordinates below q");
            audit.add(Rule::BadPoint, detail, Place::Line(line));
            audit
        }
        None => by_numbers(&tokens)?,
    };
    if named.has_commitments {
        audit.add(Rule::Commitments, "the contract checks commitments", Place::Whole);
    }
    check_ranges(&tokens, &named, &mut audit);
    for number in tokens.iter().filter_map(Token::number).filter(|number| is_wrong_modulus(&number.value)) {
        audit.add(Rule::Modulus, "this number is almost a modulus of BN254", number.place);
    }
    check_names(&named, &mut audit);
    Some(audit)
}

fn audited(key: &VerifyingKey, is_gnark: bool) -> Audit {
    Audit::of_contract(Subject::Source, key, is_gnark)
}

/// A contract with other names.
fn by_numbers(tokens: &[Token<'_>]) -> Option<Audit> {
    let numbers: Vec<Constant> = tokens.iter().filter_map(Token::number).collect();
    let (found, left) = points(&numbers);
    let key = layout::key(&found, left, false)?;
    Some(audited(&key, false))
}

/// Every public signal must be compared with r.
fn check_ranges(tokens: &[Token<'_>], named: &Named<'_>, audit: &mut Audit) {
    let Some(signals) = audit.public_signals.filter(|count| *count > 0) else { return };
    let compared = |value: &Word| comparisons(tokens, &named.values, value);
    let checks = compared(&scalar_field());
    let Some(first) = checks.first() else {
        let (detail, line) = match compared(&base_field()).first() {
            Some(line) => {
                ("public signals are compared with q, the order of the base field, not with r", *line)
            }
            None => ("public signals are not compared with r", 1),
        };
        return audit.add(Rule::RangeCheck, detail, Place::Line(line));
    };
    // A function that checks one signal is called once for each; gnark repeats the comparison.
    let calls = tokens.iter().filter(|token| token.text == CHECK).count();
    let count = match (calls, named.is_negated) {
        (0, false) => return,
        (0, true) => checks.len(),
        (calls, _) => calls - 1,
    };
    if count < signals {
        let detail = format!("{count} of {signals} public signals are compared with r");
        audit.add(Rule::RangeCheck, detail, Place::Line(*first));
    }
}

/// The function of snarkjs 0.7 that checks one signal.
const CHECK: &str = "checkField";

/// Lines of comparisons with `value` that can happen: `x < value`, `value > x` and their opposites, or an argument of `lt` or
/// `gt`, where `x` is not the proof.
fn comparisons(tokens: &[Token<'_>], values: &BTreeMap<&str, (Word, usize)>, value: &Word) -> Vec<usize> {
    let is_value = |token: &Token<'_>| match token.kind {
        Kind::Number(number) => number == *value,
        Kind::Word => values.get(token.text).is_some_and(|(known, _)| known == value),
        Kind::Sign => false,
    };
    let mut lines = Vec::new();
    let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
    tokens.iter().for_each(|token| *uses.entry(token.text).or_default() += 1);
    // The places of the brackets whose arguments enclose the token.
    let mut calls: Vec<usize> = Vec::new();
    let mut bodies = Bodies::default();
    for (index, token) in tokens.iter().enumerate() {
        bodies.pass(tokens, index);
        match token.text {
            "(" => calls.push(index),
            ")" => drop(calls.pop()),
            _ => {}
        }
        if is_value(token)
            && bodies.can_run(&uses)
            && compared(tokens, index, calls.last()).is_some_and(|name| !PROOF.contains(&name))
        {
            lines.push(token.line);
        }
    }
    lines
}

/// Tokens of an operand.
const LONGEST: usize = 64;
/// Braces around a comparison.
const DEEPEST: usize = 64;

/// Names of proofs and their points.
const PROOF: [&str; 14] =
    ["proof", "_proof", "p", "a", "b", "c", "A", "B", "C", "pA", "_pA", "_pB", "_pC", "pairing"];

/// The first name in what the number at `index` is compared with; `None` if it is not compared.
fn compared<'a>(tokens: &[Token<'a>], index: usize, call: Option<&usize>) -> Option<&'a str> {
    let is_order =
        |at: usize| tokens.get(at).is_some_and(|token| matches!(token.text, "<" | ">" | "<=" | ">="));
    let is_word = |token: &&Token<'a>| token.kind == Kind::Word;
    let before = index.checked_sub(1)?;
    if is_order(index + 1) {
        return tokens[index + 2..].iter().take(LONGEST).find(is_word).map(|token| token.text);
    }
    if is_order(before) {
        // The operand ends before the sign; its brackets are passed over.
        let mut depth = 0usize;
        let operand = tokens[..before].iter().rev().take(LONGEST).take_while(|token| match token.text {
            ")" | "]" => {
                depth += 1;
                true
            }
            "(" | "[" => {
                let inside = depth > 0;
                depth = depth.saturating_sub(1);
                inside
            }
            "." => true,
            _ => depth > 0 || token.kind == Kind::Word,
        });
        return operand.filter(is_word).last().map(|token| token.text);
    }
    let open = *call?;
    let name = open.checked_sub(1).map(|at| tokens[at].text);
    if !matches!(name, Some("lt" | "gt")) {
        return None;
    }
    let others = (open..tokens.len().min(index + LONGEST)).filter(|at| *at != index).map(|at| &tokens[at]);
    others.take(LONGEST).find(is_word).map(|token| token.text)
}

/// The functions around a token.
#[derive(Default)]
struct Bodies<'a> {
    /// Name of each open body, and whether it can be called from outside; `None` for other braces.
    open: Vec<Option<(&'a str, bool)>>,
    /// A function whose body has not begun.
    next: Option<(&'a str, bool)>,
}

impl<'a> Bodies<'a> {
    fn pass(&mut self, tokens: &[Token<'a>], index: usize) {
        match tokens[index].text {
            "function" => self.next = tokens.get(index + 1).map(|name| (name.text, false)),
            "public" | "external" => {
                if let Some((_, outside)) = &mut self.next {
                    *outside = true;
                }
            }
            "{" => self.open.push(self.next.take()),
            "}" => drop(self.open.pop()),
            ";" => self.next = None,
            _ => {}
        }
    }

    /// Whether the innermost function is named anywhere else, or can be called from outside.
    fn can_run(&self, uses: &BTreeMap<&str, usize>) -> bool {
        let Some((name, outside)) = self.open.iter().rev().take(DEEPEST).flatten().next() else {
            return true;
        };
        *outside || uses.get(*name).is_some_and(|count| *count > 1)
    }
}

/// The names of the moduli have their values.
fn check_names(named: &Named<'_>, audit: &mut Audit) {
    for (names, expected, what) in [
        (
            &["q", "Q", "P", "prime_q", "PRIME_Q", "FIELD_MODULUS"][..],
            base_field(),
            "the order q of the base field",
        ),
        (
            &["r", "R", "snark_scalar_field", "SNARK_SCALAR_FIELD"][..],
            scalar_field(),
            "the order r of the scalar field",
        ),
    ] {
        for name in names {
            let Some((value, line)) = named.values.get(name) else { continue };
            // A small number has another meaning; a wrong digit was reported.
            if *value != expected && value[0] != 0 && !is_wrong_modulus(value) {
                audit.add(Rule::Modulus, format!("{name} is not {what}"), Place::Line(*line));
            }
        }
    }
}

/// The coordinates of a point of G1 or G2, checked.
fn on_g1(values: [&Word; 2]) -> Option<ark_bn254::G1Affine> {
    let [x, y] = values.map(coordinate);
    g1([x?, y?])
}

fn on_g2(values: [&Word; 4]) -> Option<ark_bn254::G2Affine> {
    let [x1, x0, y1, y0] = values.map(coordinate);
    g2([x1?, x0?, y1?, y0?])
}
