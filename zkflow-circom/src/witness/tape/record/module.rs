//! Decodes the parts of a circuit's module that recording needs.

use std::collections::HashMap;
use std::ops::Range;

use wasmparser::{
    BlockType, CompositeInnerType, DataKind, ElementItems, ElementKind, ExternalKind, KnownCustom, MemArg,
    Name, Operator as Wasm, OperatorsReader, Parser, Payload, TypeRef,
};

use crate::witness::tape::budget::Budget;
use crate::witness::tape::operation::Operator;
use crate::witness::tape::stop::Stop;

/// Maximum depth of nested blocks in a function.
const MAX_NESTING: usize = 200;
/// Bytes of a name or a number in its list or map, with room for their growth.
const ENTRY: usize = 96;
/// Maximum number of locals of a function.
const MAX_LOCALS: usize = 1 << 16;

/// A decoded module; see the [module](self).
#[derive(Debug, Default)]
pub(super) struct Module {
    pub(super) functions: Vec<Function>,
    /// Table of indirect calls: the number of the function at each index.
    pub(super) table: Vec<Option<u32>>,
    pub(super) memory_pages: u64,
    pub(super) data: Vec<(u32, Range<usize>)>,
    exports: HashMap<String, u32>,
}

/// A function: its type and the effect of a call.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) parameters: usize,
    pub(super) results: usize,
    pub(super) body: Body,
}

/// The effect of a call.
#[derive(Debug)]
pub(super) enum Body {
    /// A function on field elements in cells.
    Field(FieldFunction),
    /// The circuit fails: an exception, or the message before it.
    GivesUp,
    /// No relevant effect, such as printing.
    Ignored,
    /// Runs instructions.
    Code { locals: usize, code: Block },
}

/// A field function `Fr_…` of circom's modules. Its arguments are addresses of cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldFunction {
    /// `(to, from)`
    Copy,
    /// `(to, from, cells)`
    CopyMany,
    /// `(cell) -> truth`
    IsTrue,
    /// `(cell) -> integer`
    ToInt,
    /// `(cell, cell) -> truth`
    EqualTruth,
    /// `(cell)`: converts the element to another form; no effect on its value.
    Reform,
    /// `(to, a, b)`; `(to, a)` for a unary operator
    Apply(Operator),
}

/// The instructions of a block.
pub(super) type Block = Box<[Instruction]>;

/// The WebAssembly instructions that circom uses.
#[derive(Debug)]
pub(super) enum Instruction {
    Block(Block),
    Loop(Block),
    If(Block, Block),
    Branch(u32),
    BranchIf(u32),
    Return,
    Unreachable,
    Call(u32),
    CallIndirect {
        parameters: usize,
        results: usize,
    },
    Drop,
    Get(u32),
    Set(u32),
    Tee(u32),
    Constant(u64),
    Load {
        offset: u64,
        bytes: u32,
        signed: bool,
        narrow: bool,
    },
    Store {
        offset: u64,
        bytes: u32,
    },
    Binary(Binary),
    IsZero {
        narrow: bool,
    },
    /// `i64` to `i32`: the lower half.
    Wrap,
    /// `i32` to `i64`.
    Extend {
        signed: bool,
    },
    MemorySize,
    MemoryGrow,
}

/// An integer instruction with two operands of 32 bits (narrow) or 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Binary {
    pub(super) kind: BinaryKind,
    pub(super) narrow: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BinaryKind {
    Add,
    Sub,
    Mul,
    DivU,
    RemU,
    And,
    Or,
    Xor,
    Shl,
    ShrU,
    ShrS,
    Eq,
    Ne,
    LtU,
    LtS,
    GtU,
    GtS,
    LeU,
    LeS,
    GeU,
    GeS,
}

impl Module {
    /// Decodes a module.
    pub(super) fn decode(wasm: &[u8], budget: &Budget) -> Result<Self, Stop> {
        Decoder::new(budget).decode(wasm)
    }

    pub(super) fn export(&self, name: &str) -> Result<u32, Stop> {
        self.exports.get(name).copied().ok_or(Stop::NotCircom)
    }
}

/// The state of decoding; functions are only classified once their names are known.
struct Decoder<'b> {
    budget: &'b Budget,
    types: Vec<(usize, usize)>,
    imports: Vec<(String, usize)>,
    /// Types of the functions with code.
    declared: Vec<u32>,
    code: Vec<(usize, Block)>,
    names: HashMap<u32, String>,
    module: Module,
}

