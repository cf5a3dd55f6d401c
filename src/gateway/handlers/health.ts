/**
 * `GET /health`: up or draining, no more; the one path that asks for no key. `GET /metrics`: the proxy's metrics, for a
 * key with that scope.
 */
import { holdsScope } from '../../core/security/access.ts';
import type { Handler } from '../line.ts';
import { commonFields, refuse } from '../refuse.ts';
import { answer } from './models.ts';

export function makeHealth(draining: () => boolean): Handler {
  return (x) => answer(x, { status: draining() ? 'draining' : 'up' });
}

export function makeMetrics(metrics: () => Promise<string>): Handler {
  return (x) => {
    if (x.key === undefined || !holdsScope(x.key, 'metrics')) {
      return refuse(x, {
        code: 'SCOPE_MISSING',
        params: { scope: 'metrics' },
        rule: 'route metrics needs scope metrics',
      });
    }
    metrics().then(
      (text) => {
        x.outcome.status = 200;
        x.reply.whole(
          200,
          ['content-type', 'text/plain; version=0.0.4; charset=utf-8', ...commonFields(x)],
          text,
          false,
        );
      },
      () => refuse(x, { code: 'INTERNAL' }),
    );
  };
}
