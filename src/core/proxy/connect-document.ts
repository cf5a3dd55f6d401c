/** The settings that connect a client, as the admin API shows them. The fields are those of `flm connect --json`, and more. */
import { z } from 'zod';

export interface ConnectRequest {
  /** The id of a client. */
  readonly client: string;
  readonly proxy?: string | undefined;
  readonly model?: string | undefined;
  /** The host name or address by which the client reaches this machine. */
  readonly host?: string | undefined;
}

const snippet = z.strictObject({
  place: z.string().describe('Where the snippet belongs.'),
  format: z.enum(['sh', 'json', 'toml', 'yaml', 'python', 'js', 'java', 'steps']),
  text: z.string(),
});

/** For a program that says it in another language. */
const advice = z.strictObject({
  code: z.string(),
  values: z.record(z.string(), z.union([z.string(), z.number()])),
});

export const connectSchema = z
  .strictObject({
    client: z.string(),
    name: z.string(),
    baseUrl: z.string(),
    model: z.string().describe('`MODEL` if no engine lists a model.'),
    contextLength: z.int().optional().describe('In tokens, if the engine reports it.'),
    key: z.literal('$FLM_API_KEY').describe('Stands for the key in the snippets.'),
    snippets: z.array(snippet).readonly(),
    notes: z.array(z.string()).readonly(),
    warnings: z.array(z.string()).readonly(),
    noteDetails: z
      .array(advice)
      .readonly()
      .describe("The last of the notes, which are not the client's own, as codes with their values."),
    warningDetails: z.array(advice).readonly().describe('The warnings as codes with their values.'),
    origin: z.string().describe('Scheme, host and port of the proxy.'),
    authority: z
      .strictObject({
        alone: z.string().describe("The local CA's certificate, a file on the machine of the proxy."),
        withPublic: z.string().describe('The local CA together with the public CAs.'),
      })
      .nullable(),
    clientCertificate: z.boolean().describe('The proxy requires a client certificate.'),
    proxy: z.string().describe('The id of the proxy.'),
    proxies: z
      .array(z.strictObject({ id: z.string(), profile: z.string() }))
      .readonly()
      .describe('The running proxies.'),
    addresses: z
      .array(z.strictObject({ origin: z.string(), reach: z.enum(['this machine', 'network']) }))
      .readonly()
      .describe("The proxy's own addresses."),
    models: z.array(z.string()).readonly().describe('Models and aliases of engines that are up.'),
  })
  .meta({ id: 'ConnectSettings' });

export type ConnectDocument = z.output<typeof connectSchema>;

export const connectCheckSchema = z
  .strictObject({
    ok: z.boolean(),
    reason: z.string().nullable().describe('Why it failed.'),
    models: z.array(z.string()).readonly(),
  })
  .meta({ id: 'ConnectCheck' });

export type ConnectCheck = z.output<typeof connectCheckSchema>;
