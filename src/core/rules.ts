/**
 * The rules that can refuse a request, and the name of each in the access log (`rule`), in `flm explain` and in `flm
 * policy check`. Log fields are an interface, so a text never changes. A new rule gets a new row.
 */

/** `{name}` is a parameter. */
export const ruleTexts = {
  // The guard and the HTTP parsers.
  guard: 'guard',
  parser: 'the HTTP parser',
  upgrade: 'upgrade',
  methods: 'the list of methods',
  hosts: 'the host list',
  draining: 'draining',
  // Authentication.
  auth: 'auth',
  key: 'key {key}',
  'foreign-tokens': 'unknown tokens beside key {key}',
  'failed-logins': 'failed logins',
  share: 'the link of a share',
  'share-transport': 'keys are handed out over HTTPS or loopback',
  // The policy.
  'deny-ips': 'denyIps',
  'allow-ips': 'allowIps',
  'key-addresses': 'the addresses of key {key}',
  'allow-origins': 'allowOrigins',
  rate: '{whose} rate of {perMinute} a minute',
  // Which routes and models a key may use.
  routes: 'the route table',
  scope: 'route {route} needs scope {scope}',
  'admin-transport': 'where the admin API may be reached',
  'max-admin-bytes': 'the limit of the admin API',
  'key-endpoints': 'the endpoints of key {key}',
  'key-engines': 'the engines of the key',
  'engine-paths': 'the form of engine paths',
  'stored-ids': 'the form of ids',
  'key-models': 'the models of key {key}',
  'models-of-key': 'the models of the key',
  'engine-models': 'the models of the engine',
  catalog: 'the catalogue',
  'engine-kinds': 'the kinds of engines',
  hazard: '{kind}: would {does}',
  // The body.
  'content-type': 'content-type',
  'content-encoding': 'content-encoding',
  'body-scanner': 'the body scanner',
  'one-model': 'one name for the model',
  'max-body-bytes': 'maxBodyBytes',
  'min-body-rate': 'minBodyBytesPerSecond',
  'max-buffered-bytes': 'maxBufferedBytes',
  // Shares and limits.
  'max-streams': 'maxStreams',
  'stream-share': 'the share of one key in maxStreams: it has {held}, and {free} are free',
  concurrency: 'concurrency {limit} of key {key}',
  tokens: '{limit} tokens a {span} of key {key}',
  limiter: 'the limits of the fleet',
  'max-queued': 'maxQueued',
  'max-queue-wait': 'maxQueueWaitMs',
  // Engines, and events that end a request early.
  engine: 'engine',
  'engine-health': 'engine health',
  'no-engine': 'no engine',
  'key-ended': 'key-ended',
  'shut-down': 'shut-down',
  cancelled: 'cancelled by the administrator',
  mistake: 'a mistake of its own',
} as const;

export type RuleId = keyof typeof ruleTexts;

declare const fromTable: unique symbol;
/** A text of the table with its parameters filled in. Only `rule` creates one. */
export type RuleText = string & { readonly [fromTable]: true };

type Names<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Names<Rest>
  : never;
type Params<Id extends RuleId> = Readonly<Record<Names<(typeof ruleTexts)[Id]>, string | number>>;
type ParamsArgument<Id extends RuleId> =
  Names<(typeof ruleTexts)[Id]> extends never ? [] : [params: Params<Id>];

/** Returns how the log names the rule. */
export function rule<Id extends RuleId>(id: Id, ...[params]: ParamsArgument<Id>): RuleText {
  const values: Readonly<Record<string, string | number>> = params ?? {};
  const text = ruleTexts[id].replaceAll(/\{(\w+)\}/g, (_, name: string) => String(values[name]));
  // The type brand does not exist at run time.
  return text as RuleText;
}
