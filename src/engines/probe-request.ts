/**
 * Sends one GET, or one small POST, to one engine through the same client that carries requests. Probes and detection
 * use such requests.
 *
 * A request ends within its limit or with the signal, closes its connection when it is late, never rejects, and holds
 * at most 1 MB of a response. The status is not interpreted here: some engines answer 200 to unknown paths.
 */
import type { Clock } from '../core/clock.ts';
import type { Engine, EngineAddress, EngineRef } from '../core/engine/engine.ts';
import { keyField } from '../core/engine/engine-kind.ts';
import { engineKind } from '../core/engine/kinds.ts';
import type { ProbeAnswer, ProbeFailure, ProbeFault } from '../core/engine/probe.ts';
import { maxEngineResponseBytes, readResponse } from '../core/engine/read-response.ts';
import type { EngineHead, Upstream } from '../core/engine/upstream.ts';
import type { EngineError } from '../core/errors.ts';

/** The client and the clock that probes use. */
export interface ProbeLine {
  readonly upstream: Upstream;
  readonly clock: Clock;
}

export interface ProbeRequest {
  readonly to: EngineAddress;
  /** Without the prefix of the address. */
  readonly path: string;
  /** One more field with its CRLF, such as the engine's key; '' if there is none. */
  readonly field: string;
  readonly limitMs: number;
  /** A JSON body turns the request into a POST. Probes send no body. */
  readonly json?: string;
  /** How much of a response is read; 1 MB by default. */
  readonly maxBytes?: number;
}

/** A machine that is on accepts the connection within milliseconds. */
const maxConnectMs = 5_000;

export async function probeRequest(
  line: ProbeLine,
  request: ProbeRequest,
  signal: AbortSignal,
): Promise<ProbeAnswer | ProbeFault> {
  const { to, path, field, limitMs, json } = request;
  const method = json === undefined ? 'GET' : 'POST';
  const body = json === undefined ? [] : [Buffer.from(json)];
  const type = json === undefined ? '' : 'content-type: application/json\r\n';
  const begunMs = line.clock.monotonicMs();
  const deadline = new AbortController();
  const cancel = line.clock.after(limitMs, () => deadline.abort());
  const answer = await readResponse(
    line.upstream,
    {
      to,
      method,
      head: `${method} ${to.path}${path} HTTP/1.1\r\nuser-agent: flm\r\naccept: application/json, text/plain\r\naccept-encoding: identity\r\n${type}${field}`,
      body,
      bodyLength: body[0]?.length ?? 0,
      // Well before the limit, so that a machine that is off can be distinguished from a busy engine.
      connectTimeoutMs: Math.min(limitMs / 3, maxConnectMs),
      firstByteTimeoutMs: limitMs,
      idleTimeoutMs: limitMs,
    },
    request.maxBytes ?? maxEngineResponseBytes,
    AbortSignal.any([signal, deadline.signal]),
  );
  cancel();
  switch (answer.kind) {
    case 'whole':
      return makeAnswer(answer.head, answer.body, line.clock.monotonicMs() - begunMs);
    case 'too-long':
      return fault('wrong', 'answers with more than any list of models');
    case 'failed':
      return faultOf(answer.error);
    case 'aborted':
      return signal.aborted
        ? fault('timeout', 'the probe was cancelled')
        : fault('timeout', `gave no answer within ${limitMs} ms`);
    default:
      return answer satisfies never;
  }
}

function makeAnswer(head: EngineHead, body: Buffer, latencyMs: number): ProbeAnswer {
  const text = body.toString('utf8');
  return {
    answered: true,
    status: head.status,
    text,
    json: parse(text),
    latencyMs,
    field: (name) => {
      for (let i = 0; i < head.fields.length; i += 2) if (head.fields[i] === name) return head.fields[i + 1];
      return undefined;
    },
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function faultOf(error: EngineError): ProbeFault {
  switch (error.code) {
    case 'ENGINE_CONNECT_FAILED': {
      const code = systemCode(error.cause);
      // A missing Unix socket is like a port on which no program listens.
      if (code === 'ECONNREFUSED' || code === 'ENOENT') return fault('refused', 'refuses connections');
      const distrust = code === undefined ? undefined : certificateFaults[code];
      if (distrust !== undefined) return fault('unreachable', `shows a certificate that ${distrust}`);
      return fault(
        'unreachable',
        code === undefined ? 'cannot be reached in time' : `cannot be reached (${code})`,
      );
    }
    case 'ENGINE_TIMEOUT':
    case 'ENGINE_STALLED':
      return fault('timeout', 'gave no answer in time');
    case 'ENGINE_PROTOCOL':
      return fault('wrong', 'does not speak HTTP/1.1');
    default:
      return fault('unreachable', 'closed the connection before it had answered');
  }
}

/** The certificate errors of OpenSSL and Node, in words. */
const certificateFaults: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'signs itself; give its own file as CA: --ca FILE',
  SELF_SIGNED_CERT_IN_CHAIN: 'comes from a CA that is not trusted here; give the CA: --ca FILE',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'comes from a CA that is not trusted here; give the CA: --ca FILE',
  UNABLE_TO_GET_ISSUER_CERT: 'comes from a CA that is not trusted here; give the CA: --ca FILE',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'comes from a CA that is not trusted here; give the CA: --ca FILE',
  CERT_HAS_EXPIRED: 'has expired; renew it at the engine',
  CERT_NOT_YET_VALID: 'is not valid yet; look at the clocks of both machines',
  ERR_TLS_CERT_ALTNAME_INVALID: 'is for another name; use a name that it holds',
};

function systemCode(cause: unknown): string | undefined {
  if (!(cause instanceof Error)) return undefined;
  // One name with several addresses fails with one error for each.
  if (cause instanceof AggregateError) return systemCode(cause.errors[0]);
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined;
}

export function fault(reason: ProbeFailure, detail: string): ProbeFault {
  return { answered: false, reason, detail };
}

/** A whole probe fits between two probes. */
const probeLimitMs = 4_000;

/** Returns the engine behind a reference, ready to be probed. */
export function createEngine(ref: EngineRef, line: ProbeLine): Engine {
  const kind = engineKind(ref.kind);
  const field = keyField(kind.keyField, ref.apiKey);
  return {
    ref,
    kind,
    probe: (signal) =>
      kind.probe({
        get: (path) => probeRequest(line, { to: ref.address, path, field, limitMs: probeLimitMs }, signal),
      }),
  };
}
