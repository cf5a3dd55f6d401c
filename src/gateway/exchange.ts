/**
 * One request and its response while they pass the pipeline, and the interfaces that keep the steps free of `node:http`.
 *
 * Each step fills its own fields only. A refusal is a value, not a throw. Every byte to the client goes through
 * `ResponseWriter`.
 */

import type { Candidate } from '../core/engine/directory.ts';
import type { NativeRule } from '../core/engine/engine-kind.ts';
import type { Dialect } from '../core/engine/routes.ts';
import type { ErrorCode, ErrorParams } from '../core/errors.ts';
import type { RequestTrace } from '../core/otlp/request-trace.ts';
import type { Ending } from '../core/proxy/proxy-handle.ts';
import type { RuleText } from '../core/rules.ts';
import type { ClientAddress } from '../core/security/address-rules.ts';
import type { KeyView } from '../core/security/api-key.ts';
import type { KeyHolding } from '../core/security/key-holdings.ts';
import type { RequestAhead } from '../core/security/request-ahead.ts';
import type { Snapshot } from '../core/security/snapshot.ts';
import type { ChargeRule } from '../core/security/token-charge.ts';
import type { CacheUse } from '../core/usage/cache-use.ts';
import type { HeadFindings } from './head-findings.ts';
import type { RequestHeaders } from './request-headers.ts';
import type { Route } from './routes.ts';

/** The connection of a request. Steps keep their findings about the connection here, for its next request. */
export interface Peer {
  /** The address of the other end of the socket. */
  readonly address: ClientAddress;
  /** Whether the connection uses TLS. */
  readonly secure: boolean;
  /** The last accepted `Host` value, so that a kept-alive connection is checked once. */
  goodHost: string | undefined;
  /** The key of the last request that sent exactly one token, as the current snapshot has the key. */
  lastKey: KeyView | undefined;
  lastSnapshot: Snapshot | undefined;
}

export interface RequestHead {
  readonly method: string;
  /** The target exactly as the request line has it. */
  readonly target: string;
  /** `1.1`, `1.0`, or another version that the client claimed. */
  readonly version: string;
  /** The request line has more than one space before or after the target. */
  readonly looseLine: boolean;
  readonly fields: RequestHeaders;
  /** Set where the connection remembers the head. Then `fields` may lack the credentials and `content-length`. */
  readonly findings?: HeadFindings | undefined;
}

/** Why a request is refused. `rule` names the rule in words. `fields` are added to the response. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly params?: ErrorParams;
  readonly rule?: RuleText;
  /** Name, value, name, value ... */
  /** Whole lines, each with its CRLF. */
  readonly fields?: string;
  /** The connection cannot carry another request. */
  readonly close?: boolean;
  /** The outcome, where flm itself did not decide to refuse. */
  readonly ending?: Ending;
}

/** A call of an engine's own API at `/engine/{id}/*`. */
export interface NativeCall {
  readonly candidate: Candidate;
  /** Path on the engine. */
  readonly target: string;
  /** Undefined: the kind of the engine does not list the endpoint. */
  readonly rule: NativeRule | undefined;
}

/** One step of the pipeline. A refusal ends the request; undefined lets the request continue. */
export type Step = (x: Exchange) => Refusal | undefined;

/** A step that may wait, for example for a limiter on another machine. */
export type AsyncStep = (x: Exchange) => Refusal | undefined | Promise<Refusal | undefined>;

export interface ResponseHead {
  readonly status: number;
  /** Whole lines, each with its CRLF, without framing fields. */
  readonly fields: string;
  /** The length of the body. Undefined where chunks (or, for HTTP/1.0, closing the connection) frame the body. */
  readonly contentLength: number | undefined;
}

