//! The numbers of a contract by their names.
//!
//! | contract | names |
//! |---|---|
//! | snarkjs 0.7 | `alphax`, `betax1` (c1), `betax2` (c0), `IC0x` |
//! | this crate | `ALPHA_X`, `BETA_X1` (c1), `BETA_X0` (c0), `IC0_X` |
//! | gnark | `ALPHA_X`, `BETA_NEG_X_1` (c1), `BETA_NEG_X_0` (c0), `CONSTANT_X`, `PUB_0_X` |
//! | snarkjs 0.4 to 0.6 | `vk.alfa1 = G1Point(x, y)`, `vk.beta2 = G2Point([c1, c0], [c1, c0])`, `vk.IC[0]` |

use std::collections::BTreeMap;

use super::super::layout;
use super::token::{Kind, Token};
use super::{on_g1, on_g2};
use crate::calldata::Word;
use crate::proof::VerifyingKey;

/// Names with their numbers.
#[derive(Default)]
pub(super) struct Named<'a> {
    /// Constants and variables that are set to a number, with their lines.
    pub(super) values: BTreeMap<&'a str, (Word, usize)>,
    /// Coordinates of points by the name of the point, such as `ALPHA` and `IC0`, and the line.
    points: BTreeMap<String, (Vec<Word>, usize)>,
    /// Whether beta, gamma and delta are opposites.
    pub(super) is_negated: bool,
    pub(super) has_commitments: bool,
}

impl<'a> Named<'a> {
    pub(super) fn read(tokens: &[Token<'a>]) -> Self {
        let mut named = Self::default();
        for (index, window) in tokens.windows(3).enumerate() {
            let [name, sign, next] = window else { continue };
            match (sign.text, next.kind) {
                ("=", Kind::Number(value)) if name.kind == Kind::Word => {
                    named.values.insert(name.text, (value, name.line));
                }
                (".", Kind::Word) if name.text == "vk" => named.assignment(&tokens[index + 2..]),
                _ => {}
            }
        }
        named.is_negated = named.values.keys().any(|name| name.starts_with("BETA_NEG_"));
        named.has_commitments = named.values.keys().any(|name| name.starts_with("PEDERSEN_"));
        named.constants();
        named
    }

    /// `NAME = …;` or `NAME[i] = …;` with the numbers of a point.
    fn assignment(&mut self, tokens: &[Token<'_>]) {
        let statement: Vec<&Token<'_>> =
            tokens.iter().take(LONGEST).take_while(|token| token.text != ";").collect();
        let Some(equals) = statement.iter().position(|token| token.text == "=") else { return };
        let (left, right) = statement.split_at(equals);
        let Some(first) = left.first() else { return };
        let index = left.iter().find(|token| token.number().is_some()).map_or("", |token| token.text);
        let name = match first.text {
            "alfa1" | "alpha1" | "alpha" => "ALPHA".to_owned(),
            "beta2" | "beta" => "BETA".to_owned(),
            "gamma2" | "gamma" => "GAMMA".to_owned(),
            "delta2" | "delta" => "DELTA".to_owned(),
            "IC" | "gamma_abc" => format!("IC{index}"),
            _ => return,
        };
        let numbers: Vec<Word> = right.iter().filter_map(|token| Some(token.number()?.value)).collect();
        if matches!(numbers.len(), 2 | 4) {
            self.points.insert(name, (numbers, first.line));
        }
    }

    /// Gathers the constants of a point.
    fn constants(&mut self) {
        let plain: BTreeMap<String, (Word, usize)> = self
            .values
            .iter()
            .map(|(name, value)| (name.replace('_', "").to_ascii_uppercase(), *value))
            .collect();
        let sign = if self.is_negated { "NEG" } else { "" };
        let mut gather = |point: &str, of: &str, suffixes: &[&[&str]]| {
            let number =
                |names: &&[&str]| names.iter().find_map(|suffix| plain.get(&format!("{of}{suffix}")));
            let numbers: Option<Vec<&(Word, usize)>> = suffixes.iter().map(number).collect();
            if let Some(numbers) = numbers
                && let Some((_, line)) = numbers.first()
            {
                let words = numbers.iter().map(|(word, _)| *word).collect();
                self.points.insert(point.to_owned(), (words, *line));
            }
        };
        gather("ALPHA", "ALPHA", G1);
        for name in ["BETA", "GAMMA", "DELTA"] {
            gather(name, &format!("{name}{sign}"), G2);
        }
        gather("IC0", "CONSTANT", G1);
        for index in 0..plain.len() {
            gather(&format!("IC{index}"), &format!("IC{index}"), G1);
            gather(&format!("IC{}", index + 1), &format!("PUB{index}"), G1);
        }
    }

    pub(super) fn n_public(&self) -> Option<usize> {
        (0..).take_while(|index| self.points.contains_key(&format!("IC{index}"))).count().checked_sub(1)
    }

    /// The key; `None` if a part of it has no name. An error is a point that is off its curve, with its line.
    pub(super) fn key(&self) -> Option<Result<VerifyingKey, (String, usize)>> {
        let n_public = self.n_public()?;
        let names = ["ALPHA", "BETA", "GAMMA", "DELTA"].map(str::to_owned);
        names.iter().all(|name| self.points.contains_key(name)).then(|| {
            let [alpha, beta, gamma, delta] = &names;
            let key = VerifyingKey {
                alpha_g1: self.point(alpha, |words: &[Word; 2]| on_g1(words.each_ref()))?,
                beta_g2: self.point(beta, |words: &[Word; 4]| on_g2(words.each_ref()))?,
                gamma_g2: self.point(gamma, |words: &[Word; 4]| on_g2(words.each_ref()))?,
                delta_g2: self.point(delta, |words: &[Word; 4]| on_g2(words.each_ref()))?,
                ic: (0..=n_public)
                    .map(|index| {
                        self.point(&format!("IC{index}"), |words: &[Word; 2]| on_g1(words.each_ref()))
                    })
                    .collect::<Result<_, _>>()?,
            };
            Ok(if self.is_negated { layout::opposite(key) } else { key })
        })
    }

    fn point<P, const N: usize>(
        &self,
        name: &str,
        read: impl Fn(&[Word; N]) -> Option<P>,
    ) -> Result<P, (String, usize)> {
        let (words, line) = self.points.get(name).ok_or_else(|| (name.to_owned(), 1))?;
        let words: Option<&[Word; N]> = words.as_slice().try_into().ok();
        words.and_then(read).ok_or_else(|| (name.to_owned(), *line))
    }
}

/// Tokens of an assignment that are looked at.
const LONGEST: usize = 64;

const G1: &[&[&str]] = &[&["X"], &["Y"]];
const G2: &[&[&str]] = &[&["X1"], &["X0", "X2"], &["Y1"], &["Y0", "Y2"]];
