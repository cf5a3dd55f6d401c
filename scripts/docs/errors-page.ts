/** docs/errors.md, from the error table. */
import { errorDocument } from '../../src/cli/commands/explain.ts';
import { type ErrorCode, errorTable } from '../../src/core/errors.ts';
import { generatedNote, markdownTable } from './markdown.ts';

export function errorsPage(): string {
  const all = (Object.keys(errorTable) as ErrorCode[]).map(errorDocument);
  const atTheShell = all.filter((e) => e.status === null);
  const toClients = all.filter((e) => e.status !== null);
  return `# Errors

${generatedNote}

Every error of flm's own has a code. \`flm explain CODE\` prints what stands here; \`flm explain REQUEST-ID\` says why a
request was refused (the id is in \`x-request-id\` of the answer). Words in capitals stand for what the moment tells.

## At the command line

The exit status is 1 where you can fix it, and 2 where flm or the machine failed.

${markdownTable(
  ['code', 'what happened', 'what to do', 'exit'],
  atTheShell.map((e) => [`\`${e.code}\``, e.text, e.hint, String(e.exit)]),
)}

## Answers to clients

These come in the envelope of the route's dialect: OpenAI's \`{"error": {"message", "type", "code", "param"}}\`, Anthropic's,
or Ollama's. What an engine answers itself, of any status, passes as it is. The API code is the one that SDKs switch on.

What may be tried again, in the last column: **never-sent** no engine has seen the request; **maybe-sent** an engine may have
seen it, so flm does not send it twice; **answered** the answer says what to do; **client-gone** nobody waits any more.

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
