/**
 * The admin API on a data listener: reads the body, up to its limit, and passes the call to the thread that serves the
 * API. This process's own thread never waits for it.
 */
import assert from 'node:assert/strict';
import { adminScopes } from '../../core/engine/routes.ts';
import { type AdminPort, maxAdminBodyBytes } from '../../core/proxy/admin-port.ts';
import { unknownPath } from '../admin-transport.ts';
import { fieldLines, type RouteHandler } from '../route-handler.ts';

const passed = ['content-type', 'if-match', 'if-none-match', 'idempotency-key'] as const;

export function makeAdmin(admin: AdminPort | undefined): RouteHandler {
  return {
    bodyPlan: () => ({ counts: false, scan: undefined, maxBytes: maxAdminBodyBytes }),
    async resolve(x, body) {
      const { key, head } = x;
      if (admin === undefined) return unknownPath;
      assert(key !== undefined && body !== undefined, 'the route needs a key, and its plan reads the body');
      const left = new AbortController();
      const leave = (): void => left.abort();
      x.onFinish = leave;
      const query = x.query === '' ? '' : `?${x.query}`;
      const reply = await admin.call(
        {
          method: head.method,
          target: `${x.path}${query}`,
          headers: Object.fromEntries(passed.map((name) => [name, head.fields.get(name)])),
          body: Buffer.concat(body.parts),
          caller: {
            actor: `key:${key.id}`,
            scopes: adminScopes.filter((scope) => key.scopes.has(scope)),
            address: x.client.text,
          },
        },
        left.signal,
      );
      const { status } = reply;
      const fields = fieldLines(reply.headers);
      return typeof reply.body === 'string'
        ? { status, fields, bytes: Buffer.from(reply.body) }
        : { status, fields, texts: reply.body };
    },
  };
}
