/** Generates docs/errors.md from the error table. */
import { endsCommands, errorDocument } from '../../src/cli/commands/explain.ts';
import { type ErrorCode, errorTable } from '../../src/core/errors.ts';
import { generatedNote, markdownTable } from './markdown.ts';

export function errorsPage(): string {
  const all = (Object.keys(errorTable) as ErrorCode[]).map(errorDocument);
  const atTheShell = all.filter((e) => endsCommands(e.code) && e.code !== 'INTERNAL');
  const toClients = all.filter((e) => e.status !== null);
  return `# Errors

${generatedNote}

Every error of flm has a code. \`flm explain CODE\` prints its entry on this page. \`flm explain REQUEST-ID\` explains why a
request was refused; the id is in the response header \`x-request-id\`. Words in capitals are placeholders.

## At the command line

The exit status is 1 for an error that you can fix, and 2 for a failure of flm or the machine.

${markdownTable(
  ['code', 'what happened', 'what to do', 'exit'],
  atTheShell.map((e) => [`\`${e.code}\``, e.text, e.hint, String(e.exit)]),
)}

## Responses to clients

Error responses use the format of the API that the client called: OpenAI's
\`{"error": {"message", "type", "code", "param"}}\`, Anthropic's, or Ollama's. flm forwards error responses of engines unchanged,
whatever their status. The API code is the \`code\` that SDKs check.

The admin API answers with codes of both tables, as \`{"error": {"code", "message", "hint"}}\`.

The last column says whether the request can be sent again:

- **never-sent**: no engine has received the request, so it can be sent again.
- **maybe-sent**: an engine may have received the request, so flm does not send it a second time.
- **answered**: the response says what to do.
- **client-gone**: the client has disconnected.

${markdownTable(
  ['code', 'status', 'API code', 'what happened', 'what to do', 'again'],
  toClients.map((e) => [
    `\`${e.code}\``,
    String(e.status),
    e.apiCode === null ? '' : `\`${e.apiCode}\``,
    e.text,
    e.hint,
    e.retry ?? '',
  ]),
)}
`;
}
