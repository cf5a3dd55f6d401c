/**
 * One operation of the admin API: its path, the schemas that validate what comes in and describe what goes out, the
 * scope that a caller needs, and the function that does the work. The router and the OpenAPI document are both made from
 * these definitions.
 */

import type { z } from 'zod';
import type { AuditLog } from '../core/audit/audit-log.ts';
import type { CatalogEntry, EngineStatus } from '../core/engine/directory.ts';
import type { ModelAlias } from '../core/engine/engine.ts';
import type { EngineDiscovery } from '../core/engine/engine-discovery.ts';
import type { EngineRegistry } from '../core/engine/engine-registry.ts';
import type { AdminScope, RouteId } from '../core/engine/routes.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { AuthorityDocument, StoredCertificateDocument } from '../core/proxy/certificate-document.ts';
import type { ChatEvent, ChatRequest } from '../core/proxy/chat-document.ts';
import type { ConnectCheck, ConnectDocument, ConnectRequest } from '../core/proxy/connect-document.ts';
import type { Fleet } from '../core/proxy/fleet-node.ts';
import type { ProfileService } from '../core/proxy/profile-service.ts';
import type { ProxyConfig } from '../core/proxy/proxy-config.ts';
import type { CrashDocument } from '../core/proxy/proxy-document.ts';
import type { ProxyService } from '../core/proxy/proxy-service.ts';
import type { RequestDirectory } from '../core/proxy/request-directory.ts';
import type { ApiKey } from '../core/security/api-key.ts';
import type { KeyUseDocument } from '../core/security/key-use.ts';
import type { PolicyAnswer } from '../core/security/policy-check.ts';
import type { UsageRepository } from '../core/security/ports.ts';
import type { SecurityService } from '../core/security/security-service.ts';
import type { ShareService } from '../core/security/share-service.ts';

export interface AdminResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** A stream of events is written part by part, until it ends or the client leaves. */
  readonly body: string | AsyncIterable<string>;
}

/** One event of an operation with `events`. */
export interface AdminEvent {
  readonly event: string;
  readonly data: unknown;
}

/** Who calls. `actor` goes into the audit: `ui:USER`, `key:ID`. */
export interface AdminCaller {
  readonly actor: string;
  readonly scopes: readonly AdminScope[];
  /** The client's address, if it has one: a policy that would block it needs a confirmation. */
  readonly address: string | undefined;
}

export interface SupposedRequest {
  readonly ip: string;
  readonly key?: string | undefined;
  readonly origin?: string | undefined;
  readonly model?: string | undefined;
  readonly endpoint: RouteId;
  /** Its overrides of the policy are included. */
  readonly profile?: string | undefined;
}

/** The services that commands use as well. Those that write the audit are made for the caller. */
export interface AdminServices {
  nowMs(): number;
  /** Called before each request: a data folder may have been restored meanwhile. Throws a `StoreError`. */
  followFiles(): void;
  /** Aborts when the server of the API ends. */
  readonly signal: AbortSignal;
  security(caller: AdminCaller): SecurityService;
  engines(caller: AdminCaller): EngineRegistry;
  proxies(caller: AdminCaller): ProxyService;
  profiles(caller: AdminCaller): ProfileService;
  readonly discovery: EngineDiscovery;
  /** Proxies that ended without a stop. */
  crashes(): Promise<readonly CrashDocument[]>;
  /** The proxies of all machines that share the database; undefined if none is shared. Throws a `StoreError`. */
  fleet(): Promise<Fleet | undefined>;
  /**
   * Lines of a log, newest first, found by the id or profile of its proxy. `before` is the `before` of the page before.
   * Throws PROFILE_NOT_FOUND.
   */
  logPage(
    which: string,
    request: {
      readonly before?: string;
      readonly limit: number;
      readonly matches: (line: string) => boolean;
    },
  ): Promise<{
    readonly profile: string;
    readonly lines: readonly string[];
    readonly before: string | null;
  }>;
  /** What would happen to a request. `ip` is an address. Throws KEY_NOT_FOUND, KEY_AMBIGUOUS, PROFILE_NOT_FOUND. */
  policyAnswer(caller: AdminCaller, supposed: SupposedRequest): Promise<PolicyAnswer>;
  certificates(): Promise<{
    readonly authority: { readonly document: AuthorityDocument; readonly pem: string } | undefined;
    readonly certificates: readonly StoredCertificateDocument[];
  }>;
  /** Lets proxies of these configurations order now; without one, the next start may. */
  renewCertificates(configs: readonly Pick<ProxyConfig, 'domains' | 'acme'>[]): Promise<void>;
  /** The models of engines that are up and the aliases of these models, sorted by name. */
  catalogOf(engines: readonly EngineStatus[], aliases: readonly ModelAlias[]): readonly CatalogEntry[];
  shares(caller: AdminCaller): ShareService;
  /** Base URLs under which the link of a share works, best first. Throws SHARE_CLEAR_TEXT if every proxy would show the key. */
  shareOrigins(): Promise<readonly string[]>;
  readonly usage: UsageRepository;
  readonly audit: AuditLog;
  /** The requests of every running proxy. */
  readonly requests: RequestDirectory;
  keyUse(key: ApiKey): Promise<KeyUseDocument>;
  chat(request: ChatRequest, signal: AbortSignal): AsyncIterable<ChatEvent>;
  readonly connect: {
    settings(request: ConnectRequest): Promise<ConnectDocument>;
    check(request: Pick<ConnectRequest, 'proxy' | 'host'>): Promise<ConnectCheck>;
  };
}

