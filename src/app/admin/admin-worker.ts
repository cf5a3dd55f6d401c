/**
 * The admin thread's side of the messages in `thread-messages.ts`: answers calls, sends the text of a stream when it is
 * asked for, and ends a stream at once when its reader leaves.
 */
import type { MessagePort } from 'node:worker_threads';
import type { AdminApi, AdminRequest } from '../../admin/admin-api.ts';
import { errorResponse } from '../../admin/error-response.ts';
import { FlmError } from '../../core/errors.ts';
import type { AdminReply } from '../../core/proxy/admin-port.ts';
import type { AdminCallMessage, FromAdminThread, ToAdminThread } from './thread-messages.ts';

/** An API over services that are open. */
export interface ServedApi {
  readonly api: Pick<AdminApi, 'handle'>;
  close(): Promise<void>;
}

export class AdminWorker {
  readonly #port: MessagePort;
  readonly #open: (report: (error: unknown) => void) => Promise<ServedApi>;
  readonly #streams = new Map<number, AsyncIterator<string>>();
  /** Calls whose response or stream has not ended. */
  readonly #running = new Map<number, AbortController>();
  #served: Promise<ServedApi> | undefined;

  /** `open` rejects with an `FlmError` if the store cannot be used now. */
  constructor(port: MessagePort, open: (report: (error: unknown) => void) => Promise<ServedApi>) {
    this.#port = port;
    this.#open = open;
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
    const left = new AbortController();
    this.#running.set(n, left);
    const request = { ...call, body: Buffer.from(buffer, byteOffset, length), signal: left.signal };
    const { status, headers, body }: AdminReply = await this.#answer(request);
    if (typeof body === 'string') {
      this.#running.delete(n);
      return this.#say({ say: 'reply', n, status, headers, body });
    }
    this.#streams.set(n, body[Symbol.asyncIterator]());
    this.#say({ say: 'reply', n, status, headers });
  }

  async #answer(request: AdminRequest): Promise<AdminReply> {
    let served: ServedApi;
    this.#served ??= this.#open((error) => this.#report(error));
    const opening = this.#served;
    try {
      served = await opening;
    } catch (error) {
      // Opened again for each call until the store can be used.
      if (this.#served === opening) this.#served = undefined;
      if (error instanceof FlmError) return errorResponse(error);
      throw error;
    }
    return served.api.handle(request);
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
    this.#running.delete(n);
    this.#say({ say: 'done', n });
  }

  async #cancel(n: number): Promise<void> {
    // A stream may wait for its next event for a long time.
    this.#running.get(n)?.abort();
    this.#running.delete(n);
    const stream = this.#streams.get(n);
    this.#streams.delete(n);
    await stream?.return?.();
  }

  async #close(): Promise<void> {
    const served = await this.#served?.catch(() => undefined);
    await served?.close();
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