impl<'b> Decoder<'b> {
    fn new(budget: &'b Budget) -> Self {
        let (types, imports, declared, code) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { budget, types, imports, declared, code, names: HashMap::new(), module: Module::default() }
    }

    /// Charges something of this many bytes that the module names or numbers.
    fn entry(&self, bytes: usize) -> Result<(), Stop> {
        self.budget.spend(4)?;
        self.budget.keep(ENTRY + bytes)
    }

    fn decode(mut self, wasm: &[u8]) -> Result<Module, Stop> {
        for payload in Parser::new(0).parse_all(wasm) {
            self.budget.spend(1)?;
            self.payload(payload?)?;
        }
        if self.names.is_empty() {
            return Err(Stop::NoNames);
        }
        self.budget.keep((self.imports.len() + self.code.len()) * size_of::<Function>())?;
        let Self { types, imports, declared, code, mut names, mut module, .. } = self;
        let first = imports.len() as u32;
        for (name, kind) in imports {
            let (parameters, results) = *types.get(kind).ok_or(Stop::NotCircom)?;
            let body = match name.as_str() {
                "exceptionHandler" | "printErrorMessage" => Body::GivesUp,
                _ => Body::Ignored,
            };
            module.functions.push(Function { name, parameters, results, body });
        }
        for ((number, kind), (locals, code)) in (first..).zip(declared).zip(code) {
            let name = names.remove(&number).unwrap_or_default();
            let (parameters, results) = *types.get(kind as usize).ok_or(Stop::NotCircom)?;
            let field = name.strip_prefix("Fr_").and_then(FieldFunction::named);
            let body = match field {
                Some(function) if function.has_type(parameters, results) => Body::Field(function),
                Some(_) => return Err(Stop::NotCircom),
                None => Body::Code { locals, code },
            };
            module.functions.push(Function { name, parameters, results, body });
        }
        Ok(module)
    }

