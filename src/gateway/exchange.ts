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
import type { Ending } from '../core/proxy/proxy-handle.ts';
import type { RuleText } from '../core/rules.ts';
import type { ClientAddress } from '../core/security/address-rules.ts';
import type { KeyView } from '../core/security/api-key.ts';
import type { KeyHolding } from '../core/security/key-holdings.ts';
import type { Snapshot } from '../core/security/snapshot.ts';
import type { ChargeRule } from '../core/security/token-charge.ts';
import type { RequestHeaders } from './request-headers.ts';
import type { Route } from './routes.ts';

/** The connection that a request came on; steps keep what they found out about it here, for the next request. */
export interface Peer {
  /** Address of the socket's other end. */
  readonly address: ClientAddress;
  /** It speaks TLS. */
  readonly secure: boolean;
  /** Last `Host` value that was found good, so that a kept-alive connection asks once. */
  goodHost: string | undefined;
  /** Key of the last request that came with one alone, as this snapshot has it. */
  lastKey: KeyView | undefined;
  lastSnapshot: Snapshot | undefined;
}

export interface RequestHead {
  readonly method: string;
  /** As it stood on the request line. */
  readonly target: string;
  /** `1.1`, `1.0`, or what else was claimed. */
  readonly version: string;
  /** More than one space stood on a side of the target. */
  readonly looseLine: boolean;
  readonly fields: RequestHeaders;
}

/** Why a request ends here. `rule` says in words which rule decided; `fields` are added to the answer. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly params?: ErrorParams;
  readonly rule?: RuleText;
  /** Name, value, name, value ... */
  readonly fields?: readonly string[];
  /** The connection cannot be used any more. */
  readonly close?: boolean;
  /** How it went, where that was not flm's own decision. */
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

/** One step of the pipeline: a refusal ends the request, undefined lets it continue. */
export type Step = (x: Exchange) => Refusal | undefined;

/** A step that may have to wait, because what it asks can be on another machine. */
export type AsyncStep = (x: Exchange) => Refusal | undefined | Promise<Refusal | undefined>;

export interface ResponseHead {
  readonly status: number;
  /** Flat: name, value ... without framing fields. */
  readonly fields: string[];
  /** Known length of the body, or undefined where it is framed in chunks (or by closing, for HTTP/1.0). */
  readonly contentLength: number | undefined;
}

/** The way out to the client. Writers return false to ask for a pause until `onDrain`. */
export interface ResponseWriter {
  /** The head is on its way: neither status nor engine can change. */
  readonly committed: boolean;
  readonly bytesOut: number;
  /** Milliseconds (monotonic) of the first body byte; 0 before. */
  readonly firstByteAtMs: number;
  /** Whether chunk framing of the engine may be relayed as it is. */
  readonly relaysFraming: boolean;
  /** A whole small answer at once. */
  whole(status: number, fields: string[], body: string, close: boolean): void;
  /** Sets the head; it leaves with the first byte of the body, or by `flush`. */
  head(h: ResponseHead): void;
  /** Sends the head now where it still waits. */
  flush(): void;
  /** Takes back a head that still waits; false where it is out. */
  withdraw(): boolean;
  /** Payload bytes; framed by the reply. */
  write(buffer: Buffer, from: number, to: number): boolean;
  /** Bytes that already are valid chunk framing; only where `relaysFraming`. */
  writeFramed(buffer: Buffer, from: number, to: number): boolean;
  /** Payload text (flm's own error events). */
  writeText(text: string): boolean;
  /** One listener at a time. */
  onDrain(f: (() => void) | undefined): void;
  /** Proper end of the body. */
  end(): void;
  /** Destroys the connection, so that the client sees that the answer is not whole. */
  cut(): void;
}

