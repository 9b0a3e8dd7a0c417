//! Reads circom source without compiling it: placeholders, main component, and the signals of a template.

use std::ops::Range;

use super::tokens::{Token, Tokens, line};
use super::{Finding, SOURCE};

/// The source of a template, split into tokens.
#[derive(Debug)]
pub(super) struct Source<'a> {
    text: &'a str,
    tokens: Tokens<'a>,
}

/// The main component: `component main {public [...]} = Template(arguments);`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Main<'a> {
    pub(super) line: usize,
    /// Names in `{public [...]}`.
    pub(super) public: Vec<&'a str>,
    /// Name of the main template, with its arguments; `None` if the component is not of this form.
    pub(super) call: Option<(&'a str, Vec<Expression<'a>>)>,
}

/// An expression, such as an argument of a template or the size of a signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expression<'a> {
    pub(super) tokens: Vec<Token<'a>>,
    /// Place in the text, in bytes.
    pub(super) place: Range<usize>,
}

/// The definition of a template.
#[derive(Debug)]
pub(super) struct Definition<'a> {
    /// Names of its parameters.
    pub(super) parameters: Vec<&'a str>,
    /// Its input and output signals, in the order of the source.
    pub(super) signals: Vec<Signal<'a>>,
}

/// A declared input or output.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Signal<'a> {
    pub(super) name: &'a str,
    pub(super) is_input: bool,
    /// Whether it is a bus.
    pub(super) is_bus: bool,
    /// Sizes, outermost first.
    pub(super) sizes: Vec<Expression<'a>>,
}

impl<'a> Source<'a> {
    /// Splits the text; returns every fault of its placeholders.
    pub(super) fn read(text: &'a str) -> (Self, Vec<Finding>) {
        let tokens = Tokens::of_template(text);
        let findings = tokens
            .faults
            .iter()
            .map(|(line, problem)| Finding::error(SOURCE, Some(*line), *problem))
            .collect();
        (Self { text, tokens }, findings)
    }

    /// Name and line of each placeholder.
    pub(super) fn placeholders(&self) -> impl Iterator<Item = (&'a str, usize)> {
        self.tokens.tokens.iter().enumerate().filter_map(|(at, token)| match token {
            Token::Placeholder(name) => Some((*name, self.line(at))),
            _ => None,
        })
    }

    /// The includes, as written.
    pub(super) fn includes(&self) -> impl Iterator<Item = &'a str> {
        self.all().windows(2).filter_map(|pair| match pair {
            [Token::Word("include"), Token::Text(text)] => Some(text.trim_matches('"')),
            _ => None,
        })
    }

    /// The main component.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub(super) fn main(&self) -> Result<Main<'a>, Box<Finding>> {
        let start = [Token::Word("component"), Token::Word("main")];
        let mains: Vec<usize> =
            (0..self.all().len()).filter(|&at| self.all()[at..].starts_with(&start)).collect();
        let [main] = mains[..] else {
            let line = mains.get(1).map(|at| self.line(*at));
            return Err(Box::new(Finding::error(SOURCE, line, "expected exactly one main component")));
        };
        let mut at = main + start.len();
        let mut public = Vec::new();
        if self.all()[at..].starts_with(&[Token::Symbol('{'), Token::Word("public"), Token::Symbol('[')]) {
            let end = self.closing(at).unwrap_or(self.all().len());
            public.extend(self.all()[at + 2..end].iter().filter_map(word));
            at = (end + 1).min(self.all().len());
        }
        let call = match self.all()[at..] {
            [Token::Symbol('='), Token::Word(name), Token::Symbol('('), ..] => {
                self.list(at + 2).map(|arguments| (name, arguments))
            }
            _ => None,
        };
        Ok(Main { line: self.line(main), public, call })
    }

    /// The definition of a template in this file.
    pub(super) fn definition(&self, name: &str) -> Option<Definition<'a>> {
        let tokens = self.all();
        let at = (0..tokens.len()).find_map(|at| match tokens[at..] {
            [Token::Word("template"), Token::Word(found), Token::Symbol('('), ..] if found == name => {
                Some(at + 2)
            }
            [Token::Word("template"), Token::Word(_), Token::Word(found), Token::Symbol('('), ..]
                if found == name =>
            {
                Some(at + 3)
            }
            _ => None,
        })?;
        let parameters = self.list(at)?;
        let body = self.closing(at)? + 1;
        let body = body..self.closing(body)?;
        let parameters = parameters.iter().filter_map(|one| one.tokens.first().and_then(word)).collect();
        Some(Definition { parameters, signals: self.signals(body) })
    }

    /// The declarations `signal input`, `input Bus()`, `Bus() input`, and those of outputs, in a range of tokens.
    fn signals(&self, body: Range<usize>) -> Vec<Signal<'a>> {
        let mut signals = Vec::new();
        for at in body.clone() {
            let is_input = match self.all()[at] {
                Token::Word("input") => true,
                Token::Word("output") => false,
                _ => continue,
            };
            let before = body.start.max(at.saturating_sub(1))..at;
            let (is_bus, mut next) = match (&self.all()[before], &self.all()[at + 1..body.end]) {
                ([Token::Word("signal")], _) => (false, at + 1),
                (_, [Token::Word(_), Token::Symbol('('), ..]) => match self.closing(at + 2) {
                    Some(end) => (true, end + 1),
                    None => continue,
                },
                ([Token::Symbol(')')], _) => (true, at + 1),
                _ => continue,
            };
            // Tags, such as `{binary}`.
            if self.all().get(next) == Some(&Token::Symbol('{')) {
                next = self.closing(next).map_or(body.end, |end| end + 1);
            }
            while let Some(Token::Word(name)) = self.all().get(next) {
                next += 1;
                let mut sizes = Vec::new();
                while self.all().get(next) == Some(&Token::Symbol('[')) {
                    let Some(end) = self.closing(next) else { break };
                    sizes.push(self.expression(next + 1..end));
                    next = end + 1;
                }
                signals.push(Signal { name, is_input, is_bus, sizes });
                if self.all().get(next) != Some(&Token::Symbol(',')) {
                    break;
                }
                next += 1;
            }
        }
        signals
    }

    /// The elements of a list, whose opening bracket is at `open`.
    fn list(&self, open: usize) -> Option<Vec<Expression<'a>>> {
        let end = self.closing(open)?;
        let mut elements = Vec::new();
        let mut start = open + 1;
        let mut at = start;
        while at < end {
            match self.all()[at] {
                Token::Symbol(',') => {
                    elements.push(self.expression(start..at));
                    start = at + 1;
                }
                Token::Symbol('(' | '[' | '{') => at = self.closing(at)?,
                _ => {}
            }
            at += 1;
        }
        if start < end {
            elements.push(self.expression(start..end));
        }
        Some(elements)
    }

    /// The bracket that closes the one at `open`; `None` if `open` is not a bracket, or is not closed.
    fn closing(&self, open: usize) -> Option<usize> {
        let mut expected = Vec::new();
        for (at, token) in self.all().iter().enumerate().skip(open) {
            match token {
                Token::Symbol('(') => expected.push(')'),
                Token::Symbol('[') => expected.push(']'),
                Token::Symbol('{') => expected.push('}'),
                Token::Symbol(close @ (')' | ']' | '}')) if expected.pop() != Some(*close) => return None,
                _ => {}
            }
            if expected.is_empty() {
                return (at > open).then_some(at);
            }
        }
        None
    }

    fn expression(&self, tokens: Range<usize>) -> Expression<'a> {
        let places = &self.tokens.places[tokens.clone()];
        let place = match (places.first(), places.last()) {
            (Some(first), Some(last)) => first.start..last.end,
            _ => 0..0,
        };
        Expression { tokens: self.all()[tokens].to_vec(), place }
    }

    fn line(&self, token: usize) -> usize {
        self.tokens.places.get(token).map_or(1, |place| line(self.text, place.start))
    }

    fn all(&self) -> &[Token<'a>] {
        &self.tokens.tokens
    }
}

