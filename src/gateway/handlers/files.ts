/**
 * Files that flm serves from memory below `/flm/`: pages for people. They hold nothing about this proxy and need no key.
 * Any other path below `/flm/` is refused like a path that no route has.
 */
import { rule } from '../../core/rules.ts';
import { unknownPath } from '../admin-transport.ts';
import type { OwnFile, RouteHandler } from '../route-handler.ts';

export function makeFiles(files: ReadonlyMap<string, OwnFile>): RouteHandler {
  return {
    resolve: (x) => {
      const file = files.get(x.path);
      if (file === undefined) return unknownPath;
      const { method } = x.head;
      if (method === 'GET' || method === 'HEAD') {
        const { fields } = x.head;
        const { status, headers, body } = file.response({
          headers: {
            'accept-encoding': fields.get('accept-encoding'),
            'if-none-match': fields.get('if-none-match'),
          },
        });
        return { status, bytes: body, fields: Object.entries(headers).flat() };
      }
      return { code: 'METHOD_NOT_ALLOWED', rule: rule('routes'), fields: ['allow', 'GET, HEAD'] };
    },
  };
}
