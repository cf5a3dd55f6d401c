/**
 * The admin thread of a proxy: the admin API over the services that commands use. Only this thread opens SQLite for it, so
 * that a locked database or a large report never delays the data plane.
 */
import assert from 'node:assert/strict';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { AdminApi } from '../../admin/admin-api.ts';
import { errorResponse } from '../../admin/error-response.ts';
import { FlmError } from '../../core/errors.ts';
import type { AdminCall, AdminReply } from '../../core/proxy/admin-port.ts';
import { adminServices } from '../admin-services.ts';
import { type Flm, openFlm } from '../flm.ts';
import type {
  AdminCallMessage,
  AdminThreadStart,
  FromAdminThread,
  ToAdminThread,
} from './thread-messages.ts';

interface OpenApi {
  readonly flm: Flm;
  readonly api: AdminApi;
}

class AdminWorker {
  readonly #port: MessagePort;
  readonly #start: AdminThreadStart;
  readonly #ending = new AbortController();
  readonly #streams = new Map<number, AsyncIterator<string>>();
  #open: OpenApi | undefined;

  constructor(port: MessagePort, start: AdminThreadStart) {
    this.#port = port;
    this.#start = start;
    port.on('message', (message: ToAdminThread) => void this.#onMessage(message));
  }

  async #onMessage(message: ToAdminThread): Promise<void> {
    try {
      switch (message.do) {
        case 'call':
          return await this.#call(message.n, message.call);
        case 'more':
          return await this.#more(message.n);
        case 'cancel':
          return await this.#cancel(message.n);
        case 'close':
          return await this.#close();
        default:
          return message satisfies never;
      }
    } catch (error) {
      this.#report(error);
    }
  }

  async #call(n: number, call: AdminCallMessage): Promise<void> {
    const { buffer, byteOffset, length } = call.body;
    const request = { ...call, body: Buffer.from(buffer, byteOffset, length) };
    const { status, headers, body }: AdminReply = await this.#answer(request);
    if (typeof body === 'string') return this.#say({ say: 'reply', n, status, headers, body });
    this.#streams.set(n, body[Symbol.asyncIterator]());
    this.#say({ say: 'reply', n, status, headers });
  }

  async #answer(request: AdminCall): Promise<AdminReply> {
    try {
      // Opened again for each call until the data folder can be used.
      this.#open ??= this.#openApi();
    } catch (error) {
      if (error instanceof FlmError) return errorResponse(error);
      throw error;
    }
    return this.#open.api.handle(request);
  }

  #openApi(): OpenApi {
    const flm = openFlm(this.#start);
    const api = new AdminApi({
      services: adminServices(flm, this.#ending.signal),
      clock: flm.machine.clock,
      onError: (error) => this.#report(error),
    });
    return { flm, api };
  }

  async #more(n: number): Promise<void> {
    const stream = this.#streams.get(n);
    if (stream === undefined) return;
    const { value, done } = await stream.next().catch((error: unknown) => {
      this.#report(error);
      return { value: undefined, done: true };
    });
    if (done !== true && this.#streams.has(n)) return this.#say({ say: 'text', n, text: value ?? '' });
    this.#streams.delete(n);
    this.#say({ say: 'done', n });
  }

  async #cancel(n: number): Promise<void> {
    const stream = this.#streams.get(n);
    this.#streams.delete(n);
    await stream?.return?.();
  }

  async #close(): Promise<void> {
    this.#ending.abort();
    await this.#open?.flm.close();
    this.#port.close();
  }

  #report(error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#say({ say: 'problem', error: text });
  }

  #say(message: FromAdminThread): void {
    this.#port.postMessage(message);
  }
}

assert(parentPort !== null, 'the admin thread is started by a proxy');
// Set by `AdminThread`, which alone starts this file.
new AdminWorker(parentPort, workerData as AdminThreadStart);
