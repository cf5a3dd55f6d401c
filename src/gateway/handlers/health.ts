/**
 * `GET /health` answers 200 as long as the process serves, and says whether it drains. `GET /ready` answers 200 only while
 * the proxy can take work: it does not drain and at least one engine is up. Neither asks for a key or names anything.
 * `GET /metrics`: the proxy's metrics, for a key with that scope.
 */
import type { EngineDirectory } from '../../core/engine/directory.ts';
import { isUp } from '../../core/engine/health.ts';
import { holdsScope } from '../../core/security/access.ts';
import type { Exchange } from '../exchange.ts';
import type { Handler } from '../line.ts';
import { commonFields, refuse } from '../refuse.ts';
import { methodsOf } from '../router.ts';

export function makeHealth(draining: () => boolean): Handler {
  return (x) => answerProbe(x, 200, draining() ? 'draining' : 'up');
}

/**
 * Keys and policy are loaded before the listener opens, and a store that fails later leaves the last ones in force: that
 * is a warning in the status, and no reason to send traffic elsewhere.
 */
export function makeReady(draining: () => boolean, directory: Pick<EngineDirectory, 'engines'>): Handler {
  return (x) => {
    if (draining()) return answerProbe(x, 503, 'draining');
    const ready = directory.engines().some((engine) => isUp(engine.state));
    answerProbe(x, ready ? 200 : 503, ready ? 'ready' : 'unready');
  };
}

function answerProbe(x: Exchange, httpStatus: number, status: string): void {
  x.outcome.status = httpStatus;
  const fields = ['content-type', 'application/json', ...commonFields(x)];
  if (x.head.method === 'OPTIONS' && x.route !== undefined)
    fields.push('allow', methodsOf(x.route).join(', '));
  x.reply.whole(httpStatus, fields, JSON.stringify({ status }), false);
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
