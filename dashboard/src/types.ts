// The types of the API, from its description.
import type { components } from "../../clients/typescript/src/api";

type Schemas = components["schemas"];
export type Circuit = Schemas["Circuit"];
export type CircuitPage = Schemas["CircuitPage"];
export type Deployment = Schemas["Deployment"];
export type Job = Schemas["Job"];
export type JobPage = Schemas["JobPage"];
export type KeyPage = Schemas["KeyPage"];
export type Key = Schemas["KeyDto"];
export type MadeKey = Schemas["MadeKeyDto"];
export type Overview = Schemas["Overview"];
export type ProofRequest = Schemas["ProofRequest"];
export type ProofPage = Schemas["ProofPage"];
export type Queue = Schemas["Queue"];
export type Scope = Schemas["Scope"];
export type Template = Schemas["Template"];
export type Parameter = Schemas["Parameter"];
export type Window = Schemas["ActivityWindow"];
export type Failure = Schemas["Failure"];
