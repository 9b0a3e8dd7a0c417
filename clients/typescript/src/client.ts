/** The calls of the API. */
import { FailedError, RefusedError, UnsupportedError, WaitExceededError } from "./errors.js";
import { follow, isFinal } from "./follow.js";
import { sealInputs } from "./seal.js";
import { type Call, type ClientOptions, Transport } from "./transport.js";
import * as uploads from "./uploads.js";
import type {
  CallOptions,
  Circuit,
  CircuitPage,
  CircuitQuery,
  Contract,
  Deployment,
  DeploymentPage,
  Document,
  FileName,
  FileToUpload,
  ImportChoices,
  KeyedOptions,
  NewDeployment,
  NewProof,
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
  Verdict,
  WaitOptions,
} from "./types.js";

/** A client of one ZKFlow server. */
export class Client {
  readonly #transport: Transport;

  /** `server` is the address of the server, such as `http://127.0.0.1:3000`; it can have a path. */
  constructor(server: string | URL, options: ClientOptions = {}) {
    this.#transport = new Transport(server, options);
  }

  /** Requests a circuit and waits until it is ready. The same template and parameters give the same circuit. */
  async build(templateName: string, params: Params = {}, options: WaitOptions<Circuit> = {}): Promise<Circuit> {
    const circuit = await this.requestCircuit(templateName, params, options);
    return this.#settled(circuitPath(circuit.circuitId), circuit, options);
  }

  /** Requests a circuit and returns it as it is: `pending`, or `ready`. */
  requestCircuit(templateName: string, params: Params = {}, options: CallOptions = {}): Promise<Circuit> {
    return this.#post("/v1/circuits", { templateName, params }, options);
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
    return this.#settled(circuitPath(circuit.circuitId), circuit, options);
  }