/** Writes the response to the client. A method that returns false asks the caller to pause until `onDrain`. */
export interface ResponseWriter {
  /** The head is being sent: neither status nor engine can change. */
  readonly committed: boolean;
  readonly bytesOut: number;
  /** Milliseconds (monotonic) of the first body byte; 0 before the first byte. */
  readonly firstByteAtMs: number;
  /** Whether the engine's chunk framing may be relayed unchanged. */
  readonly relaysFraming: boolean;
  /** Sends a whole small response at once. */
  sendWhole(status: number, fields: string, body: string, close: boolean): void;
  /** Sets the head. The head is sent with the first byte of the body, or by `flush`. */
  head(h: ResponseHead): void;
  /** Sends the head now if the head is still held. */
  flush(): void;
  /** Withdraws a head that is still held; false if the head was sent. */
  withdraw(): boolean;
  /** Writes payload bytes; the writer frames them. */
  write(buffer: Buffer, from: number, to: number): boolean;
  /** Writes bytes, as Latin-1, that already are valid chunk framing. Allowed only with `relaysFraming`. */
  writeFramed(text: string): boolean;
  /** Writes payload text (flm's own error events). */
  writeText(text: string): boolean;
  /** Sets the drain listener; there is one at a time. */
  onDrain(f: (() => void) | undefined): void;
  /** Ends the body properly. */
  end(): void;
  /** Destroys the connection, so that the client sees that the response is incomplete. */
  cut(): void;
}

export interface BodySink {
  /**
   * Receives a piece of the body: `bytes` are valid only in this call, and faster to read; `own` are the same bytes, for as
   * long as the exchange runs. A returned refusal ends the reading.
   */
  chunk(bytes: Buffer, own: Buffer): Refusal | undefined;
  end(): void;
  /** The body is too large, too slow or malformed. Everything that the request holds must be released by the return. */
  refused(refusal: Refusal): void;
  /** The exchange ended while the body was read: the client left, the key was revoked, or the proxy stops. */
  abandoned(): void;
  /** A call of this sink threw because of a mistake in flm. */
  crashed(error: unknown): void;
}

export interface RequestBody {
  /** Starts reading, once, and answers `Expect: 100-continue`. One of `end` to `crashed` follows, then no call. */
  read(sink: BodySink): void;
}

/** How an exchange ended. An absent field keeps its value. */
export interface Conclusion {
  readonly ending: Ending;
  readonly status?: number;
  readonly code?: ErrorCode;
  readonly rule?: RuleText | undefined;
  /** The parameters of the error text. */
  readonly params?: ErrorParams;
}

/** The facts for the recorder. `conclude` and `clientLeft` write the first five fields; each step adds its own. */
export interface Outcome {
  status: number;
  ending: Ending;
  code: ErrorCode | undefined;
  rule: RuleText | undefined;
  params: ErrorParams | undefined;
  engine: string | undefined;
  model: string | undefined;
  bytesIn: number;
  /** Bytes of the body without images and other data. */
  textBytesIn: number;
  /** The token counts that the engine reported. */
  inputTokens: number | undefined;
  outputTokens: number | undefined;
  /** What the engine reported about its prompt cache. */
  cache: CacheUse | undefined;
  /** How the tokens are charged. */
  charge: ChargeRule;
  /** The bytes of the response, for an estimate of its tokens; undefined where the response holds no text. */
  tokenEstimator: { readonly tokens: number } | undefined;
  /** The most tokens that one request can hold on the engine, where the engine reports the number. */
  contextLength: number | undefined;
  /** The number of answers that the request asks for. */
  choices: number;
  /** How long the request waited for a slot; undefined without a wait. */
  queuedMs: number | undefined;
  streamed: boolean;
  /** auth: names of the fields that held another service's token; undefined where there were none. */
  droppedCredentials: string | undefined;
}

/** How far the engine's work is. Read when the running requests are listed, and at the end of the exchange. */
export interface Progress {
  /** The request waits for a slot of an engine. */
  readonly waits: boolean;
  /** The place in the queue; undefined if it does not wait, or the place is not known. */
  readonly queuePlace: number | undefined;
  /** The engine sent a part of the body. */
  readonly answers: boolean;
  /** The engine's connection has taken the whole request. */
  readonly requestSent: boolean;
  /** Output tokens that the engine counted so far; 0 if it reported none. */
  readonly reportedTokens: number;
  readonly estimatedTokens: number;
}

