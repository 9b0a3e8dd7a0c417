/** The calls of the API. */
import { Ceremonies } from "./ceremonies.js";
import { FailedError } from "./errors.js";
import { follow } from "./follow.js";
import { Jobs } from "./jobs.js";
import { keyed } from "./keyed.js";
import { each } from "./pages.js";
import { circuitPath, deploymentPath, proofPath, segment, uploadPath } from "./paths.js";
import { Queues } from "./queues.js";
import { sealedProofs, sealedTo, sealingKey } from "./sealed.js";
import { settled } from "./settled.js";
import { type ClientOptions, type Query, Transport } from "./transport.js";
import * as uploads from "./uploads.js";
import type {
  CallOptions,
  Circuit,
  CircuitPage,
  CircuitQuery,
  Contract,
  Deployment,
  DeploymentPage,
  FileName,
  FileToUpload,
  ImportChoices,
  KeyedOptions,
  NewBinding,
  NewDeployment,
  NewProof,
  Overview,
  PageQuery,
  Params,
  ProofInputs,
  ProofPage,
  ProofQuery,
  ProofRequest,
  ProofResult,
  ProofToVerify,
  Proved,
  SealOptions,
  SealedInputs,
  SealingKey,
  Template,
  UnsignedTransaction,
  Upload,
  UploadOptions,
  UsagePage,
  UsageQuery,
  Verdict,
  WaitOptions,
} from "./types.js";

/** A client of one ZKFlow server. */
export class Client {
  readonly #transport: Transport;
  /** Jobs, for operators. */
  readonly jobs: Jobs;
  /** Queues, for operators. */
  readonly queues: Queues;
  /** Ceremonies, for contributors and organisers. */
  readonly ceremonies: Ceremonies;

