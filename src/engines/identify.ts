/**
 * Asks a server what it is, judged by bodies: LM Studio answers 200 to every path, KoboldCpp plays Ollama and OpenAI,
 * llama.cpp lists models as Ollama does, half of the world has a `/version`.
 *
 * `/health` comes first and alone: a closed port costs one attempt, and a proxy of flm (which would count anything else
 * as a failed login) is recognised and left in peace. Then everything else at once; the order of the judgement is what
 * keeps the impostors apart. Nothing here generates.
 */
import type { EngineAddress, EngineKindName } from '../core/engine/engine.ts';
import { maxEngineAnswerBytes } from '../core/engine/read-answer.ts';
import { objectOf, objectsIn, textOf } from './json-reading.ts';
import { isLlamaCpp, isProps, versionOf } from './llamacpp.ts';
import { readOpenaiList } from './openai-compatible.ts';
import { keyField } from './probe.ts';
import { fault, type ProbeAnswer, type ProbeFault, type ProbeLine, probeRequest } from './probe-request.ts';
import { isVllm } from './vllm.ts';

export interface Identified {
  readonly answered: true;
  readonly kind: EngineKindName;
  /** For people: the make, where it is more than the kind ("KoboldCpp", "SGLang"). */
  readonly product: string;
  readonly version?: string;
}

/** `flm`: it is a proxy of flm itself. */
export type NotIdentified = ProbeFault & { readonly flm?: true };

export interface IdentifyRequest {
  readonly to: EngineAddress;
  readonly apiKey?: string;
  readonly limitMs: number;
}

/** What engines say of themselves is a line or a page. Eight answers may come at once. */
const maxSignBytes = 64 * 1024;
/** llama.cpp's hold the template of its model. */
const maxPropsBytes = 256 * 1024;

export async function identify(
  line: ProbeLine,
  request: IdentifyRequest,
  signal: AbortSignal,
): Promise<Identified | NotIdentified> {
  const field = request.apiKey === undefined ? '' : keyField('authorization', request.apiKey);
  const get = (path: string, maxBytes = maxSignBytes): Promise<ProbeAnswer | ProbeFault> =>
    probeRequest(line, { to: request.to, path, field, limitMs: request.limitMs, maxBytes }, signal);
  const health = await get('/health');
  if (!health.answered) return health;
  if (isFlm(health)) return { ...fault('wrong', 'is a proxy of flm itself'), flm: true };
  const [kobold, greeting, localai, props, root, ollamaVersion, version, models] = await Promise.all([
    get('/api/extra/version'),
    get('/lmstudio-greeting'),
    get('/.well-known/localai.json'),
    get('/props', maxPropsBytes),
    get('/'),
    get('/api/version'),
    get('/version'),
    get('/v1/models', maxEngineAnswerBytes),
  ]);
  const jsonOf = (answer: ProbeAnswer | ProbeFault) =>
    answer.answered && answer.status === 200 ? objectOf(answer.json) : undefined;

  const koboldSays = jsonOf(kobold);
  if (koboldSays?.result === 'KoboldCpp')
    return found('openai-compatible', 'KoboldCpp', textOf(koboldSays.version));
  if (jsonOf(greeting)?.lmstudio === true) return found('lmstudio', 'LM Studio');
  const localaiSays = jsonOf(localai);
  if (localaiSays !== undefined && !('error' in localaiSays))
    return found('openai-compatible', 'LocalAI', textOf(localaiSays.version));
  const propsSay = jsonOf(props);
  if (isLlamaCpp(health) || isProps(propsSay)) {
    return found('llamacpp', 'llama.cpp', propsSay === undefined ? undefined : versionOf(propsSay));
  }
  const ollamaSays = textOf(jsonOf(ollamaVersion)?.version);
  if (ollamaSays !== undefined && root.answered && root.text.trim() === 'Ollama is running') {
    return found('ollama', 'Ollama', ollamaSays);
  }
  const vllmSays = textOf(jsonOf(version)?.version);
  const listed = objectsIn(jsonOf(models), 'data');
  if (listed?.some(isVllm) === true) return found('vllm', 'vLLM', vllmSays);
  if (vllmSays !== undefined && isLockedVllm(models)) return found('vllm', 'vLLM', vllmSays);
  if (readOpenaiList(jsonOf(models)) !== undefined) {
    const sglang = listed?.some((item) => item.owned_by === 'sglang') === true;
    return found('openai-compatible', sglang ? 'SGLang' : 'OpenAI-compatible');
  }
  return notIdentified(models);
}

/** What flm's own `/health` says, and that it gives every answer an id. */
function isFlm(answer: ProbeAnswer): boolean {
  const status = objectOf(answer.json)?.status;
  return (status === 'up' || status === 'draining') && answer.field('x-request-id') !== undefined;
}

/** With a key, vLLM hides its models but not its version; nobody else words the refusal so. */
function isLockedVllm(models: ProbeAnswer | ProbeFault): boolean {
  return (
    models.answered &&
    models.status === 401 &&
    models.field('server') === 'uvicorn' &&
    objectOf(models.json)?.error === 'Unauthorized'
  );
}

function notIdentified(models: ProbeAnswer | ProbeFault): NotIdentified {
  if (!models.answered) return models;
  // Only where it looks like an API: a router's web page asks for a password as well.
  const api = objectOf(models.json) !== undefined;
  if (api && (models.status === 401 || models.status === 403))
    return fault('unauthorised', 'asks for an API key');
  return fault('wrong', 'answers, but not like an LLM engine');
}

function found(kind: EngineKindName, product: string, version?: string): Identified {
  return { answered: true, kind, product, ...(version === undefined ? {} : { version }) };
}
