//! Templates in responses.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use zkflow_core::template::{
    Check, Dim, Example, KeySpec, Length, OutputSpec, ParamKind, ParamSpec, SignalSpec, Template,
};

use crate::http::openapi::schema;

/// A template: its name and its manifest.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Template)]
pub(in crate::http) struct TemplateDto {
    #[schema(value_type = schema::TemplateName)]
    name: String,
    /// Title of a few words.
    #[schema(value_type = schema::Text)]
    title: String,
    /// The statement that a proof proves.
    #[schema(value_type = schema::Text)]
    description: String,
    /// One entry per placeholder of the source.
    parameters: Vec<ParameterDto>,
    /// Relations that the parameters must satisfy.
    checks: Vec<CheckDto>,
    /// The input signals of the main component.
    inputs: Vec<InputDto>,
    /// The output signals of the main component, all of them public.
    outputs: Vec<OutputDto>,
    /// Keys of ceremonies that circuits with these parameters use; absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    keys: Vec<TemplateKeyDto>,
    /// Parameters and inputs that yield a proof; absent in an inferred manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<ExampleDto>,
    /// Warnings about the template's files, such as a manifest that is missing; absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<schema::Text>, required = false)]
    warnings: Vec<String>,
}

/// A parameter of a template: one value, or an array of values if `length` is given.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Parameter)]
struct ParameterDto {
    #[schema(value_type = schema::Identifier)]
    name: String,
    #[serde(rename = "type")]
    #[schema(value_type = schema::ParameterType)]
    kind: ParamKind,
    #[schema(value_type = schema::Text)]
    description: String,
    /// Smallest value; the default is 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Whole>)]
    min: Option<Value>,
    /// Largest value; the default is the largest field element.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Whole>)]
    max: Option<Value>,
    /// Number of elements of an array; absent for a single value.
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<LengthDto>,
    /// Default value; absent if the parameter is required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::ParamValue>)]
    default: Option<Value>,
}

/// Allowed number of elements of an array.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Length)]
struct LengthDto {
    min: u32,
    max: u32,
}

/// A relation between parameters.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Check)]
enum CheckDto {
    /// The first parameter is below the second.
    #[schema(value_type = Vec<schema::Identifier>)]
    LessThan([String; 2]),
    /// The first parameter is at most the second.
    #[schema(value_type = Vec<schema::Identifier>)]
    AtMost([String; 2]),
    /// The parameter, or each of its elements, is below `2^bits`.
    FitsBits {
        #[schema(value_type = schema::Identifier)]
        param: String,
        bits: DimDto,
    },
    /// Both arrays have the same number of elements.
    #[schema(value_type = Vec<schema::Identifier>)]
    SameLength([String; 2]),
}

/// A size: a number, or the name of a parameter that contains it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Dimension)]
enum DimDto {
    /// A fixed size.
    Size(u32),
    /// The value of a parameter, or its length. In an inferred manifest any expression of the source.
    #[schema(value_type = schema::Name)]
    Param(String),
}

/// An input signal.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Input)]
struct InputDto {
    #[schema(value_type = schema::Identifier)]
    name: String,
    /// Dimensions, outermost first; empty for a single signal.
    shape: Vec<DimDto>,
    /// Whether it is a public signal of the proof.
    public: bool,
    #[schema(value_type = schema::Text)]
    description: String,
}

/// An output signal.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Output)]
struct OutputDto {
    #[schema(value_type = schema::Identifier)]
    name: String,
    /// Dimensions, outermost first; empty for a single signal.
    shape: Vec<DimDto>,
    #[schema(value_type = schema::Text)]
    description: String,
}

/// The key of a ceremony for one choice of parameters.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TemplateKey)]
struct TemplateKeyDto {
    #[schema(value_type = BTreeMap<String, schema::ParamValue>)]
    params: Map<String, Value>,
    /// SHA-256 of the proving key.
    #[schema(value_type = schema::Sha256)]
    zkey: String,
    /// SHA-256 of the powers of tau that the key is verified with, if they are a file of the template.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Sha256>)]
    ptau: Option<String>,
    /// Name of published powers of tau that the key is verified with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::PublishedPowers>)]
    published_ptau: Option<String>,
}

/// Parameters and inputs that yield a proof.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Example)]
struct ExampleDto {
    #[schema(value_type = BTreeMap<String, schema::ParamValue>)]
    params: Map<String, Value>,
    /// All inputs by name.
    #[schema(value_type = BTreeMap<String, schema::InputValue>)]
    inputs: Map<String, Value>,
}

impl From<&Template> for TemplateDto {
    fn from(template: &Template) -> Self {
        let manifest = template.manifest.clone();
        let example = Some(manifest.example).filter(|example| !example.is_empty());
        Self {
            name: template.name.to_string(),
            title: manifest.title,
            description: manifest.description,
            parameters: manifest.parameters.into_iter().map(ParameterDto::from).collect(),
            checks: manifest.checks.into_iter().map(CheckDto::from).collect(),
            inputs: manifest.inputs.into_iter().map(InputDto::from).collect(),
            outputs: manifest.outputs.into_iter().map(OutputDto::from).collect(),
            keys: manifest.keys.into_iter().map(TemplateKeyDto::from).collect(),
            example: example.map(|Example { params, inputs }| ExampleDto { params, inputs }),
            warnings: template.warnings.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<KeySpec> for TemplateKeyDto {
    fn from(spec: KeySpec) -> Self {
        Self {
            params: spec.params,
            zkey: spec.zkey.sha256.to_string(),
            ptau: spec.ptau.map(|file| file.sha256.to_string()),
            published_ptau: spec.published_ptau,
        }
    }
}

impl From<ParamSpec> for ParameterDto {
    fn from(spec: ParamSpec) -> Self {
        Self {
            name: spec.name,
            kind: spec.kind,
            description: spec.description,
            min: spec.min.map(|min| min.to_json()),
            max: spec.max.map(|max| max.to_json()),
            length: spec.length.map(|Length { min, max }| LengthDto { min, max }),
            default: spec.default,
        }
    }
}

impl From<Check> for CheckDto {
    fn from(check: Check) -> Self {
        match check {
            Check::LessThan(names) => Self::LessThan(names),
            Check::AtMost(names) => Self::AtMost(names),
            Check::FitsBits { param, bits } => Self::FitsBits { param, bits: bits.into() },
            Check::SameLength(names) => Self::SameLength(names),
        }
    }
}

impl From<Dim> for DimDto {
    fn from(dim: Dim) -> Self {
        match dim {
            Dim::Size(size) => Self::Size(size),
            Dim::Param(name) => Self::Param(name),
        }
    }
}

impl From<SignalSpec> for InputDto {
    fn from(SignalSpec { name, shape, public, description, bus: _ }: SignalSpec) -> Self {
        Self { name, shape: shape.into_iter().map(DimDto::from).collect(), public, description }
    }
}

impl From<OutputSpec> for OutputDto {
    fn from(OutputSpec { name, shape, description }: OutputSpec) -> Self {
        Self { name, shape: shape.into_iter().map(DimDto::from).collect(), description }
    }
}
