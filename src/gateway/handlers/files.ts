/**
 * Files that flm serves from memory below `/flm/`: pages for people. Any other path below `/flm/` is refused like a path
 * that no route has.
 */
import { rule } from '../../core/rules.ts';
import { unknownPath } from '../admin-transport.ts';
import type { Exchange } from '../exchange.ts';
import type { OpenPages } from '../open-pages.ts';
import { type FileResponse, fieldLines, type OwnFile, type RouteHandler } from '../route-handler.ts';

export function makeFiles(pages: OpenPages): RouteHandler {
  return {
    resolve: (x) => {
      const file = pages.find(x);
      if (file === undefined) return unknownPath;
      const { method } = x.head;
      if (method === 'GET' || method === 'HEAD') return fileResponse(file, x);
      return { code: 'METHOD_NOT_ALLOWED', rule: rule('routes'), fields: 'allow: GET, HEAD\r\n' };
    },
  };
}

/** The response in a form that the client accepts. */
export function fileResponse(file: OwnFile, { head: { fields } }: Exchange): FileResponse {
  const { status, headers, body } = file.response({
    headers: {
      'accept-encoding': fields.get('accept-encoding'),
      'if-none-match': fields.get('if-none-match'),
      'accept-language': fields.get('accept-language'),
    },
  });
  return { status, bytes: body, fields: fieldLines(headers) };
}
