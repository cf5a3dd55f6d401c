/** Generates docs/requests.md from the tables that the forwarder reads. */
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
  return `# Which parts of a request reach an engine

${generatedNote}

flm writes a new request head for the engine. It forwards the body unchanged, with two exceptions: it replaces an alias by the
real name of the model, and it decompresses \`gzip\` and \`zstd\`.

## Request headers

${markdownTable(
  ['headers', 'purpose', 'rule'],
  [
    [named(listHeaders), 'headers of the APIs', 'forwarded; repeated headers are joined to one list'],
    [named(singleHeaders), 'headers of the APIs, with one value', singleRule],
    [
      named(sessionHeaders),
      'identify the conversation of a request, which [stays on its engine](guide.md#engines)',
      singleRule,
    ],
    ['`forwardHeaders` of the profile, `--forward-header NAME`', 'headers that you add', singleRule],
  ],
)}

You can add at most ${maxForwardHeaders} headers. You cannot add credentials, cookies, \`Host\`, \`Origin\`, \`Referer\`, framing,
hop-by-hop and forwarding headers, \`Expect\`, \`X-Conversation-Id\`, or headers that flm writes itself.

flm writes \`Host\`, \`User-Agent\`, \`Accept-Encoding\`, \`Content-Type\`, \`Content-Length\`, \`X-Request-Id\`, the engine's own key, and
\`traceparent\`. If the client sends a valid \`traceparent\`, flm forwards it together with \`tracestate\`. flm drops every other
header, and the headers that \`Connection\` names (RFC 9110, section 7.6.1). Web pages may also send the headers above (CORS).

## Query parameters

flm forwards only these query parameters. For a key with \`engine:admin\`, \`/engine/ID/...\` forwards all of them.

${markdownTable(
  ['route', 'parameters'],
  queries.map((route) => [`\`${route.method} ${route.pattern}\``, named(route.query)]),
)}
`;
}

const singleRule = `forwarded; 400 if a header comes twice or is longer than ${maxSingleHeaderBytes} bytes`;
