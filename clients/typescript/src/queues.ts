/** Calls of operators: queues. */
import { segment } from "./paths.js";
import type { Transport } from "./transport.js";
import type { CallOptions, PausedQueue, QueueName } from "./types.js";

/** The queues of a server. `client.overview()` has their states. */
export class Queues {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Running jobs end, and no further one starts. */
  pause(queue: QueueName, options: CallOptions = {}): Promise<PausedQueue> {
    return this.#transport.post(`/v1/queues/${segment(queue)}/pause`, undefined, options);
  }

  /** Jobs start again. */
  resume(queue: QueueName, options: CallOptions = {}): Promise<PausedQueue> {
    return this.#transport.post(`/v1/queues/${segment(queue)}/resume`, undefined, options);
  }
}