export interface OperationContext {
  readonly services: AdminServices;
  readonly caller: AdminCaller;
  /**
   * Throws ADMIN_CHANGED_MEANWHILE if the request's `If-Match` does not name this document. An operation calls it in the
   * transaction of its change, because another program may change the document after the router's own check.
   */
  checkIfMatch(document: unknown): void;
}

type Shape = z.ZodObject | undefined;
type Out<S extends Shape> = S extends z.ZodType ? z.output<S> : undefined;

export interface OperationInput<P extends Shape, Q extends Shape, B extends z.ZodType | undefined> {
  readonly path: Out<P>;
  readonly query: Out<Q>;
  readonly body: B extends z.ZodType ? z.output<B> : undefined;
}

export interface OperationDefinition<
  P extends Shape,
  Q extends Shape,
  B extends z.ZodType | undefined,
  R extends z.ZodType | undefined,
> {
  /** `operationId` of OpenAPI. */
  readonly id: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below `/flm/api/v1`; parameters in braces. */
  readonly path: string;
  readonly tag: string;
  /** One line, for the reference. */
  readonly summary: string;
  readonly scope: AdminScope;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** `run` gets the body as it was sent, without the defaults that the schema adds. */
  readonly bodyAsSent?: true;
  /** 204 without `response`. */
  readonly status: 200 | 201 | 204;
  /** `run` returns the text of this type instead of a document. */
  readonly media?: 'text/csv';
  readonly response?: R;
  /** Errors of its own; those that every operation has are added. */
  readonly errors?: readonly ErrorCode[];
  /**
   * The current document, for `ETag` and `If-Match`. Set on an operation that reads or replaces one document; a request
   * with `If-Match` fails if somebody changed the document since.
   */
  readonly current?: (context: OperationContext, path: Out<P>) => Promise<unknown>;
  /** A repeated request with the same `Idempotency-Key` gets the response of the first. */
  readonly idempotent?: true;
  run(
    context: OperationContext,
    input: OperationInput<P, Q, B>,
  ): Promise<R extends z.ZodType ? z.input<R> : undefined>;
}

/** An operation that answers with server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html */
export interface EventOperationDefinition<P extends Shape, Q extends Shape, B extends z.ZodType | undefined>
  extends Pick<
    OperationDefinition<P, Q, B, undefined>,
    'id' | 'path' | 'tag' | 'summary' | 'scope' | 'params' | 'query' | 'body' | 'errors'
  > {
  readonly method: 'GET' | 'POST';
  readonly status: 200;
  /** The schema of the data of each event, by its name. */
  readonly events: Readonly<Record<string, z.ZodType>>;
  /** Yields until the signal aborts. */
  watch(
    context: OperationContext,
    input: OperationInput<P, Q, B>,
    signal: AbortSignal,
  ): AsyncIterable<AdminEvent>;
}

/** An operation without its types, as the router and the OpenAPI document use it. */
export type Operation = Omit<
  OperationDefinition<Shape, Shape, z.ZodType | undefined, z.ZodType | undefined>,
  'run' | 'current'
> & {
  // The router passes what the operation's own schemas returned. An operation has either `run`, or `events` and `watch`.
  run?(context: OperationContext, input: never): Promise<unknown>;
  readonly events?: Readonly<Record<string, z.ZodType>>;
  watch?(context: OperationContext, input: never, signal: AbortSignal): AsyncIterable<AdminEvent>;
  readonly current?: (context: OperationContext, path: never) => Promise<unknown>;
};

/** Checks the definition's types and forgets them. */
export function operation<
  P extends Shape = undefined,
  Q extends Shape = undefined,
  B extends z.ZodType | undefined = undefined,
  R extends z.ZodType | undefined = undefined,
>(definition: OperationDefinition<P, Q, B, R>): Operation {
  return definition;
}

export function eventOperation<
  P extends Shape = undefined,
  Q extends Shape = undefined,
  B extends z.ZodType | undefined = undefined,
>(definition: EventOperationDefinition<P, Q, B>): Operation {
  return definition;
}
