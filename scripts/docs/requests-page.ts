/** docs/requests.md, from the tables that the forwarder reads. */
import {
  listHeaders,
  maxForwardHeaders,
  maxSingleHeaderBytes,
  sessionHeaders,
  singleHeaders,
} from '../../src/core/proxy/request-headers.ts';
import { routes } from '../../src/gateway/routes.ts';
import { generatedNote, markdownTable } from './markdown.ts';

export function requestsPage(): string {
  const named = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ');
  const queries = routes.filter((route) => route.query.length > 0);
  return `# What of a request reaches an engine

${generatedNote}

flm writes the head of each request to an engine again. The body passes as it came, but for the name of the model where an
alias stands for another one, and for its content coding: \`gzip\` and \`zstd\` are taken off.

## Request headers

${markdownTable(
  ['headers', 'what they are', 'rule'],
  [
    [named(listHeaders), 'of the APIs', 'pass; those that come twice as one list'],
    [named(singleHeaders), 'of the APIs, with one value', singleRule],
    [named(sessionHeaders), 'the conversation that a request belongs to', singleRule],
    ['`forwardHeaders` of the profile, `--forward-header NAME`', 'what you add', singleRule],
  ],
)}

At most ${maxForwardHeaders} headers can be added. Credentials, cookies, \`Host\`, \`Origin\`, \`Referer\`, framing, hop-by-hop and
forwarding headers, \`Expect\`, \`X-Conversation-Id\` and what flm writes itself cannot be.

flm writes \`Host\`, \`User-Agent\`, \`Accept-Encoding\`, \`Content-Type\`, \`Content-Length\`, \`X-Request-Id\`, the engine's own key, and
\`traceparent\` (the client's where it is well formed, and then \`tracestate\`). Every other header stays at flm, and what \`Connection\` names (RFC 9110, section 7.6.1). Pages in a browser may send the headers
above, too (CORS).

## Query names

Of a query these names pass, and no others. \`/engine/ID/...\` passes everything for a key with \`engine:admin\`.

${markdownTable(
  ['route', 'names'],
  queries.map((route) => [`\`${route.method} ${route.pattern}\``, named(route.query)]),
)}
`;
}

const singleRule = `pass; 400 where one comes twice or is longer than ${maxSingleHeaderBytes} bytes`;
