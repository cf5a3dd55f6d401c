/**
 * The setting `otlp` of a profile: the server that gets traces and metrics. Either its base URL, or the word
 * `environment`, which stands for the address in `OTEL_EXPORTER_OTLP_ENDPOINT`. That variable alone switches nothing on:
 * it may be set for other programs of the machine.
 */
import { z } from 'zod';

export const fromEnvironment = 'environment';

/** Credentials go into `OTEL_EXPORTER_OTLP_HEADERS`: the profile is readable, and a URL is shown in status and log. */
export const otlpUrl = 'http(s)://HOST[:PORT][/PATH], without user, password, query or fragment';

export const otlpSchema = z
  .string()
  .max(512)
  .refine((text) => text === fromEnvironment || isOtlpUrl(text), {
    error: `${otlpUrl}; or ${fromEnvironment}, for the address in OTEL_EXPORTER_OTLP_ENDPOINT`,
  });

export function isOtlpUrl(text: string): boolean {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return false;
  const { username, password, search, hash } = new URL(text);
  return username === '' && password === '' && search === '' && hash === '' && !/[?#]/.test(text);
}