export class Exchange {
  readonly id: string;
  readonly peer: Peer;
  readonly head: RequestHead;
  readonly snapshot: Snapshot;
  readonly reply: ResponseWriter;
  readonly body: RequestBody;
  readonly startedAtMs: number;
  readonly outcome: Outcome;

  /** guard: path and query of the target; the path is canonical. */
  path = '';
  query = '';
  /** router: shape of errors and events. A refusal before the router looks at the path. */
  dialect: Dialect = 'openai';
  /** guard: the address of the client; behind a trusted proxy, the address that the proxy reports. */
  client: ClientAddress;
  /** The field in which a trusted proxy names the client unreadably; the guard refuses such a request. */
  unreadableHop: 'X-Forwarded-For' | 'Forwarded' | undefined;
  /** guard: lines of CORS fields for every response; empty where no origin is allowed. */
  cors = '';
  /** guard: a preflight; the policy alone answers the preflight. */
  preflight = false;
  /** auth: undefined where the path needs no key. */
  key: KeyView | undefined;
  /** policy: lines of rate-limit fields for every response. */
  rate = '';
  /** router: the matched row of the route table. */
  route: Route | undefined;
  /** router: values of `{id}` and `{rest}`, unescaped. */
  params: readonly string[] = [];
  /** authorize: the call of an engine's own API; undefined on every other route. */
  native: NativeCall | undefined;
  /** The number of streams that the key holds, this request included; undefined before this request took a stream. */
  holding: KeyHolding | undefined;
  /** What this request will ask of the limits; undefined where they are counted in this process. */
  ahead: RequestAhead | undefined;
  /** Whether this request counts as one of the requests that its key may have in progress. */
  countsAgainstKey = false;
  /** Ends the queueing or the engine's work early. Set while a relay exists; called at most once. */
  onAbort: ((why: AbortCause) => void) | undefined;
  /** Present where telemetry is on, once the request goes to an engine. */
  trace: RequestTrace | undefined;
  /** The relay of the current attempt. */
  progress: Progress | undefined;
  /** Called about once a second while an attempt runs. */
  onTick: ((nowMs: number) => void) | undefined;
  /** Called once when the exchange ends, for any reason. */
  onFinish: (() => void) | undefined;
  /** No more bytes may be written: the response is complete, or the client left. */
  over = false;

  constructor(start: {
    readonly id: string;
    readonly peer: Peer;
    readonly head: RequestHead;
    readonly snapshot: Snapshot;
    readonly reply: ResponseWriter;
    readonly body: RequestBody;
    readonly startedAtMs: number;
  }) {
    this.id = start.id;
    this.peer = start.peer;
    this.head = start.head;
    this.snapshot = start.snapshot;
    this.reply = start.reply;
    this.body = start.body;
    this.startedAtMs = start.startedAtMs;
    this.client = start.peer.address;
    this.outcome = {
      status: 0,
      ending: 'done',
      code: undefined,
      rule: undefined,
      params: undefined,
      engine: undefined,
      model: undefined,
      bytesIn: 0,
      textBytesIn: 0,
      inputTokens: undefined,
      outputTokens: undefined,
      cache: undefined,
      charge: 'none',
      tokenEstimator: undefined,
      contextLength: undefined,
      choices: 1,
      queuedMs: undefined,
      streamed: false,
      droppedCredentials: undefined,
    };
  }

  /** Records status and outcome, for the log and the metrics. The last call before the response is over counts. */
  conclude({ ending, status, code, rule, params }: Conclusion): void {
    const { outcome } = this;
    outcome.ending = ending;
    if (status !== undefined) outcome.status = status;
    if (code !== undefined) {
      outcome.code = code;
      outcome.rule = rule;
      outcome.params = params;
    }
  }

  /** Records that the client closed the connection, or that flm cut the connection because the client did not read. */
  clientLeft(code: 'CLIENT_GONE' | 'CLIENT_STALLED'): void {
    const { outcome } = this;
    outcome.ending = 'client-left';
    outcome.code ??= code;
    if (outcome.status === 0) outcome.status = 499;
  }
}

/** Why flm ends a running exchange early. */
export type AbortCause = 'client-left' | 'client-stalled' | 'shut-down' | 'key-ended' | 'cancelled';
