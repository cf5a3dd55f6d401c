/**
 * What flm says about the settings of a client besides the client's own notes: a code and the values of its sentence, so
 * that commands and pages can say it in the language of their reader.
 */
import type { EngineKindName } from '../core/engine/kinds.ts';
import { clients } from './clients.ts';
import { clientName } from './recipe.ts';
import type { ClientTexts } from './texts.ts';

/** The engine with the smallest context for a model. Any of the engines may get a request. */
export interface ModelContext {
  readonly engine: string;
  readonly kind: EngineKindName;
  /** The engine's name for the model. */
  readonly model: string;
  /** Undefined if the engine does not report it, like Ollama and LM Studio for a model that is not loaded. */
  readonly tokens: number | undefined;
}

/** `client` is an id here; a sentence has the client's name. */
interface NeededContext extends Omit<ModelContext, 'tokens'> {
  readonly client: string;
  readonly needed: number;
}

type None = Readonly<Record<string, never>>;

/** The values of each sentence. The codes and the names of the values are part of the admin API. */
export interface AdviceValues {
  // Notes: what the reader must still do or know.
  readonly contextUnknown: NeededContext;
  readonly keyPlaceholder: None;
  readonly authorityFile: None;
  readonly clientCertificate: None;
  // Warnings: why the client could fail.
  readonly contextTooSmall: NeededContext & { readonly tokens: number };
  readonly elsewhere: { readonly host: string; readonly client: string };
  readonly noModel: None;
  /** `similar` may be empty. */
  readonly missingModel: { readonly model: string; readonly similar: string };
  readonly route: { readonly client: string; readonly route: string; readonly engines: string };
  readonly noKey: None;
  readonly publicHost: { readonly name: string };
  readonly certificateNames: { readonly names: string; readonly flag: string; readonly name: string };
  readonly loopback: { readonly name: string };
  readonly systemTrust: { readonly client: string };
  readonly publicTrust: { readonly client: string };
  readonly namesAlone: { readonly client: string };
  readonly noClientCertificate: { readonly file: string; readonly client: string };
}

export type AdviceCode = keyof AdviceValues;
export type Advice = {
  readonly [Code in AdviceCode]: { readonly code: Code; readonly values: AdviceValues[Code] };
}[AdviceCode];
export type AdviceTexts = { readonly [Code in AdviceCode]: (values: AdviceValues[Code]) => string };

/** The texts of one language. */
export interface ConnectTexts {
  readonly clients: ClientTexts;
  readonly advice: AdviceTexts;
}

/** The sentence of an advice. */
export function adviceText(texts: ConnectTexts, { code, values }: Advice): string {
  const client = 'client' in values ? clients.find(({ id }) => id === values.client) : undefined;
  const said = client === undefined ? values : { ...values, client: clientName(client, texts.clients) };
  // The values of an advice are those of its code.
  return (texts.advice[code] as (given: typeof said) => string)(said);
}
