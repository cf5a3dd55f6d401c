/**
 * Relays one response of an engine to the client: when it is committed, its bytes, and how it ends. Until the client has
 * seen a byte of it, the response can still become an error with a status, or the request can go to another engine.
 *
 *   waiting --head--> committed --bytes--> over
 *      |                 |
 *      |                 `--failure--> error event + proper end (event streams), or the connection is cut (all else)
 *      |--silence (30 s, stream requested)--> committed without a head of the engine
 *      `--failure--> a real status
 *
 * A status of 200 does not mean success: a stream that ends without its terminal mark was cut, even where its framing is
 * complete.
 */

import type { AttemptEnd } from '../../core/engine/engine.ts';
import type { ChunkMap, EngineHead, InFlightRequest, ResponseHandler } from '../../core/engine/upstream.ts';
import { type EngineError, type ErrorCode, errorTable } from '../../core/errors.ts';
import type { Ending } from '../../core/proxy/proxy-handle.ts';
import { rule } from '../../core/rules.ts';
import type { QueueTicket } from '../../core/security/admission.ts';
import type { ChargeRule } from '../../core/security/token-charge.ts';
import { commonFields, errorMessage, refuse } from '../error-response.ts';
import type { AbortCause, Exchange, Progress, Refusal, ResponseHead } from '../exchange.ts';
import type { Route } from '../routes.ts';
import { errorEvent, heartbeat } from './dialects.ts';
import { ErrorAfterHead } from './error-after-head.ts';
import type { EventFraming } from './event-end.ts';
import { EventRelay } from './event-relay.ts';
import { type HeadFacts, readHead, stackedCodings } from './response-head.ts';
import { ResponseIdFinder } from './response-id.ts';
import { type ResponseShape, ResponseShapeReader } from './response-shape.ts';
import { StreamReader } from './stream-reader.ts';
import { isUsageChunk } from './usage-chunk.ts';
import { isTextType, WholeResponseReader } from './whole-response.ts';

export interface RelayDeps {
  readonly x: Exchange;
  readonly route: Route;
  /** The client requested events, so the response may be committed after a long silence. */
  readonly streamed: boolean;
  /** The engine generates, so the response is charged. */
  readonly charged: boolean;
  /** The response holds text of a model, rather than numbers, sounds or images. */
  readonly writesText: boolean;
  /** flm asked for the usage at the end of the stream, and removes it from the client's stream. */
  readonly usageAdded: boolean;
  /** The id of the stored response is looked for. */
  readonly stores: boolean;
  readonly nowMs: () => number;
  readonly commitAfterMs: number;
  readonly heartbeatMs: number;
  /**
   * Called when the attempt ended and nothing is committed. Returns true if another engine is tried, so the client gets
   * nothing yet.
   */
  readonly mayTryNext: (end: AttemptEnd, status: number | undefined) => boolean;
}

/** How an attempt ended. */
export interface AttemptResult {
  readonly end: AttemptEnd;
  /** The status of the engine; undefined where no head arrived. */
  readonly status: number | undefined;
  /** The stream had an error event of the engine. */
  readonly errorSeen: boolean;
  /** The id under which the engine may have stored the response. */
  readonly responseId: string | undefined;
  /** The client got nothing, and another engine may be tried. */
  readonly tryNext: boolean;
}

/** No proxy between flm and the client holds events back. */
const unbuffered = 'x-accel-buffering: no\r\n';
const uncached = 'cache-control: no-cache\r\n';

const attemptEnds: Partial<Record<ErrorCode, AttemptEnd>> = {
  ENGINE_CONNECT_FAILED: 'refused-connection',
  ENGINE_RESET: 'reset',
  ENGINE_CUT: 'reset',
  ENGINE_PROTOCOL: 'protocol',
  ENGINE_TIMEOUT: 'timeout',
  ENGINE_STALLED: 'timeout',
};

export class Relay implements ResponseHandler, Progress {
  readonly #deps: RelayDeps;
  readonly #x: Exchange;
  readonly #sinceMs: number;
  /** Assigned as soon as the request is sent; until then it waits for a slot. */
  inFlightRequest: InFlightRequest | undefined;
  /** Set while the request waits for a slot in a queue. */
  queueTicket: QueueTicket | undefined;
  /** Called once, when the relay is over; belongs to the stage that waits. */
  onOver: ((result: AttemptResult) => void) | undefined;