fn word<'a>(token: &Token<'a>) -> Option<&'a str> {
    if let Token::Word(name) = token { Some(name) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "template Other(n) { signal input x; }
template custom T(n, k) {
    signal input {binary} a[n][2], b;
    if (k) { signal output c[n + 1] <== f(a); }
    signal d;
}
component main {public [a, b]} = T({{n}}, [1, 2]);";

    #[test]
    fn the_main_component_has_its_public_inputs_and_arguments() {
        let (source, faults) = Source::read(TEXT);
        assert!(faults.is_empty());
        let main = source.main().unwrap();
        assert_eq!((main.line, &*main.public), (7, &["a", "b"][..]));
        let (name, arguments) = main.call.unwrap();
        let texts: Vec<&str> = arguments.iter().map(|one| &TEXT[one.place.clone()]).collect();
        assert_eq!((name, &*texts), ("T", &["{{n}}", "[1, 2]"][..]));
        for text in ["", "component main = T();component main = T();"] {
            assert!(Source::read(text).0.main().is_err());
        }
    }

    #[test]
    fn a_definition_has_the_signals_that_it_declares() {
        let (source, _) = Source::read(TEXT);
        let definition = source.definition("T").unwrap();
        assert_eq!(definition.parameters, ["n", "k"]);
        let found: Vec<(&str, bool, Vec<&str>)> = definition
            .signals
            .iter()
            .map(|one| (one.name, one.is_input, one.sizes.iter().map(|s| &TEXT[s.place.clone()]).collect()))
            .collect();
        assert_eq!(found, [("a", true, vec!["n", "2"]), ("b", true, vec![]), ("c", false, vec!["n + 1"])]);
        assert!(source.definition("Missing").is_none());
    }

    #[test]
    fn buses_are_inputs_and_outputs() {
        let text = "template T() { input P(2, f(3)) p, q[n]; P() input {t} r; signal input s; output P() {t} o; P() d;
            signal output input_x; }";
        let (source, _) = Source::read(text);
        let definition = source.definition("T").unwrap();
        let found: Vec<(&str, bool, bool, usize)> = definition
            .signals
            .iter()
            .map(|one| (one.name, one.is_input, one.is_bus, one.sizes.len()))
            .collect();
        assert_eq!(
            found,
            [
                ("p", true, true, 0),
                ("q", true, true, 1),
                ("r", true, true, 0),
                ("s", true, false, 0),
                ("o", false, true, 0),
                ("input_x", false, false, 0)
            ]
        );
    }

    #[test]
    fn broken_source_gives_no_panic() {
        for end in 0..TEXT.len() {
            let (source, _) = Source::read(&TEXT[..end]);
            let _ = source.main();
            let _ = source.definition("T");
        }
    }
}
