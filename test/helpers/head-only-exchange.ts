/**
 * An exchange without a connection, for pipeline steps that read only the request head. A step that tries to answer
 * throws.
 */
import { parseAddress } from '../../src/core/security/address-rules.ts';
import { parsePolicy, type SecurityPolicyOverride } from '../../src/core/security/security-policy.ts';
import { SnapshotHolder } from '../../src/core/security/snapshot.ts';
import { Exchange, type RequestBody, type ResponseWriter } from '../../src/gateway/exchange.ts';
import { RequestHeaders } from '../../src/gateway/request-headers.ts';

export interface RequestHead {
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
      throw new Error(`a head-only exchange has no ${String(name)}`);
    },
  },
);

export function headOnlyExchange(request: RequestHead): Exchange {
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
    // No step before a handler calls these.
    reply: nothing as ResponseWriter,
    body: nothing as RequestBody,
    startedAtMs: 0,
  });
  x.path = path;
  return x;
}
