/**
 * Reads a whole request body and what the rules need to know of it. Nothing goes upstream before the last byte is here
 * and the scanner is content: a gateway and an engine that read different models from one body would be a hole in
 * every rule.
 */
import type { BodyFacts } from '../../core/engine/routes.ts';
import type { Exchange, Refusal } from '../exchange.ts';
import { refuse } from '../refuse.ts';
import type { ModelPlace, Route } from '../routes.ts';
import { textBytesOf } from '../text-meter.ts';
import { BodyChunks } from './body-chunks.ts';
import { JsonScanner } from './json-scanner.ts';
import { MultipartScanner } from './multipart.ts';
import { type ScanPlan, scanPlan } from './scan-plan.ts';

/** By the list of paths, which is a constant of the route table or of a handler; routes are copied, lists are not. */
const plans = new WeakMap<readonly string[], ScanPlan>();

function planOf(paths: readonly string[]): ScanPlan {
  let plan = plans.get(paths);
  if (plan === undefined) {
    plan = scanPlan(paths);
    plans.set(paths, plan);
  }
  return plan;
}

/** What to send instead, by where the route has its model. */
const forms: Readonly<Record<ModelPlace, string>> = {
  json: 'one JSON object',
  none: 'one JSON object',
  multipart:
    'multipart/form-data with its boundary in the Content-Type, which HTTP libraries write by themselves',
};

const bodyInvalid = (reason: string, route: Route): Refusal => ({
  code: 'BODY_INVALID',
  params: { reason, form: forms[route.model] },
  rule: 'the body scanner',
});

/**
 * `then` gets the facts, the body in pieces, its length, and the content type to send on. A refusal is
 * answered here, and `then` is not called.
 */
export function readRequestBody(
  x: Exchange,
  route: Route,
  then: (facts: BodyFacts, body: readonly Buffer[], length: number, contentType: string) => void,
): void {
  const contentType = x.head.fields.get('content-type') ?? '';
  const multipart = /^multipart\//i.test(contentType);
  if (multipart !== (route.model === 'multipart')) {
    const expected = route.model === 'multipart' ? 'multipart/form-data' : 'application/json';
    return refuse(x, { code: 'BODY_TYPE_UNSUPPORTED', params: { expected }, rule: 'content-type' });
  }
  const scanner = multipart
    ? MultipartScanner.open(contentType, formFields(route.scan))
    : new JsonScanner(planOf(route.scan));
  if ('reason' in scanner) return refuse(x, bodyInvalid(scanner.reason, route));
  const pieces = new BodyChunks();
  x.body.read({
    chunk: (buffer) => {
      pieces.add(buffer);
      const fault = scanner.write(buffer, 0, buffer.length);
      return fault === undefined ? undefined : bodyInvalid(fault.reason, route);
    },
    end: () => {
      x.outcome.bytesIn = pieces.length;
      const fault = scanner.end();
      if (fault !== undefined) return refuse(x, bodyInvalid(fault.reason, route));
      x.outcome.textBytesIn =
        scanner instanceof MultipartScanner ? pieces.length - scanner.fileBytes : textBytesOf(pieces.all());
      // JSON is called so by us, because we have seen that it is, whatever the client called it.
      then(scanner.facts(), pieces.all(), pieces.length, multipart ? contentType : 'application/json');
    },
    failed: (refusal) => {
      if (refusal !== undefined) refuse(x, refusal);
    },
  });
}

/** A form is flat: of the paths that rules look at it can hold those of one name. */
function formFields(paths: readonly string[]): readonly string[] {
  return paths.filter((path) => /^[a-z0-9_]+$/.test(path));
}

/** Reads a whole body that no rule looks into; an empty one where there is none. */
export function readRawBody(x: Exchange, then: (body: readonly Buffer[], length: number) => void): void {
  const pieces = new BodyChunks();
  x.body.read({
    chunk: (buffer) => {
      pieces.add(buffer);
      return undefined;
    },
    end: () => {
      x.outcome.bytesIn = pieces.length;
      then(pieces.all(), pieces.length);
    },
    failed: (refusal) => {
      if (refusal !== undefined) refuse(x, refusal);
    },
  });
}