  /** `server` is the address of the server, such as `http://127.0.0.1:3000`; it can have a path. */
  constructor(server: string | URL, options: ClientOptions = {}) {
    this.#transport = new Transport(server, options);
    this.jobs = new Jobs(this.#transport);
    this.queues = new Queues(this.#transport);
    this.ceremonies = new Ceremonies(this.#transport);
  }

  /** Requests a circuit and waits until it is ready. The same template and parameters give the same circuit. */
  async build(templateName: string, params: Params = {}, options: WaitOptions<Circuit> = {}): Promise<Circuit> {
    const circuit = await this.requestCircuit(templateName, params, options);
    return settled(this.#transport, circuitPath(circuit.circuitId), circuit, options);
  }

  /** Requests a circuit and returns it as it is: `pending`, or `ready`. */
  requestCircuit(templateName: string, params: Params = {}, options: CallOptions = {}): Promise<Circuit> {
    return this.#transport.post("/v1/circuits", { templateName, params }, options);
  }

  /**
   * Uploads the files of a circuit, imports it and waits until it is ready. The same files give the same circuit. The server
   * makes files that are missing, or refuses with `import_incomplete`.
   */
  async importCircuit(
    files: readonly FileToUpload[],
    choices: ImportChoices = {},
    options: WaitOptions<Circuit> & UploadOptions = {},
  ): Promise<Circuit> {
    const upload = await this.createUpload(files, options);
    let circuit: Circuit;
    try {
      await this.sendUpload(upload, files, options);
      circuit = await this.requestImport(upload.uploadId, choices, options);
    } catch (error) {
      await this.deleteUpload(upload.uploadId).catch(() => undefined);
      throw error;
    }
    return settled(this.#transport, circuitPath(circuit.circuitId), circuit, options);
  }

  /** Declares the files of a circuit, which are read once. */
  createUpload(files: readonly FileToUpload[], options: CallOptions = {}): Promise<Upload> {
    return uploads.declare(this.#transport, files, options);
  }

  /** An upload, with the parts that the server does not have. */
  upload(uploadId: string, options: CallOptions = {}): Promise<Upload> {
    return this.#transport.get(uploadPath(uploadId), options);
  }

  /**
   * Sends the parts that are missing in this upload of these files, in the same order: to the bucket of the server if it signs
   * URLs, else to the server. To continue after an interruption, pass what `upload(uploadId)` returns.
   */
  sendUpload(upload: Upload, files: readonly FileToUpload[], options: UploadOptions = {}): Promise<void> {
    return uploads.send(this.#transport, upload, files, options);
  }

  /** Deletes an upload that no import uses. */
  async deleteUpload(uploadId: string, options: CallOptions = {}): Promise<void> {
    await this.#transport.delete(uploadPath(uploadId), options);
  }

  /** Requests the circuit of a complete upload and returns it as it is: `pending`, or `ready`. */
  requestImport(uploadId: string, choices: ImportChoices = {}, options: CallOptions = {}): Promise<Circuit> {
    return this.#transport.post("/v1/circuits/import", { uploadId, ...choices }, options);
  }

  /** Requests a proof and waits for it. The server has verified the proof. */
  async prove(
    circuitId: string,
    inputs: ProofInputs | SealedInputs,
    options: WaitOptions<ProofRequest> & KeyedOptions & SealOptions = {},
  ): Promise<Proved> {
    const id = await this.requestProof(circuitId, inputs, options);
    const request = await this.waitForProof(id, options);
    const { proof, publicSignals } = request.artifacts ?? {};
    if (proof === undefined || publicSignals === undefined) throw new FailedError(request);
    return { proof, publicSignals, request };
  }

  /** Requests a proof and returns the id of the request. */
  async requestProof(
    circuitId: string,
    inputs: ProofInputs | SealedInputs,
    options: CallOptions & KeyedOptions & SealOptions = {},
  ): Promise<string> {
    const [body] = await sealedProofs(this.#transport, [{ circuitId, ...inputs }], options);
    const taken = await this.#transport.post<{ proofRequestId: string }>("/v1/proofs", body, options, keyed(options));
    return taken.proofRequestId;
  }

  /**
   * Requests up to 1000 proofs together, and returns one result per request, in order: `proofRequestId`, or the `problem`
   * why the server refused it, which hinders no other.
   */
  async requestProofs(
    proofs: readonly NewProof[],
    options: CallOptions & KeyedOptions & SealOptions = {},
  ): Promise<ProofResult[]> {
    const body = { proofs: await sealedProofs(this.#transport, proofs, options) };
    const taken = await this.#transport.post<{ results: ProofResult[] }>("/v1/proofs:batch", body, options, keyed(options));
    return taken.results;
  }

  /**
   * Seals inputs apart from sending them. Each call gives another text: to repeat a request under one `idempotencyKey`, seal
   * once and pass the result each time.
   */
  async sealInputs(
    circuitId: string,
    inputs: ProofInputs,
    options: CallOptions & { readonly key?: SealingKey } = {},
  ): Promise<SealedInputs> {
    return sealedTo(options.key ?? (await this.sealingKey(options)), circuitId, inputs);
  }

  /** The key that inputs are sealed to. */
  sealingKey(options: CallOptions = {}): Promise<SealingKey> {
    return sealingKey(this.#transport, options);
  }

  /** Waits until a proof request is completed. */
  waitForProof(proofRequestId: string, options: WaitOptions<ProofRequest> = {}): Promise<ProofRequest> {
    return settled(this.#transport, proofPath(proofRequestId), undefined, options);
  }

  /** Deploys the verifier contract of a circuit and waits until it is confirmed. */
  async deploy(
    circuitId: string,
    deployment: Omit<NewDeployment, "unsigned" | "from">,
    options: WaitOptions<Deployment> & KeyedOptions = {},
  ): Promise<Deployment> {
    const asked = await this.requestDeployment(circuitId, deployment, options);
    return settled(this.#transport, deploymentPath(circuitId, asked.deploymentId), asked, options);
  }

  /** Requests the deployment of a verifier contract and returns it as it is. */
  requestDeployment(
    circuitId: string,
    deployment: Omit<NewDeployment, "unsigned" | "from">,
    options: CallOptions & KeyedOptions = {},
  ): Promise<Deployment> {
    return this.#transport.post(`${circuitPath(circuitId)}/deploy`, deployment, options, keyed(options));
  }

  /** The transaction that deploys the verifier contract, for a wallet to sign. */
  async unsignedDeployment(
    circuitId: string,
    chain: { chainId: number; from?: string },
    options: CallOptions = {},
  ): Promise<UnsignedTransaction["transaction"]> {
    const body = { ...chain, unsigned: true };
    const answer = await this.#transport.post<UnsignedTransaction>(`${circuitPath(circuitId)}/deploy`, body, options);
    return answer.transaction;
  }

  /** Verifies a proof with the key of a circuit; with `onChain`, the contract of that deployment verifies it. */
  verify(
    circuitId: string,
    { proof, publicSignals }: ProofToVerify,
    options: CallOptions & { onChain?: string } = {},
  ): Promise<Verdict> {
    const query = { onChain: options.onChain };
    return this.#transport.post(`${circuitPath(circuitId)}/verify`, { proof, publicSignals }, options, { query });
  }

  /** Verifies up to 1000 proofs with the key of a circuit; the verdicts have the same order. */
  verifyAll(circuitId: string, proofs: readonly ProofToVerify[], options: CallOptions = {}): Promise<Verdict[]> {
    const body = proofs.map(({ proof, publicSignals }) => ({ proof, publicSignals }));
    return this.#transport.post(`${circuitPath(circuitId)}/verify`, body, options);
  }

  /** A circuit as it is. */
  circuit(circuitId: string, options: CallOptions = {}): Promise<Circuit> {
    return this.#transport.get(circuitPath(circuitId), options);
  }

  /** A page of circuits, newest first. */
  circuits(query: CircuitQuery = {}, options: CallOptions = {}): Promise<CircuitPage> {
    return this.#transport.get("/v1/circuits", options, query);
  }

  /** Yields the circuits of all pages, newest first. */
  eachCircuit(query: CircuitQuery = {}, options: CallOptions = {}): AsyncGenerator<Circuit, void, undefined> {
    return each(query, (part) => this.circuits(part, options), (page) => page.circuits);
  }

  /** The circuit with a file of this SHA-256, or with files of all these; `undefined` if there is none. */
  async circuitWithFile(sha256: string | readonly string[], options: CallOptions = {}): Promise<Circuit | undefined> {
    const [first = "", ...others] = typeof sha256 === "string" ? [sha256] : sha256;
    for await (const circuit of this.eachCircuit({ sha256: first, status: "ready", limit: 200 }, options)) {
      if (others.every((digest) => hasFile(circuit, digest))) return circuit;
    }
    return undefined;
  }

  /** Waits until a circuit is ready, such as one of `requestCircuit` or `requestImport`. */
  waitForCircuit(circuitId: string, options: WaitOptions<Circuit> = {}): Promise<Circuit> {
    return settled(this.#transport, circuitPath(circuitId), undefined, options);
  }

  /** Deletes a circuit and its keys. `force` also deletes keys that cannot be made again. */
  async deleteCircuit(circuitId: string, options: CallOptions & { force?: boolean } = {}): Promise<void> {
    await this.#transport.delete(circuitPath(circuitId), options, { force: options.force });
  }

  /** Yields a circuit now and after each change, until it is ready or has failed. */
  followCircuit(circuitId: string, options: CallOptions = {}): AsyncGenerator<Circuit, void, undefined> {
    return follow(this.#transport, circuitPath(circuitId), options.signal);
  }

  /** A file of a circuit. The answer's body is a stream; `arrayBuffer()` reads it whole. */
  file(circuitId: string, name: FileName, options: CallOptions = {}): Promise<Response> {
    return this.#transport.send({ path: `${circuitPath(circuitId)}/artifacts/${segment(name)}`, signal: options.signal });
  }

  /** The compiled verifier contract of a circuit. */
  contract(circuitId: string, options: CallOptions = {}): Promise<Contract> {
    return this.#transport.get(`${circuitPath(circuitId)}/contract`, options);
  }

  /** A proof request as it is. */
  proof(proofRequestId: string, options: CallOptions = {}): Promise<ProofRequest> {
    return this.#transport.get(proofPath(proofRequestId), options);
  }

  /** A page of proof requests, newest first. */
  proofs(query: ProofQuery = {}, options: CallOptions = {}): Promise<ProofPage> {
    return this.#transport.get("/v1/proofs", options, query);
  }

  /** Yields the proof requests of all pages, newest first. */
  eachProof(query: ProofQuery = {}, options: CallOptions = {}): AsyncGenerator<ProofRequest, void, undefined> {
    return each(query, (part) => this.proofs(part, options), (page) => page.proofs);
  }

  /** Yields a proof request now and after each change, until it is final. */
  followProof(proofRequestId: string, options: CallOptions = {}): AsyncGenerator<ProofRequest, void, undefined> {
    return follow(this.#transport, proofPath(proofRequestId), options.signal);
  }

  /** Cancels a pending proof request and destroys its inputs. */
  cancelProof(proofRequestId: string, options: CallOptions = {}): Promise<ProofRequest> {
    return this.#transport.post(`${proofPath(proofRequestId)}/cancel`, undefined, options);
  }

  /** Deletes a proof request with its proof. */
  async deleteProof(proofRequestId: string, options: CallOptions = {}): Promise<void> {
    await this.#transport.delete(proofPath(proofRequestId), options);
  }

  /** The arguments of the contract's `verifyProof`, as snarkjs prints them. */
  async calldata(proofRequestId: string, options: CallOptions = {}): Promise<string> {
    return (await this.#transport.get<{ calldata: string }>(`${proofPath(proofRequestId)}/calldata`, options)).calldata;
  }

  /** A deployment as it is. */
  deployment(circuitId: string, deploymentId: string, options: CallOptions = {}): Promise<Deployment> {
    return this.#transport.get(deploymentPath(circuitId, deploymentId), options);
  }

  /** A page of the deployments of a circuit, newest first. */
  deployments(circuitId: string, query: PageQuery = {}, options: CallOptions = {}): Promise<DeploymentPage> {
    return this.#transport.get(`${circuitPath(circuitId)}/deployments`, options, query);
  }

  /** Yields the deployments of all pages, newest first. */
  eachDeployment(
    circuitId: string,
    query: PageQuery = {},
    options: CallOptions = {},
  ): AsyncGenerator<Deployment, void, undefined> {
    return each(query, (part) => this.deployments(circuitId, part, options), (page) => page.deployments);
  }

  /** Waits until a deployment is confirmed. */
  waitForDeployment(
    circuitId: string,
    deploymentId: string,
    options: WaitOptions<Deployment> = {},
  ): Promise<Deployment> {
    return settled(this.#transport, deploymentPath(circuitId, deploymentId), undefined, options);
  }

  /**
   * Binds the contract at an address to a circuit, if its key is that of the circuit. The same contract again is the same
   * deployment.
   */
  bindContract(circuitId: string, contract: NewBinding, options: CallOptions = {}): Promise<Deployment> {
    return this.#transport.post(`${circuitPath(circuitId)}/deployments`, contract, options);
  }

  /** Yields a deployment now and after each change, until it is confirmed or has failed. */
  followDeployment(
    circuitId: string,
    deploymentId: string,
    options: CallOptions = {},
  ): AsyncGenerator<Deployment, void, undefined> {
    return follow(this.#transport, deploymentPath(circuitId, deploymentId), options.signal);
  }

  /** A template. */
  template(name: string, options: CallOptions = {}): Promise<Template> {
    return this.#transport.get(`/v1/templates/${segment(name)}`, options);
  }

  /** All templates. */
  async templates(options: CallOptions = {}): Promise<Template[]> {
    return (await this.#transport.get<{ templates: Template[] }>("/v1/templates", options)).templates;
  }

  /** State of the process, its queues, workers, backends and limits, for operators. */
  overview(options: CallOptions = {}): Promise<Overview> {
    return this.#transport.get("/v1/overview", options);
  }

  /** A page of the use by circuit and day. */
  usage(query: UsageQuery = {}, options: CallOptions = {}): Promise<UsagePage> {
    return this.#transport.get("/v1/usage", options, query);
  }

  /**
   * The JSON of any `GET`, also of a route without a method of its own. `path` begins with `/v1/`; encode ids in it by
   * `encodeURIComponent`.
   */
  get<T = unknown>(path: string, query: Query = {}, options: CallOptions = {}): Promise<T> {
    return this.#transport.get(path, options, query);
  }

  /**
   * The answer to any `GET`, also in other formats than JSON, such as `/v1/usage` with the format `csv`, and `/metrics`. Its body
   * is a stream; `text()` reads it whole.
   */
  read(path: string, query: Query = {}, { signal }: CallOptions = {}): Promise<Response> {
    return this.#transport.send({ path, query, signal });
  }

  /**
   * The JSON of the answer to any `POST` with a JSON body. It is repeated only if it is said to be `repeatable`, or has an
   * `idempotencyKey` where the route takes one.
   */
  post<T = unknown>(path: string, body?: unknown, options: CallOptions & KeyedOptions & { repeatable?: boolean } = {}): Promise<T> {
    const { idempotencyKey, repeatable = idempotencyKey !== undefined } = options;
    const headers = idempotencyKey === undefined ? {} : keyed(options);
    return this.#transport.post(path, body, options, { ...headers, repeatable });
  }

  /** The JSON of the answer to any `PUT` with a JSON body. It is repeated, as it has no further effect. */
  put<T = unknown>(path: string, body: unknown, { signal }: CallOptions = {}): Promise<T> {
    return this.#transport.json({ method: "PUT", path, body, signal });
  }

  /** Any deletion. It is sent once. */
  async delete(path: string, query: Query = {}, options: CallOptions = {}): Promise<void> {
    await this.#transport.delete(path, options, query);
  }
}

function hasFile({ artifacts }: Circuit, sha256: string): boolean {
  return Object.values(artifacts).some((file) => "sha256" in file && file.sha256 === sha256);
}
