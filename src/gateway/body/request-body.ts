/**
 * Reads a whole request body and extracts the facts that the rules need. Nothing is sent to an engine before the last
 * byte has arrived and the scanner has accepted the body: if flm and an engine read different models from one body,
 * every rule about models could be bypassed.
 */

import type { BodyFacts } from '../../core/engine/routes.ts';
import { rule } from '../../core/rules.ts';
import { refuse } from '../error-response.ts';
import type { BodySink, Exchange, Refusal } from '../exchange.ts';
import type { ModelPlace } from '../routes.ts';
import { TextByteCounter } from '../text-byte-counter.ts';
import { BodyChunks } from './body-chunks.ts';
import { JsonScanner } from './json-scanner.ts';
import { MultipartScanner } from './multipart.ts';
import { type ScanPlan, scanPlan } from './scan-plan.ts';

/** How a body is read. */
export interface BodyPlan {
  /** The request counts toward the concurrency limit of its key. This is checked before the body is read. */
  readonly counts: boolean;
  /** What the scanner looks for. Undefined: the body is forwarded without a scan. */
  readonly scan: { readonly model: ModelPlace; readonly scan: readonly string[] } | undefined;
  /** Below `maxBodyBytes`; counted after decoding. */
  readonly maxBytes?: number;
}

export interface ReadBody {
  /** Undefined where the plan has no scan. */
  readonly facts: BodyFacts | undefined;
  readonly parts: readonly Buffer[];
  readonly length: number;
  /** The content type to send to the engine. */
  readonly contentType: string | undefined;
}

/**
 * Plans by list of paths. Each list is a constant of the route table or of a handler; routes are copied, lists are not.
 */
const plans = new WeakMap<readonly string[], ScanPlan>();

function planOf(paths: readonly string[]): ScanPlan {
  let plan = plans.get(paths);
  if (plan === undefined) {
    plan = scanPlan(paths);
    plans.set(paths, plan);
  }
  return plan;
}

/** The body format that a client should send, by where the route has its model. */
const forms: Readonly<Record<ModelPlace, string>> = {
  json: 'one JSON object',
  none: 'one JSON object',
  multipart:
    'multipart/form-data with its boundary in the Content-Type, which HTTP libraries write by themselves',
};

const bodyInvalid = (reason: string, model: ModelPlace): Refusal => ({
  code: 'BODY_INVALID',
  params: { reason, form: forms[model] },
  rule: rule('body-scanner'),
});

/**
 * Returns the body, or undefined once the exchange is over: the body was refused, the client left, the key was revoked,
 * or the proxy stops.
 */
export function readBody(x: Exchange, plan: BodyPlan): ReadBody | undefined | Promise<ReadBody | undefined> {
  const contentType = x.head.fields.get('content-type');
  const { scan } = plan;
  if (scan === undefined) return new BodyReader(x, undefined, 'none', contentType, plan.maxBytes).read();
  const isMultipart = /^multipart\//i.test(contentType ?? '');
  if (isMultipart !== (scan.model === 'multipart')) {
    const expected = scan.model === 'multipart' ? 'multipart/form-data' : 'application/json';
    refuse(x, { code: 'BODY_TYPE_UNSUPPORTED', params: { expected }, rule: rule('content-type') });
    return undefined;
  }
  const scanner = isMultipart
    ? MultipartScanner.open(contentType ?? '', formFields(scan.scan))
    : new JsonScanner(planOf(scan.scan));
  if ('reason' in scanner) {
    refuse(x, bodyInvalid(scanner.reason, scan.model));
    return undefined;
  }
  // The scanner has verified that the body is JSON, so flm declares JSON, whatever the client declared.
  return new BodyReader(x, scanner, scan.model, isMultipart ? contentType : 'application/json').read();
}

/** A form is flat, so it can hold only the paths that are a single name. */
function formFields(paths: readonly string[]): readonly string[] {
  return paths.filter((path) => /^[a-z0-9_]+$/.test(path));
}

/** The body stage as one object: the sink of the body, and the promise of the stage while the body is incomplete. */
class BodyReader implements BodySink {
  readonly #x: Exchange;
  readonly #scanner: JsonScanner | MultipartScanner | undefined;
  readonly #model: ModelPlace;
  readonly #contentType: string | undefined;
  readonly #maxBytes: number;
  readonly #chunks = new BodyChunks();
  readonly #text: TextByteCounter | undefined;
  /** How many chunks `#text` has counted. */
  #counted = 0;
  #isSettled = false;
  #body: ReadBody | undefined;
  #error: Error | undefined;
  #resolve: ((body: ReadBody | undefined) => void) | undefined;
  #reject: ((error: Error) => void) | undefined;

  constructor(
    x: Exchange,
    scanner: JsonScanner | MultipartScanner | undefined,
    model: ModelPlace,
    contentType: string | undefined,
    maxBytes = Number.POSITIVE_INFINITY,
  ) {
    this.#maxBytes = maxBytes;
    this.#x = x;
    this.#scanner = scanner;
    if (scanner instanceof JsonScanner) this.#text = new TextByteCounter();
    this.#model = model;
    this.#contentType = contentType;
  }

  read(): ReadBody | undefined | Promise<ReadBody | undefined> {
    this.#x.body.read(this);
    if (this.#error !== undefined) throw this.#error;
    if (this.#isSettled) return this.#body;
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  chunk(bytes: Buffer, own: Buffer): Refusal | undefined {
    if (this.#chunks.length + bytes.length > this.#maxBytes)
      return { code: 'BODY_TOO_LARGE', params: { limit: this.#maxBytes }, rule: rule('max-admin-bytes') };
    this.#chunks.add(own);
    const fault = this.#scanner?.write(bytes, 0, bytes.length);
    this.#countFinished();
    return fault === undefined ? undefined : bodyInvalid(fault.reason, this.#model);
  }

  end(): void {
    const { outcome } = this.#x;
    const scanner = this.#scanner;
    const { length } = this.#chunks;
    outcome.bytesIn = length;
    const fault = scanner?.end();
    if (fault !== undefined) return this.refused(bodyInvalid(fault.reason, this.#model));
    const parts = this.#chunks.all();
    if (scanner instanceof MultipartScanner) outcome.textBytesIn = length - scanner.fileBytes;
    else if (this.#text !== undefined) {
      for (let i = this.#counted; i < parts.length; i++) {
        const part = parts[i] as Buffer;
        this.#text.add(part, 0, part.length, i + 1 === parts.length);
      }
      outcome.textBytesIn = this.#text.textBytes;
    }
    this.#settle({ facts: scanner?.facts(), parts, length, contentType: this.#contentType });
  }

  /** Counts while the bytes are in the cache of the processor. At the end of a large body they are not. */
  #countFinished(): void {
    if (this.#text === undefined) return;
    for (;;) {
      const chunk = this.#chunks.finished(this.#counted);
      if (chunk === undefined) return;
      this.#text.add(chunk, 0, chunk.length);
      this.#counted += 1;
    }
  }

  /** Refuses here and not in the next step, because the memory of the body must be free when this returns. */
  refused(refusal: Refusal): void {
    refuse(this.#x, refusal);
    this.#settle(undefined);
  }

  abandoned(): void {
    this.#settle(undefined);
  }

  crashed(error: unknown): void {
    this.#error = error instanceof Error ? error : new Error(String(error));
    this.#reject?.(this.#error);
  }

  #settle(body: ReadBody | undefined): void {
    this.#isSettled = true;
    this.#body = body;
    this.#resolve?.(body);
  }
}