export interface BodySink {
  /** A refusal ends the reading. */
  chunk(buffer: Buffer): Refusal | undefined;
  end(): void;
  /** The body is too large, too slow or malformed. Everything that the request holds must be released by the return. */
  refused(refusal: Refusal): void;
  /** The exchange ended while the body was read: the client left, the key was revoked, or the proxy stops. */
  abandoned(): void;
  /** A call of this sink threw, which is a mistake of flm's own. */
  crashed(error: unknown): void;
}

export interface RequestBody {
  /** Starts reading (and answers `Expect: 100-continue`). Once. One of `end` to `crashed` follows, and then nothing. */
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

/** What the recorder reads. `conclude` and `clientLeft` write the first five fields; each step adds its own facts. */
export interface Outcome {
  status: number;
  ending: Ending;
  code: ErrorCode | undefined;
  rule: RuleText | undefined;
  params: ErrorParams | undefined;
  engine: string | undefined;
  model: string | undefined;
  bytesIn: number;
  /** Of the body, without images and other data. */
  textBytesIn: number;
  /** As the engine told. */
  inputTokens: number | undefined;
  outputTokens: number | undefined;
  /** How the tokens are charged. */
  charge: ChargeRule;
  /** What came of the answer, for an estimate; undefined where it holds no text. */
  answerText: { readonly tokens: number } | undefined;
  /** Tokens that one request may hold on the engine, where the engine tells. */
  contextLength: number | undefined;
  /** Answers asked for at once. */
  choices: number;
  /** How long it waited for a slot; undefined where it did not. */
  queuedMs: number | undefined;
  streamed: boolean;
  /** auth: names of the fields that held a token of somebody else; undefined where none did. */
  droppedCredentials: string | undefined;
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

  /** guard: path and query of the target, path canonical. */
  path = '';
  query = '';
  /** router: shape of errors and events. A refusal before the router looks at the path. */
  dialect: Dialect = 'openai';
  /** guard: who is at the other end; behind a trusted proxy the one it speaks for. */
  client: ClientAddress;
  /** The field of a trusted proxy that says who the client is and cannot be read; the guard refuses such a request. */
  unreadableHop: 'X-Forwarded-For' | 'Forwarded' | undefined;
  /** guard: CORS fields for every answer, flat; undefined where the origin is not allowed or absent. */
  cors: readonly string[] | undefined;
  /** guard: a preflight, to be answered by policy alone. */
  preflight = false;
  /** auth: undefined where the path is keyless. */
  key: KeyView | undefined;
  /** policy: rate fields for every answer, flat. */
  rate: readonly string[] | undefined;
  /** router */
  route: Route | undefined;
  /** router: values of `{id}` and `{rest}`, unescaped. */
  params: readonly string[] = [];
  /** authorize: the call of an engine's own API; undefined on every other route. */
  native: NativeCall | undefined;
  /** What the key of this request holds, this request included; undefined before it took a stream. */
  holding: KeyHolding | undefined;
  /** It is one of the requests that its key may have in progress. */
  countsAgainstKey = false;
  /** Ends the engine's work; set while an attempt runs. Called once with why. */
  onBreak: ((why: BreakCause) => void) | undefined;
  /** Called about once a second while an attempt runs. */
  onTick: ((nowMs: number) => void) | undefined;
  /** Called once when the exchange ends, for whatever reason. */
  onOver: (() => void) | undefined;
  /** Nothing may be written any more: answered, or the client left. */
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
      charge: 'none',
      answerText: undefined,
      contextLength: undefined,
      choices: 1,
      queuedMs: undefined,
      streamed: false,
      droppedCredentials: undefined,
    };
  }

  /** Records status and ending, for the log and the metrics. The last call before the response is over counts. */
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

  /** Records that the client closed the connection, or was cut because it did not read. */
  clientLeft(code: 'CLIENT_GONE' | 'CLIENT_STALLED'): void {
    const { outcome } = this;
    outcome.ending = 'client-left';
    outcome.code ??= code;
    if (outcome.status === 0) outcome.status = 499;
  }
}

/** Why a running exchange is ended from outside. */
export type BreakCause = 'client-left' | 'client-stalled' | 'shut-down' | 'key-ended';
