/** Calls of operators: jobs. */
import type { Transport } from "./transport.js";
import type {
  CallOptions,
  DeletedJobs,
  JobConditions,
  JobPage,
  JobQuery,
  QueueName,
  RemovedLetters,
  RetriedJobs,
} from "./types.js";

/** The jobs of a server. */
export class Jobs {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** A page of the jobs of a queue, newest first. It can have fewer jobs than the next one. */
  list(query: JobQuery, options: CallOptions = {}): Promise<JobPage> {
    return this.#transport.get("/v1/jobs", options, query);
  }

  /**
   * Repeats failed jobs: those of at most 200 subjects, or the newest 200 that meet conditions. `nextCursor` of the answer is the
   * condition `cursor` for further ones.
   */
  async retry(queue: QueueName, chosen: readonly string[] | JobConditions, options: CallOptions = {}): Promise<RetriedJobs> {
    return await this.#once("retry", choice(queue, chosen), options);
  }

  /** Deletes the documents of failed jobs, which are chosen as for `retry`. */
  async delete(queue: QueueName, chosen: readonly string[] | JobConditions, options: CallOptions = {}): Promise<DeletedJobs> {
    return await this.#once("delete", choice(queue, chosen), options);
  }

  /** Removes dead letters of a queue: those of at most 200 subjects, or all. Their documents remain. */
  async purge(queue: QueueName, subjects: readonly string[] | "all", options: CallOptions = {}): Promise<RemovedLetters> {
    if (subjects !== "all" && !Array.isArray(subjects)) throw new TypeError('expected a list of subjects, or "all"');
    return await this.#once("purge", subjects === "all" ? { queue } : { queue, subjects }, options);
  }

  /** Removes the dead letters of all queues that died before a time, such as `2027-01-01T00:00:00Z`. */
  purgeBefore(before: string, options: CallOptions = {}): Promise<RemovedLetters> {
    return this.#once("purge", { before }, options);
  }

  /** A second attempt could change jobs that have failed since the first one. */
  #once<T>(change: string, body: object, options: CallOptions): Promise<T> {
    return this.#transport.post(`/v1/jobs/${change}`, body, options, { repeatable: false });
  }
}

function choice(queue: QueueName, chosen: readonly string[] | JobConditions): object {
  if (Array.isArray(chosen)) return { queue, subjects: chosen };
  for (const [name, value] of Object.entries(chosen)) {
    // JSON would leave the condition out, and too many jobs would match.
    if (value == null) throw new TypeError(`the condition ${name} has no value`);
  }
  return { queue, matching: chosen };
}
