/**
 * Reads a whole request body and what the rules need to know of it. Nothing goes upstream before the last byte is here
 * and the scanner is content: a gateway and an engine that read different models from one body would be a hole in
 * every rule.
 */
import type { BodyFacts } from '../../core/engine/routes.ts';
import type { Exchange, Refusal } from '../exchange.ts';
import { refuse } from '../refuse.ts';
import type { Route } from '../routes.ts';
import { JsonScanner } from './json-scanner.ts';
import { readMultipart } from './multipart.ts';
import { type ScanPlan, scanPlan } from './scan-plan.ts';

const plans = new Map<Route, ScanPlan>();

function planOf(route: Route): ScanPlan {
  let plan = plans.get(route);
  if (plan === undefined) {
    plan = scanPlan(route.scan);
    plans.set(route, plan);
  }
  return plan;
}

const bodyInvalid = (reason: string): Refusal => ({ code: 'BODY_INVALID', params: { reason }, rule: 'the body scanner' });

/**
 * `then` gets the facts, the body in the pieces it came in, its length, and the content type to send on. A refusal is
 * answered here, and `then` is not called.
 */
export function readRequestBody(
  x: Exchange,
  route: Route,
  then: (facts: BodyFacts, body: readonly Buffer[], length: number, contentType: string) => void,
): void {
  const { fields } = x.head;
  const coding = fields.get('content-encoding');
  if (coding !== undefined && coding.toLowerCase() !== 'identity') return refuse(x, { code: 'BODY_CODED', rule: 'content-encoding' });
  const contentType = fields.get('content-type') ?? '';
  const multipart = /^multipart\//i.test(contentType);
  if (multipart !== (route.model === 'multipart')) {
    const expected = route.model === 'multipart' ? 'multipart/form-data' : 'application/json';
    return refuse(x, { code: 'BODY_TYPE_UNSUPPORTED', params: { expected }, rule: 'content-type' });
  }
  const scanner = multipart ? undefined : new JsonScanner(planOf(route));
  const pieces: Buffer[] = [];
  let length = 0;
  x.body.read({
    chunk: (buffer) => {
      pieces.push(buffer);
      length += buffer.length;
      const fault = scanner?.write(buffer, 0, buffer.length);
      return fault === undefined ? undefined : bodyInvalid(fault.reason);
    },
    end: () => {
      x.outcome.bytesIn = length;
      if (scanner !== undefined) {
        const fault = scanner.end();
        if (fault !== undefined) return refuse(x, bodyInvalid(fault.reason));
        // Written by us, because we have seen that it is JSON, whatever the client called it.
        return then(scanner.facts(), pieces, length, 'application/json');
      }
      const read = readMultipart(pieces, contentType);
      if ('reason' in read) return refuse(x, bodyInvalid(read.reason));
      then(read, pieces, length, contentType);
    },
    failed: (refusal) => {
      if (refusal !== undefined) refuse(x, refusal);
    },
  });
}

/** Reads a whole body that no rule looks into; an empty one where there is none. */
export function readRawBody(x: Exchange, then: (body: readonly Buffer[], length: number) => void): void {
  const coding = x.head.fields.get('content-encoding');
  if (coding !== undefined && coding.toLowerCase() !== 'identity') return refuse(x, { code: 'BODY_CODED', rule: 'content-encoding' });
  const pieces: Buffer[] = [];
  let length = 0;
  x.body.read({
    chunk: (buffer) => {
      pieces.push(buffer);
      length += buffer.length;
      return undefined;
    },
    end: () => {
      x.outcome.bytesIn = length;
      then(pieces, length);
    },
    failed: (refusal) => {
      if (refusal !== undefined) refuse(x, refusal);
    },
  });
}