  #events: EventFraming | undefined;
  #body: EventRelay | undefined;
  #reader: StreamReader | undefined;
  #over = false;
  /** The status that the engine sent. */
  #status: number | undefined;
  /** flm sent a head after a long silence. The head of the engine must match it. */
  #early = false;
  /** An error of the engine after such an early head; it becomes an event. */
  #errorAfterHead: ErrorAfterHead | undefined;
  /** Reads the first bytes; undefined once they have shown what kind of response it is. */
  #shape: ResponseShapeReader | undefined;
  /** The head as it was passed to the response writer. */
  #head: ResponseHead | undefined;
  #wholeResponse: WholeResponseReader | undefined;
  readonly #idFinder: ResponseIdFinder | undefined;
  #bytes = 0;
  #lastWriteMs = 0;
  readonly #resume = (): void => this.inFlightRequest?.resume();

  constructor(deps: RelayDeps) {
    this.#deps = deps;
    this.#x = deps.x;
    this.#sinceMs = deps.nowMs();
    if (deps.stores) this.#idFinder = new ResponseIdFinder();
    this.#x.progress = this;
    const abort = (why: AbortCause): void => this.#abort(why);
    const tick = (nowMs: number): void => this.#tick(nowMs);
    this.#x.onAbort = abort;
    this.#x.onTick = tick;
  }

  get requestSent(): boolean {
    return this.inFlightRequest?.sent === true;
  }

  /** Nothing more is relayed: the response is complete or failed, or the client left. */
  get over(): boolean {
    return this.#over;
  }

  // --- for the list of running requests

  get waits(): boolean {
    return this.queueTicket !== undefined;
  }

  get queuePlace(): number | undefined {
    return this.queueTicket?.place();
  }

  get answers(): boolean {
    return this.#bytes > 0;
  }

  get reportedTokens(): number {
    return this.#reader?.usage?.outputTokens ?? 0;
  }

  get estimatedTokens(): number {
    const reader = this.#reader ?? this.#wholeResponse;
    return this.#deps.writesText && reader !== undefined ? Math.ceil(reader.text.tokens) : 0;
  }

  // --- calls of the upstream

