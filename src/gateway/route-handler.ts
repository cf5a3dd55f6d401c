/**
 * What a row of the route table does with a request: which body it reads, and the call or response that results. The
 * pipeline runs the handler, writes the response and records the outcome.
 */
import type { ConversationHome } from '../core/engine/conversation-homes.ts';
import type { Candidates } from '../core/engine/directory.ts';
import type { BodyPlan, ReadBody } from './body/request-body.ts';
import type { Exchange, Refusal } from './exchange.ts';
import type { UpstreamRequest } from './upstream-request.ts';

/** A request for engines. */
export interface EngineCall {
  readonly request: UpstreamRequest;
  readonly candidates: Candidates;
  /** See `Resolution`. */
  readonly home?: ConversationHome | undefined;
  /** Called with the id of a stored response and the engine that has it. Absent: nobody needs to know. */
  readonly stored?: ((responseId: string, engine: string) => void) | undefined;
}

/** A response that flm itself generates. */
export interface OwnResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  /** Further fields: whole lines, each with its CRLF. */
  readonly fields?: string;
}

/** A file that flm holds in memory, in the forms that clients accept. */
export interface OwnFile {
  response(request: {
    readonly headers: {
      readonly 'accept-encoding': string | undefined;
      readonly 'if-none-match': string | undefined;
      /** For a file that exists in several languages. */
      readonly 'accept-language': string | undefined;
    };
  }): {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: Buffer;
  };
}

/** A response whose body is sent in pieces, as fast as the client reads. */
export interface FileResponse {
  readonly status: number;
  readonly bytes: Buffer;
  /** Whole lines, each with its CRLF. */
  readonly fields: string;
}

/** A response whose length is not known. It ends with its texts. */
export interface StreamResponse {
  readonly status: number;
  readonly texts: AsyncIterable<string>;
  /** Whole lines, each with its CRLF. */
  readonly fields: string;
}

export type Resolved = EngineCall | OwnResponse | FileResponse | StreamResponse | Refusal;

export interface RouteHandler {
  /** How the body is read. Absent or undefined: no body is read. */
  readonly bodyPlan?: (x: Exchange) => BodyPlan | Refusal | undefined;
  /** `body` is set if `bodyPlan` returned a plan. */
  readonly resolve: (x: Exchange, body: ReadBody | undefined) => Resolved | Promise<Resolved>;
}

/** Returns header fields as whole lines, each with its CRLF. */
export function fieldLines(headers: Readonly<Record<string, string>>): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
}

/** Returns a response with a JSON body. */
export function jsonResponse(body: unknown, status = 200): OwnResponse {
  return { status, contentType: 'application/json', body: JSON.stringify(body) };
}