    fn payload(&mut self, payload: Payload<'_>) -> Result<(), Stop> {
        match payload {
            Payload::TypeSection(groups) => {
                for group in groups {
                    for kind in group?.into_types() {
                        self.entry(0)?;
                        let CompositeInnerType::Func(kind) = kind.composite_type.inner else {
                            return Err(Stop::NotCircom);
                        };
                        self.types.push((kind.params().len(), kind.results().len()));
                    }
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import?;
                    self.entry(import.name.len())?;
                    let TypeRef::Func(kind) = import.ty else { return Err(Stop::NotCircom) };
                    self.imports.push((import.name.to_owned(), kind as usize));
                }
            }
            Payload::FunctionSection(functions) => {
                for kind in functions {
                    self.entry(0)?;
                    self.declared.push(kind?);
                }
            }
            Payload::MemorySection(memories) => {
                for memory in memories {
                    self.budget.spend(1)?;
                    self.module.memory_pages = memory?.initial;
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    self.entry(export.name.len())?;
                    if export.kind == ExternalKind::Func {
                        self.module.exports.insert(export.name.to_owned(), export.index);
                    }
                }
            }
            Payload::ElementSection(elements) => {
                for element in elements {
                    self.entry(0)?;
                    let element = element?;
                    let (ElementKind::Active { offset_expr, .. }, ElementItems::Functions(functions)) =
                        (element.kind, element.items)
                    else {
                        return Err(Stop::NotCircom);
                    };
                    let first = constant(offset_expr.get_operators_reader())? as usize;
                    for (place, function) in (first..).zip(functions) {
                        self.budget.spend(1)?;
                        // Bounds the table: it starts at `first` and has at most one entry per byte of the
                        // section.
                        if place > 1 << 20 {
                            return Err(Stop::NotCircom);
                        }
                        if place >= self.module.table.len() {
                            self.module.table.resize(place + 1, None);
                        }
                        self.module.table[place] = Some(function?);
                    }
                }
            }
            Payload::DataSection(segments) => {
                for segment in segments {
                    self.entry(0)?;
                    let segment = segment?;
                    let DataKind::Active { offset_expr, .. } = segment.kind else {
                        return Err(Stop::NotCircom);
                    };
                    let address = constant(offset_expr.get_operators_reader())?;
                    let end = segment.range.end;
                    self.module.data.push((address, end - segment.data.len()..end));
                }
            }
            Payload::CodeSectionEntry(body) => {
                self.entry(0)?;
                let mut locals = 0usize;
                for local in body.get_locals_reader()? {
                    self.budget.spend(1)?;
                    locals += local?.0 as usize;
                    if locals > MAX_LOCALS {
                        return Err(Stop::NotCircom);
                    }
                }
                // The code of field functions is not needed, but the names are not known yet.
                let code = self.block(&mut body.get_operators_reader()?, 0)?.0;
                self.code.push((locals, code));
            }
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(names) = section.as_known() {
                    for name in names {
                        if let Name::Function(functions) = name? {
                            for function in functions {
                                let function = function?;
                                self.entry(function.name.len())?;
                                self.names.insert(function.index, function.name.to_owned());
                            }
                        }
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Reads to the end of a block. The flag is true if the block ended with `else`.
    fn block(&self, reader: &mut OperatorsReader<'_>, depth: usize) -> Result<(Block, bool), Stop> {
        if depth > MAX_NESTING {
            return Err(Stop::NotCircom);
        }
        let mut code = Vec::new();
        loop {
            let plain =
                |kind: BlockType| if kind == BlockType::Empty { Ok(()) } else { Err(Stop::NotCircom) };
            self.budget.spend(1)?;
            // Room for the growth of the list.
            self.budget.keep(2 * size_of::<Instruction>())?;
            code.push(match reader.read()? {
                Wasm::End => return Ok((code.into(), false)),
                Wasm::Else => return Ok((code.into(), true)),
                Wasm::Block { blockty } => {
                    plain(blockty)?;
                    Instruction::Block(self.block(reader, depth + 1)?.0)
                }
                Wasm::Loop { blockty } => {
                    plain(blockty)?;
                    Instruction::Loop(self.block(reader, depth + 1)?.0)
                }
                Wasm::If { blockty } => {
                    plain(blockty)?;
                    let (then, has_else) = self.block(reader, depth + 1)?;
                    let otherwise =
                        if has_else { self.block(reader, depth + 1)?.0 } else { Block::default() };
                    Instruction::If(then, otherwise)
                }
                Wasm::CallIndirect { type_index, .. } => {
                    let (parameters, results) =
                        *self.types.get(type_index as usize).ok_or(Stop::NotCircom)?;
                    Instruction::CallIndirect { parameters, results }
                }
                other => simple(&other)?,
            });
        }
    }
}

/// Decodes an instruction that contains no block.
fn simple(wasm: &Wasm<'_>) -> Result<Instruction, Stop> {
    use BinaryKind as Kind;
    let load = |memarg: &MemArg, bytes, signed, narrow| Instruction::Load {
        offset: memarg.offset,
        bytes,
        signed,
        narrow,
    };
    let store = |memarg: &MemArg, bytes| Instruction::Store { offset: memarg.offset, bytes };
    let narrow = |kind| Instruction::Binary(Binary { kind, narrow: true });
    let wide = |kind| Instruction::Binary(Binary { kind, narrow: false });
    Ok(match wasm {
        Wasm::Br { relative_depth } => Instruction::Branch(*relative_depth),
        Wasm::BrIf { relative_depth } => Instruction::BranchIf(*relative_depth),
        Wasm::Return => Instruction::Return,
        Wasm::Unreachable => Instruction::Unreachable,
        Wasm::Call { function_index } => Instruction::Call(*function_index),
        Wasm::Drop => Instruction::Drop,
        Wasm::LocalGet { local_index } => Instruction::Get(*local_index),
        Wasm::LocalSet { local_index } => Instruction::Set(*local_index),
        Wasm::LocalTee { local_index } => Instruction::Tee(*local_index),
        Wasm::I32Const { value } => Instruction::Constant(u64::from(*value as u32)),
        Wasm::I64Const { value } => Instruction::Constant(*value as u64),
        Wasm::I32Load { memarg } => load(memarg, 4, false, true),
        Wasm::I64Load { memarg } => load(memarg, 8, false, false),
        Wasm::I32Load8U { memarg } => load(memarg, 1, false, true),
        Wasm::I32Load8S { memarg } => load(memarg, 1, true, true),
        Wasm::I32Load16U { memarg } => load(memarg, 2, false, true),
        Wasm::I32Load16S { memarg } => load(memarg, 2, true, true),
        Wasm::I64Load8U { memarg } => load(memarg, 1, false, false),
        Wasm::I64Load32U { memarg } => load(memarg, 4, false, false),
        Wasm::I64Load32S { memarg } => load(memarg, 4, true, false),
        Wasm::I32Store { memarg } | Wasm::I64Store32 { memarg } => store(memarg, 4),
        Wasm::I64Store { memarg } => store(memarg, 8),
        Wasm::I32Store8 { memarg } | Wasm::I64Store8 { memarg } => store(memarg, 1),
        Wasm::I32Store16 { memarg } | Wasm::I64Store16 { memarg } => store(memarg, 2),
        Wasm::I32Add => narrow(Kind::Add),
        Wasm::I32Sub => narrow(Kind::Sub),
        Wasm::I32Mul => narrow(Kind::Mul),
        Wasm::I32DivU => narrow(Kind::DivU),
        Wasm::I32RemU => narrow(Kind::RemU),
        Wasm::I32And => narrow(Kind::And),
        Wasm::I32Or => narrow(Kind::Or),
        Wasm::I32Xor => narrow(Kind::Xor),
        Wasm::I32Shl => narrow(Kind::Shl),
        Wasm::I32ShrU => narrow(Kind::ShrU),
        Wasm::I32ShrS => narrow(Kind::ShrS),
        Wasm::I32Eq => narrow(Kind::Eq),
        Wasm::I32Ne => narrow(Kind::Ne),
        Wasm::I32LtU => narrow(Kind::LtU),
        Wasm::I32LtS => narrow(Kind::LtS),
        Wasm::I32GtU => narrow(Kind::GtU),
        Wasm::I32GtS => narrow(Kind::GtS),
        Wasm::I32LeU => narrow(Kind::LeU),
        Wasm::I32LeS => narrow(Kind::LeS),
        Wasm::I32GeU => narrow(Kind::GeU),
        Wasm::I32GeS => narrow(Kind::GeS),
        Wasm::I64Add => wide(Kind::Add),
        Wasm::I64Sub => wide(Kind::Sub),
        Wasm::I64Mul => wide(Kind::Mul),
        Wasm::I64DivU => wide(Kind::DivU),
        Wasm::I64RemU => wide(Kind::RemU),
        Wasm::I64And => wide(Kind::And),
        Wasm::I64Or => wide(Kind::Or),
        Wasm::I64Xor => wide(Kind::Xor),
        Wasm::I64Shl => wide(Kind::Shl),
        Wasm::I64ShrU => wide(Kind::ShrU),
        Wasm::I64ShrS => wide(Kind::ShrS),
        Wasm::I64Eq => wide(Kind::Eq),
        Wasm::I64Ne => wide(Kind::Ne),
        Wasm::I64LtU => wide(Kind::LtU),
        Wasm::I64LtS => wide(Kind::LtS),
        Wasm::I64GtU => wide(Kind::GtU),
        Wasm::I64GtS => wide(Kind::GtS),
        Wasm::I64LeU => wide(Kind::LeU),
        Wasm::I64LeS => wide(Kind::LeS),
        Wasm::I64GeU => wide(Kind::GeU),
        Wasm::I64GeS => wide(Kind::GeS),
        Wasm::I32Eqz => Instruction::IsZero { narrow: true },
        Wasm::I64Eqz => Instruction::IsZero { narrow: false },
        Wasm::I32WrapI64 => Instruction::Wrap,
        Wasm::I64ExtendI32U => Instruction::Extend { signed: false },
        Wasm::I64ExtendI32S => Instruction::Extend { signed: true },
        Wasm::MemorySize { .. } => Instruction::MemorySize,
        Wasm::MemoryGrow { .. } => Instruction::MemoryGrow,
        // In a field function this is never executed; elsewhere it stops the recording.
        _ => Instruction::Unreachable,
    })
}

/// The value of a constant expression.
fn constant(mut reader: OperatorsReader<'_>) -> Result<u32, Stop> {
    match reader.read()? {
        Wasm::I32Const { value } => Ok(value as u32),
        _ => Err(Stop::NotCircom),
    }
}

impl FieldFunction {
    /// The function with this name, without the prefix `Fr_`.
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "copy" => Self::Copy,
            "copyn" => Self::CopyMany,
            "isTrue" => Self::IsTrue,
            "toInt" => Self::ToInt,
            "eqR" => Self::EqualTruth,
            "toMontgomery" | "toNormal" | "toLongNormal" => Self::Reform,
            _ => Self::Apply(Operator::of_function(name)?),
        })
    }

    fn has_type(self, parameters: usize, results: usize) -> bool {
        (parameters, results)
            == match self {
                Self::Copy => (2, 0),
                Self::CopyMany => (3, 0),
                Self::IsTrue | Self::ToInt => (1, 1),
                Self::EqualTruth => (2, 1),
                Self::Reform => (1, 0),
                Self::Apply(operator) if operator.is_unary() => (2, 0),
                Self::Apply(_) => (3, 0),
            }
    }
}

impl From<wasmparser::BinaryReaderError> for Stop {
    fn from(_: wasmparser::BinaryReaderError) -> Self {
        Self::NotCircom
    }
}