  head(head: EngineHead): void {
    if (this.#over) return;
    const x = this.#x;
    this.#status = head.status;
    const facts = readHead(head);
    if (head.status >= 300 && head.status < 400) return this.#fail('ENGINE_REDIRECTED', 'protocol');
    if (stackedCodings(facts.contentEncoding)) return this.#fail('ENGINE_PROTOCOL', 'protocol');
    if (
      facts.events !== undefined &&
      facts.contentEncoding !== undefined &&
      facts.contentEncoding !== 'identity'
    ) {
      return this.#fail('ENGINE_CODED_STREAM', 'protocol');
    }
    if (this.#early) return this.#lateHead(head, facts);
    if (this.#deps.mayTryNext('done', head.status)) {
      this.inFlightRequest?.abort();
      return this.#endAttempt('done', true);
    }

    x.conclude({ ending: 'done', status: head.status });
    let fields = facts.fields + commonFields(x);
    const coded = facts.contentEncoding !== undefined && facts.contentEncoding !== 'identity';
    if (head.status === 200 && head.framing !== 'none' && this.#deps.route.end !== 'none' && !coded)
      this.#shape = new ResponseShapeReader(this.#deps.streamed, facts.events, this.#deps.route.end);
    if (facts.events !== undefined && head.framing !== 'none') {
      this.#stream(facts.events);
      fields += unbuffered;
      if (!facts.hasCacheControl) fields += uncached;
      // flm frames the stream even where the engine sent a length: an error event may have to follow.
      x.reply.head({ status: head.status, fields, contentLength: undefined });
      // In the next tick: the first event is usually in the same read, and then head and event are sent in one write.
      process.nextTick(flushReply, x);
      return;
    }
    if (this.#deps.charged)
      this.#wholeResponse = new WholeResponseReader(
        head.contentLength,
        this.#deps.writesText || isTextType(facts.contentType),
      );
    this.#head = { status: head.status, fields, contentLength: head.contentLength };
    x.reply.head(this.#head);
  }

  data(buffer: Buffer, from: number, to: number): boolean {
    if (this.#over) return true;
    if (this.#shape !== undefined) {
      const held = this.#lookAt(this.#shape, buffer, from, to);
      if (held === undefined) return true;
      // The held bytes end with the new ones.
      if (held.length > 0) return this.data(held, 0, held.length);
    }
    this.#idFinder?.read(buffer, from, to);
    const body = this.#body;
    let flowing: boolean;
    const late = this.#errorAfterHead;
    if (late !== undefined) {
      late.add(buffer, from, to);
      return true;
    }
    this.#bytes += to - from;
    if (body !== undefined) {
      this.#lastWriteMs = 0;
      flowing = body.data(buffer, from, to);
    } else {
      // Most responses arrive in one read. The exchange is over with the write that follows, so they are charged first.
      if (this.#wholeResponse?.read(buffer, from, to) === true) this.#charge('final');
      flowing = this.#x.reply.write(buffer, from, to);
    }
    if (!flowing) this.#x.reply.onDrain(this.#resume);
    return flowing;
  }

  framed(buffer: Buffer, from: number, to: number, chunks: ChunkMap): boolean {
    if (this.#over) return true;
    if (this.#shape !== undefined) {
      const held = this.#lookAt(this.#shape, buffer, chunks.starts[0] as number, chunks.ends[0] as number);
      if (held === undefined || held.length > 0) return this.#afterHeld(held, buffer, chunks);
    }
    const body = this.#body;
    let flowing: boolean;
    this.#bytes += to - from;
    if (body !== undefined && this.#errorAfterHead === undefined) {
      this.#lastWriteMs = 0;
      if (this.#idFinder !== undefined) this.#findId(this.#idFinder, buffer, chunks);
      flowing = body.framed(buffer, from, to, chunks);
    } else if (this.#errorAfterHead === undefined && this.#x.reply.relaysFraming) {
      if (this.#idFinder !== undefined) this.#findId(this.#idFinder, buffer, chunks);
      for (let i = 0; i < chunks.count; i++)
        this.#wholeResponse?.read(buffer, chunks.starts[i] as number, chunks.ends[i] as number);
      flowing = this.#x.reply.writeFramed(buffer.toString('latin1', from, to));
    } else {
      flowing = true;
      for (let i = 0; i < chunks.count; i++)
        flowing = this.data(buffer, chunks.starts[i] as number, chunks.ends[i] as number) && flowing;
    }
    if (!flowing) this.#x.reply.onDrain(this.#resume);
    return flowing;
  }

  #findId(finder: ResponseIdFinder, buffer: Buffer, chunks: ChunkMap): void {
    for (let i = 0; i < chunks.count; i++)
      finder.read(buffer, chunks.starts[i] as number, chunks.ends[i] as number);
  }

  end(): void {
    if (this.#over) return;
    const x = this.#x;
    if (this.#shape !== undefined) {
      // A body of blanks only counts as empty.
      if (this.#shape.isBlank && this.#mustAnswer()) return this.#fail('ENGINE_CUT', 'reset');
      this.#decideAtEnd(this.#shape);
    }
    if (this.#errorAfterHead !== undefined)
      return this.#fail('ENGINE_CUT', 'done', this.#errorAfterHead.message);
    if (this.#body !== undefined && this.#reader !== undefined) {
      const reader = this.#reader;
      this.#body.finish(() => this.#isComplete(reader));
      if (!this.#isComplete(reader) || this.#body.midEvent || this.#body.truncated)
        return this.#fail('ENGINE_CUT', 'reset');
    } else if (this.#bytes === 0 && this.#mustAnswer()) return this.#fail('ENGINE_CUT', 'reset');
    this.#charge(this.#reader?.errorSeen === true ? 'reported' : 'final');
    this.#endAttempt('done');
    x.reply.end();
  }

  /** Ends a request that got no slot. */
  deny(refusal: Refusal): void {
    if (this.#over) return;
    const x = this.#x;
    this.#endAttempt('done');
    if (!x.reply.committed) return refuse(x, refusal);
    const { code, params = {}, rule } = refusal;
    x.conclude({ ending: 'refused', code, rule, params });
    this.#endCommitted(code, errorMessage(code, params));
  }

  failed(error: EngineError): void {
    if (this.#over) return;
    this.#fail(error.code, attemptEnds[error.code] ?? 'protocol');
  }

  /** Ends the response after a mistake of flm's own, so that no client waits for it. The engine is not blamed. */
  crashed(): void {
    const x = this.#x;
    try {
      this.#endAttempt('client-gone');
    } finally {
      if (!x.over && x.reply.committed && !x.reply.withdraw()) {
        x.conclude({ ending: 'refused', code: 'INTERNAL', rule: rule('mistake') });
        x.reply.cut();
      } else refuse(x, { code: 'INTERNAL', rule: rule('mistake'), close: true });
    }
  }

  // --- time and the client

  #tick(nowMs: number): void {
    const x = this.#x;
    if (!x.reply.committed && this.#deps.streamed && nowMs - this.#sinceMs >= this.#patienceMs()) {
      this.#early = true;
      const framing: EventFraming = this.#deps.route.dialect === 'ollama' ? 'ndjson' : 'sse';
      this.#stream(framing);
      x.conclude({ ending: 'done', status: 200 });
      const type = framing === 'sse' ? 'text/event-stream; charset=utf-8' : 'application/x-ndjson';
      x.reply.head({
        status: 200,
        fields: `content-type: ${type}\r\n${uncached}${unbuffered}${commonFields(x)}`,
        contentLength: undefined,
      });
      x.reply.flush();
    }
    const { heartbeatMs } = this.#deps;
    if (heartbeatMs > 0 && this.#events !== undefined && this.#body?.midEvent === false) {
      if (this.#lastWriteMs === 0) this.#lastWriteMs = nowMs;
      else if (nowMs - this.#lastWriteMs >= heartbeatMs) {
        this.#lastWriteMs = nowMs;
        const beat = heartbeat(this.#x.dialect, this.#events);
        if (beat !== undefined) x.reply.writeText(beat);
      }
    }
  }

  /** While the request waits for a slot, no engine can fail soon, so the head is sent in time for the first heartbeat. */
  #patienceMs(): number {
    const { commitAfterMs, heartbeatMs } = this.#deps;
    return this.inFlightRequest === undefined && heartbeatMs > 0
      ? Math.min(heartbeatMs, commitAfterMs)
      : commitAfterMs;
  }

  #abort(why: AbortCause): void {
    if (this.#over) return;
    switch (why) {
      case 'client-left':
      case 'client-stalled':
        if (this.inFlightRequest?.reached === true)
          this.#charge(this.#reader?.complete === true ? 'final' : 'early');
        this.inFlightRequest?.abort();
        return this.#endAttempt('client-gone');
      case 'shut-down':
        return this.#fail('SHUT_DOWN', 'shut-down');
      case 'key-ended':
        return this.#fail('KEY_ENDED', 'shut-down');
      case 'cancelled':
        return this.#fail('REQUEST_CANCELLED', 'client-gone');
      default:
        return why satisfies never;
    }
  }

  // --- endings

  /** Ends a failed response in the way that the client can see best: a status, an error event, or a cut connection. */
  #fail(code: ErrorCode, end: AttemptEnd, detail?: string): void {
    const x = this.#x;
    const decidedBy = code === 'REQUEST_CANCELLED' ? rule('cancelled') : rule('engine');
    const reached = this.inFlightRequest?.reached === true;
    this.inFlightRequest?.abort();
    // A head that was not sent yet is withdrawn.
    if (!x.reply.committed || x.reply.withdraw()) {
      if (this.#deps.mayTryNext(end, undefined)) return this.#endAttempt(end, true);
      this.#endAttempt(end);
      refuse(x, {
        code,
        rule: decidedBy,
        ending: endingOf(code),
        ...(errorTable[code].status === 503 ? { fields: 'retry-after: 2\r\n' } : {}),
      });
      return;
    }
    // The client keeps what it received until an administrator cancelled the request.
    this.#charge(code === 'REQUEST_CANCELLED' && reached ? 'early' : 'reported');
    this.#endAttempt(end);
    x.conclude({ ending: endingOf(code), code, rule: code === 'REQUEST_CANCELLED' ? decidedBy : undefined });
    this.#endCommitted(code, detail ?? errorMessage(code));
  }

  #endCommitted(code: ErrorCode, message: string): void {
    const x = this.#x;
    if (this.#events === undefined || this.#body === undefined || this.#body.midEvent) return x.reply.cut();
    x.reply.writeText(errorEvent(x.dialect, this.#events, code, message, x.id));
    x.reply.end();
  }

  #endAttempt(end: AttemptEnd, tryNext = false): void {
    if (this.#over) return;
    this.#over = true;
    this.#x.onAbort = undefined;
    this.#x.onTick = undefined;
    this.onOver?.({
      end,
      status: this.#status,
      errorSeen: this.#reader?.errorSeen === true,
      responseId: this.#idFinder?.id,
      tryNext,
    });
  }

  #stream(framing: EventFraming): void {
    this.#events = framing;
    this.#x.outcome.streamed = true;
    this.#reader = new StreamReader(this.#deps.route.end, framing);
    this.#body = new EventRelay(
      this.#x.reply,
      framing,
      this.#reader,
      this.#deps.usageAdded ? isUsageChunk : undefined,
    );
  }

  // --- what the first bytes show

  /** Undefined while the bytes do not decide. Otherwise the bytes held until now, which are relayed first. */
  #lookAt(reader: ResponseShapeReader, buffer: Buffer, from: number, to: number): Buffer | undefined {
    const shape = reader.read(buffer, from, to);
    if (shape === undefined) return undefined;
    this.#decide(shape);
    return reader.held;
  }

  /** The first of these chunks is still held, or is the end of the held bytes. */
  #afterHeld(held: Buffer | undefined, buffer: Buffer, chunks: ChunkMap): boolean {
    let flowing = held === undefined || this.data(held, 0, held.length);
    for (let i = 1; i < chunks.count; i++)
      flowing = this.data(buffer, chunks.starts[i] as number, chunks.ends[i] as number) && flowing;
    return flowing;
  }

  #decideAtEnd(reader: ResponseShapeReader): void {
    const { held } = reader;
    this.#decide(reader.end());
    if (held.length > 0) this.data(held, 0, held.length);
  }

  #decide(shape: ResponseShape): void {
    this.#shape = undefined;
    if (this.#early) {
      if (shape !== this.#events) this.#errorAfterHead = new ErrorAfterHead(200);
      return;
    }
    if (shape === this.#events) return;
    if (shape === 'whole') {
      // The response was declared as an event stream, so its head was sent without a length.
      if (this.#events === undefined) return;
      this.#events = this.#body = this.#reader = undefined;
      this.#x.outcome.streamed = false;
      if (this.#deps.charged) this.#wholeResponse = new WholeResponseReader(undefined, true);
      return;
    }
    this.#stream(shape);
    // flm frames every stream: an error event may have to follow.
    if (this.#head !== undefined && this.#x.reply.withdraw())
      this.#x.reply.head({ ...this.#head, contentLength: undefined });
  }

  /** Handles a response head of the engine that arrives after flm has sent a head. */
  #lateHead(head: EngineHead, facts: HeadFacts): void {
    if (head.status === 200 && facts.events === this.#events) return;
    if (head.status === 200 && this.#deps.route.end !== 'none')
      this.#shape = new ResponseShapeReader(this.#deps.streamed, facts.events, this.#deps.route.end);
    else this.#errorAfterHead = new ErrorAfterHead(head.status);
  }

  /** An error event of the engine also completes the stream: the client has received it. */
  #isComplete(reader: StreamReader): boolean {
    return this.#deps.route.end === 'none' || reader.terminated || reader.errorSeen;
  }

  /** An empty 200 is not a valid response to a prompt. */
  #mustAnswer(): boolean {
    const { x, route, charged } = this.#deps;
    return x.outcome.status === 200 && x.head.method !== 'HEAD' && (charged || route.end !== 'none');
  }

  /** Sets how the request is charged, by how it ended. Error responses of the engine are free. */
  #charge(rule: ChargeRule): void {
    const { outcome } = this.#x;
    if (!this.#deps.charged || (this.#status ?? 0) >= 400) return;
    outcome.charge = rule;
    const reader = this.#reader ?? this.#wholeResponse;
    if (reader === undefined) return;
    // The usage of an incomplete JSON response cannot be relied on.
    const usage = reader === this.#wholeResponse && rule !== 'final' ? undefined : reader.usage;
    outcome.inputTokens = usage?.inputTokens;
    outcome.outputTokens = usage?.outputTokens;
    outcome.cache = usage?.cache ?? this.#reader?.cache;
    if (this.#deps.writesText) outcome.tokenEstimator = reader.text;
  }
}

function flushReply(x: Exchange): void {
  if (!x.over) x.reply.flush();
}

function endingOf(code: ErrorCode): Ending {
  if (code === 'SHUT_DOWN') return 'shut-down';
  if (code === 'KEY_ENDED') return 'key-ended';
  if (code === 'REQUEST_CANCELLED') return 'cancelled';
  return code === 'ENGINE_TIMEOUT' || code === 'ENGINE_STALLED' ? 'timeout' : 'engine-broke';
}
