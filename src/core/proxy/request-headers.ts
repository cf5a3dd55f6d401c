/**
 * The request headers of a client that reach an engine: those that the APIs document, those that identify a
 * conversation, and those that an operator adds by name (`forwardHeaders`). All other headers are dropped.
 *
 * This is the only table of these headers: the forwarder, the CORS list, the schema of a profile and docs/requests.md
 * are derived from it.
 */

/** API headers whose values are lists; repeated fields are joined to one list. */
export const listHeaders = ['accept', 'tracestate', 'anthropic-beta', 'openai-beta'] as const;

/** Headers of the APIs that have one value. */
export const singleHeaders = [
  'anthropic-version',
  'openai-organization',
  'openai-project',
  'idempotency-key',
  'x-client-request-id',
] as const;

/** Those of `singleHeaders` that name an account. An engine that does not accept the account answers 401 or 403. */
export const accountHeaders = ['openai-organization', 'openai-project'] as const;

/** The conversation that a request belongs to, as Codex, Claude Code, OpenCode and others name it. */
export const sessionHeaders = [
  'session_id',
  'session-id',
  'x-session-id',
  'x-session-affinity',
  'thread-id',
  'conversation_id',
  'x-codex-window-id',
  'x-claude-code-session-id',
] as const;

export const passingHeaders = [...listHeaders, ...singleHeaders, ...sessionHeaders] as const;

/** Longest value of a header that has one value, in bytes. */
export const maxSingleHeaderBytes = 1024;
export const maxForwardHeaders = 32;

/** Written with dashes: servers that pass headers on as variables treat `_` like `-`. */
const never: ReadonlySet<string> = new Set([
  // Credentials, cookies, and the address of a web page.
  'cookie',
  'cookie2',
  'set-cookie',
  'origin',
  'referer',
  // The target of the request, its framing, and its connection.
  'host',
  'content-length',
  'content-encoding',
  'content-type',
  'transfer-encoding',
  'trailer',
  'te',
  'connection',
  'keep-alive',
  'upgrade',
  'http2-settings',
  'expect',
  // The client that a request is forwarded for.
  'forwarded',
  'via',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'true-client-ip',
  'cf-connecting-ip',
  'fastly-client-ip',
  // Written by flm itself.
  'user-agent',
  'accept-encoding',
  'x-request-id',
  'request-id',
  'traceparent',
  // Stops llama.cpp from ending its work when the client leaves.
  'x-conversation-id',
]);
const neverPrefix =
  /^(?:proxy|x-forwarded|x-original|x-rewrite|x-http-method|x-method|access-control|sec|x-flm)-/;
const credential = /(?:^|-)(?:api-?key|auth|authorization|token|secret|password|credentials?)$/;
const headerName = /^[a-z0-9][a-z0-9._-]{0,62}$/;

/** True if an operator may add this header (in lower case) to those that reach engines. */
export function isForwardable(name: string): boolean {
  const dashed = name.replaceAll('_', '-');
  return (
    headerName.test(name) && !never.has(dashed) && !neverPrefix.test(`${dashed}-`) && !credential.test(dashed)
  );
}