  /** Declares the files of a circuit, which are read once. */
  createUpload(files: readonly FileToUpload[], options: CallOptions = {}): Promise<Upload> {
    return uploads.declare(this.#transport, files, options);
  }

  /** An upload, with the parts that the server does not have. */
  upload(uploadId: string, options: CallOptions = {}): Promise<Upload> {
    return this.#get(uploadPath(uploadId), options);
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
    await this.#delete(uploadPath(uploadId), options);
  }

  /** Requests the circuit of a complete upload and returns it as it is: `pending`, or `ready`. */
  requestImport(uploadId: string, choices: ImportChoices = {}, options: CallOptions = {}): Promise<Circuit> {
    return this.#post("/v1/circuits/import", { uploadId, ...choices }, options);
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
    const [body] = await this.#sealed([{ circuitId, ...inputs }], options);
    const taken = await this.#post<{ proofRequestId: string }>("/v1/proofs", body, options, keyed(options));
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
    const body = { proofs: await this.#sealed(proofs, options) };
    const taken = await this.#post<{ results: ProofResult[] }>("/v1/proofs:batch", body, options, keyed(options));
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
    return this.#get("/v1/sealing-key", options);
  }

  /** Waits until a proof request is completed. */
  waitForProof(proofRequestId: string, options: WaitOptions<ProofRequest> = {}): Promise<ProofRequest> {
    return this.#settled(proofPath(proofRequestId), undefined, options);
  }

  /** Deploys the verifier contract of a circuit and waits until it is confirmed. */
  async deploy(
    circuitId: string,
    deployment: Omit<NewDeployment, "unsigned" | "from">,
    options: WaitOptions<Deployment> & KeyedOptions = {},
  ): Promise<Deployment> {
    const asked = await this.requestDeployment(circuitId, deployment, options);
    return this.#settled(deploymentPath(circuitId, asked.deploymentId), asked, options);
  }

  /** Requests the deployment of a verifier contract and returns it as it is. */
  requestDeployment(
    circuitId: string,
    deployment: Omit<NewDeployment, "unsigned" | "from">,
    options: CallOptions & KeyedOptions = {},
  ): Promise<Deployment> {
    return this.#post(`${circuitPath(circuitId)}/deploy`, deployment, options, keyed(options));
  }

  /** The transaction that deploys the verifier contract, for a wallet to sign. */
  async unsignedDeployment(
    circuitId: string,
    chain: { chainId: number; from?: string },
    options: CallOptions = {},
  ): Promise<UnsignedTransaction["transaction"]> {
    const body = { ...chain, unsigned: true };
    const answer = await this.#post<UnsignedTransaction>(`${circuitPath(circuitId)}/deploy`, body, options);
    return answer.transaction;
  }

  /** Verifies a proof with the key of a circuit; with `onChain`, the contract of that deployment verifies it. */
  verify(
    circuitId: string,
    { proof, publicSignals }: ProofToVerify,
    options: CallOptions & { onChain?: string } = {},
  ): Promise<Verdict> {
    const query = { onChain: options.onChain };
    return this.#post(`${circuitPath(circuitId)}/verify`, { proof, publicSignals }, options, { query });
  }

  /** Verifies up to 1000 proofs with the key of a circuit; the verdicts have the same order. */
  verifyAll(circuitId: string, proofs: readonly ProofToVerify[], options: CallOptions = {}): Promise<Verdict[]> {
    const body = proofs.map(({ proof, publicSignals }) => ({ proof, publicSignals }));
    return this.#post(`${circuitPath(circuitId)}/verify`, body, options);
  }

  /** A circuit as it is. */
  circuit(circuitId: string, options: CallOptions = {}): Promise<Circuit> {
    return this.#get(circuitPath(circuitId), options);
  }

  /** A page of circuits, newest first. */
  circuits(query: CircuitQuery = {}, options: CallOptions = {}): Promise<CircuitPage> {
    return this.#get("/v1/circuits", options, query);
  }

  /** The circuit with a file of this SHA-256, or with files of all these; `undefined` if there is none. */
  async circuitWithFile(sha256: string | readonly string[], options: CallOptions = {}): Promise<Circuit | undefined> {
    const [first = "", ...others] = typeof sha256 === "string" ? [sha256] : sha256;
    let cursor: string | undefined;
    do {
      const query: CircuitQuery = { sha256: first, status: "ready", limit: 200 };
      const page = await this.circuits(cursor === undefined ? query : { ...query, cursor }, options);
      const found = page.circuits.find((circuit) => others.every((digest) => hasFile(circuit, digest)));
      if (found !== undefined) return found;
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return undefined;
  }

  /** Deletes a circuit and its keys. `force` also deletes keys that cannot be made again. */
  async deleteCircuit(circuitId: string, options: CallOptions & { force?: boolean } = {}): Promise<void> {
    await this.#delete(circuitPath(circuitId), options, { force: options.force });
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
    return this.#get(`${circuitPath(circuitId)}/contract`, options);
  }

  /** A proof request as it is. */
  proof(proofRequestId: string, options: CallOptions = {}): Promise<ProofRequest> {
    return this.#get(proofPath(proofRequestId), options);
  }

  /** A page of proof requests, newest first. */
  proofs(query: ProofQuery = {}, options: CallOptions = {}): Promise<ProofPage> {
    return this.#get("/v1/proofs", options, query);
  }

  /** Yields a proof request now and after each change, until it is final. */
  followProof(proofRequestId: string, options: CallOptions = {}): AsyncGenerator<ProofRequest, void, undefined> {
    return follow(this.#transport, proofPath(proofRequestId), options.signal);
  }

  /** Cancels a pending proof request and destroys its inputs. */
  cancelProof(proofRequestId: string, options: CallOptions = {}): Promise<ProofRequest> {
    return this.#post(`${proofPath(proofRequestId)}/cancel`, undefined, options);
  }

  /** Deletes a proof request with its proof. */
  async deleteProof(proofRequestId: string, options: CallOptions = {}): Promise<void> {
    await this.#delete(proofPath(proofRequestId), options);
  }

  /** The arguments of the contract's `verifyProof`, as snarkjs prints them. */
  async calldata(proofRequestId: string, options: CallOptions = {}): Promise<string> {
    return (await this.#get<{ calldata: string }>(`${proofPath(proofRequestId)}/calldata`, options)).calldata;
  }

  /** A deployment as it is. */
  deployment(circuitId: string, deploymentId: string, options: CallOptions = {}): Promise<Deployment> {
    return this.#get(deploymentPath(circuitId, deploymentId), options);
  }

  /** A page of the deployments of a circuit, newest first. */
  deployments(circuitId: string, query: PageQuery = {}, options: CallOptions = {}): Promise<DeploymentPage> {
    return this.#get(`${circuitPath(circuitId)}/deployments`, options, query);
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
    return this.#get(`/v1/templates/${segment(name)}`, options);
  }

  /** All templates. */
  async templates(options: CallOptions = {}): Promise<Template[]> {
    return (await this.#get<{ templates: Template[] }>("/v1/templates", options)).templates;
  }

  /** The requests with their inputs sealed, as the options say. */
  async #sealed(proofs: readonly NewProof[], options: CallOptions & SealOptions): Promise<NewProof[]> {
    const { seal = false } = options;
    if (seal === false || proofs.every((proof) => "sealedInputs" in proof)) return [...proofs];
    const optional = seal === "if-offered";
    try {
      const key = typeof seal === "object" ? seal : await this.sealingKey(options);
      const one = async (proof: NewProof): Promise<NewProof> => {
        if ("sealedInputs" in proof) return proof;
        return { circuitId: proof.circuitId, ...(await sealedTo(key, proof.circuitId, proof)) };
      };
      return await Promise.all(proofs.map(one));
    } catch (error) {
      const unknown = error instanceof RefusedError && error.status === 404;
      if (optional && (unknown || error instanceof UnsupportedError)) return [...proofs];
      throw error;
    }
  }

  #get<T>(path: string, { signal }: CallOptions, query: Call["query"] = {}): Promise<T> {
    return this.#transport.json({ path, query, signal });
  }

  #post<T>(path: string, body: unknown, { signal }: CallOptions, more: Partial<Call> = {}): Promise<T> {
    return this.#transport.json({ method: "POST", path, body, signal, ...more });
  }

  /** A deletion whose answer is lost could have happened: it is not repeated. */
  async #delete(path: string, { signal }: CallOptions, query: Call["query"] = {}): Promise<void> {
    await this.#transport.send({ method: "DELETE", path, query, signal, repeatable: false });
  }

  /** Follows a document until it is final; one that has not succeeded is an error. */
  async #settled<T extends Document>(path: string, known: T | undefined, options: WaitOptions<T>): Promise<T> {
    const { wait = true, signal, onProgress } = options;
    if (known !== undefined && isFinal(known)) {
      onProgress?.(known);
      return succeeded(known);
    }
    const limit = new AbortController();
    const stop = () => limit.abort(signal?.reason);
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop, { once: true });
    const late = Symbol("late");
    const timer = wait === true ? undefined : setTimeout(() => limit.abort(late), wait * 1000);
    let last = known;
    try {
      for await (const document of follow<T>(this.#transport, path, limit.signal)) {
        last = document;
        onProgress?.(document);
      }
    } catch (error) {
      if (limit.signal.reason !== late) throw error;
      throw new WaitExceededError(Number(wait), last ?? (await this.#get<T>(path, options)));
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    }
    return succeeded(last as T);
  }
}

async function sealedTo(key: SealingKey, circuitId: string, inputs: ProofInputs): Promise<SealedInputs> {
  const sealed = await sealInputs(key, circuitId, inputs);
  return inputs.userId === undefined ? { sealedInputs: sealed } : { sealedInputs: sealed, userId: inputs.userId };
}

function hasFile({ artifacts }: Circuit, sha256: string): boolean {
  return Object.values(artifacts).some((file) => "sha256" in file && file.sha256 === sha256);
}

function succeeded<T extends Document>(document: T): T {
  if (document.status === "failed" || document.status === "cancelled") throw new FailedError(document);
  return document;
}

/** Headers that make a request repeatable. */
function keyed({ idempotencyKey = randomKey() }: KeyedOptions): Partial<Call> {
  return { headers: { "idempotency-key": idempotencyKey } };
}

function randomKey(): string {
  const random = () => Math.random().toString(36).slice(2).padEnd(12, "0").slice(0, 12);
  // Node 18 has no global `crypto`; the key must differ from other keys, and need not be secret.
  return globalThis.crypto?.randomUUID?.() ?? `${Date.now().toString(36)}-${random()}${random()}`;
}

function segment(text: string): string {
  return encodeURIComponent(text);
}

function circuitPath(circuitId: string): string {
  return `/v1/circuits/${segment(circuitId)}`;
}

function uploadPath(uploadId: string): string {
  return `/v1/uploads/${segment(uploadId)}`;
}

function proofPath(proofRequestId: string): string {
  return `/v1/proofs/${segment(proofRequestId)}`;
}

function deploymentPath(circuitId: string, deploymentId: string): string {
  return `${circuitPath(circuitId)}/deployments/${segment(deploymentId)}`;
}
