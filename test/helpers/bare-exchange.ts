/**
 * An exchange without a connection, for the steps that look at its head alone. It has no way out: a step that answers
 * throws.
 */
import { parseAddress } from '../../src/core/security/address-rules.ts';
import { parsePolicy, type SecurityPolicyOverride } from '../../src/core/security/security-policy.ts';
import { SnapshotHolder } from '../../src/core/security/snapshot.ts';
import { Exchange, type RequestBody, type ResponseWriter } from '../../src/gateway/exchange.ts';
import { RequestHeaders } from '../../src/gateway/request-headers.ts';

export interface BareRequest {
  readonly method?: string;
  readonly path?: string;
  /** Name, value, name, value ... */
  readonly fields?: readonly string[];
  readonly peer?: string;
  readonly policy?: SecurityPolicyOverride;
}

const nothing = new Proxy(
  {},
  {
    get: (_, name) => {
      throw new Error(`a bare exchange has no ${String(name)}`);
    },
  },
);

export function bareExchange(request: BareRequest): Exchange {
  const address = parseAddress(request.peer ?? '127.0.0.1');
  if (address === undefined) throw new Error(`${request.peer} is no address`);
  const path = request.path ?? '/v1/models';
  const x = new Exchange({
    id: 'req_1',
    peer: {
      address,
      secure: false,
      goodHost: undefined,
      lastKey: undefined,
      lastSnapshot: undefined,
    },
    head: {
      method: request.method ?? 'GET',
      target: path,
      version: '1.1',
      looseLine: false,
      fields: RequestHeaders.of(request.fields ?? []),
    },
    snapshot: new SnapshotHolder(parsePolicy(request.policy ?? {})).current(),
    // Nothing of these is called before a handler.
    reply: nothing as ResponseWriter,
    body: nothing as RequestBody,
    startedAtMs: 0,
  });
  x.path = path;
  return x;
}
