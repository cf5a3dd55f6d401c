/**
 * A response handler that records its calls and asserts the contract of the upstream: a head first, one ending, nothing
 * afterwards. `send` returns one recorded response.
 */
import assert from 'node:assert/strict';
import type { EngineAddress } from '../../src/core/engine/engine.ts';
import type {
  Attempt,
  ChunkMap,
  EngineHead,
  InFlightRequest,
  ResponseHandler,
  Upstream,
} from '../../src/core/engine/upstream.ts';
import type { EngineError } from '../../src/core/errors.ts';

export class RecordingSink implements ResponseHandler {
  readonly #parts: Buffer[] = [];
  readonly #over = Promise.withResolvers<this>();
  readonly #wakes: (() => void)[] = [];
  #ended = false;
  engineHead: EngineHead | undefined;
  error: EngineError | undefined;
  /** Payload bytes. */
  size = 0;
  dataCalls = 0;
  framedCalls = 0;
  /** The answer to each call of `data` and `framed`. */
  flowing = true;
  /** Payloads are counted, not kept. */
  forgetful = false;
  inFlightRequest: InFlightRequest | undefined;
  /** Called at each event, with its name. */
  onEvent: ((name: 'head' | 'data' | 'framed' | 'end' | 'failed') => void) | undefined;

  head(head: EngineHead): void {
    assert(this.inFlightRequest !== undefined, 'nothing is told before send has returned');
    assert(!this.#ended && this.engineHead === undefined, 'one head, before all else');
    this.engineHead = head;
    this.#told('head');
  }

  data(buffer: Buffer, from: number, to: number): boolean {
    this.dataCalls += 1;
    this.#keep(buffer, from, to);
    this.#told('data');
    return this.flowing;
  }

  framed(buffer: Buffer, from: number, to: number, chunks: ChunkMap): boolean {
    this.framedCalls += 1;
    let at = from;
    for (let i = 0; i < chunks.count; i++) {
      const [start, end] = [chunks.starts[i] as number, chunks.ends[i] as number];
      assert.match(buffer.toString('latin1', at, start), /^[0-9a-f]{1,8}\r\n$/i);
      assert.equal(Number.parseInt(buffer.toString('latin1', at, start), 16), end - start);
      assert.equal(buffer.toString('latin1', end, end + 2), '\r\n');
      this.#keep(buffer, start, end);
      at = end + 2;
    }
    assert.equal(at, to, 'framing from border to border');
    assert(chunks.count > 0);
    this.#told('framed');
    return this.flowing;
  }

  end(): void {
    assert(!this.#ended && this.engineHead !== undefined, 'a head, then one ending');
    this.#ended = true;
    this.#told('end');
    this.#over.resolve(this);
  }

  failed(error: EngineError): void {
    assert(this.inFlightRequest !== undefined, 'nothing is told before send has returned');
    assert(!this.#ended, 'one ending');
    this.#ended = true;
    this.error = error;
    this.#told('failed');
    this.#over.resolve(this);
  }

  get over(): Promise<this> {
    return this.#over.promise;
  }
  get ended(): boolean {
    return this.#ended;
  }
  get payload(): Buffer {
    return Buffer.concat(this.#parts);
  }
  /** How it ended, in one word. */
  get outcome(): string {
    return this.error?.code ?? (this.#ended ? 'end' : 'open');
  }

  /** Resolves when the recorded calls satisfy the condition. */
  async until(satisfied: (sink: this) => boolean): Promise<void> {
    while (!satisfied(this)) {
      await new Promise<void>((wake) => {
        this.#wakes.push(wake);
      });
    }
  }

  #keep(buffer: Buffer, from: number, to: number): void {
    assert(!this.#ended && this.engineHead !== undefined, 'payload stands between head and ending');
    assert(to > from, 'no empty payload');
    this.size += to - from;
    if (!this.forgetful) this.#parts.push(Buffer.from(buffer.subarray(from, to)));
  }

  #told(name: 'head' | 'data' | 'framed' | 'end' | 'failed'): void {
    this.onEvent?.(name);
    for (const wake of this.#wakes.splice(0)) wake();
  }
}

export function localAddress(port: number): EngineAddress {
  return { tls: false, host: '127.0.0.1', port, path: '' };
}

export function attemptTo(to: EngineAddress | number, parts: Partial<Attempt> = {}): Attempt {
  const body = parts.body ?? [];
  const method = parts.method ?? (body.length > 0 ? 'POST' : 'GET');
  return {
    to: typeof to === 'number' ? localAddress(to) : to,
    method,
    head: `${method} /v1/x HTTP/1.1\r\naccept: */*\r\n`,
    body,
    bodyLength: body.reduce((size, part) => size + part.length, 0),
    connectTimeoutMs: 5_000,
    firstByteTimeoutMs: 60_000,
    idleTimeoutMs: 30_000,
    ...parts,
  };
}

/** Sends and records; `over` of the sink resolves when the answer ended. */
export function send(upstream: Upstream, attempt: Attempt, sink = new RecordingSink()): RecordingSink {
  sink.inFlightRequest = upstream.send(attempt, sink);
  return sink;
}
