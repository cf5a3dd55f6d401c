/**
 * The clients that `flm connect` knows: for each, what to paste so that it comes in through flm. A test holds every
 * snippet to its format and to the form of base URL that the client wants.
 *
 * What a client reads as its key is `$FLM_API_KEY` where it can read a variable; files that cannot hold the words
 * themselves, to be replaced.
 */
import type { RouteId } from '../core/engine/routes.ts';
import { shellWord } from '../core/shell-word.ts';
import {
  type ConnectTarget,
  jsKey,
  json,
  pythonKey,
  quoted,
  type Snippet,
  shell,
  shKey,
  steps,
  textKey,
} from './snippet.ts';

export interface ClientRecipe {
  readonly id: string;
  readonly name: string;
  /** What it asks of an engine. */
  readonly route: RouteId;
  /** Its base URL ends in `/v1`, or names the server alone. */
  readonly base: '/v1' | 'server';
  /** What makes it trust the local CA: variables that name a file, something in its snippets, or the system's store. */
  readonly trusts:
    | readonly TrustVariable[]
    | 'by its snippets'
    | 'what the system trusts'
    | 'public CAs alone';
  /** Its BoringSSL accepts certificates of the local CA for names alone (docs/adr/0005). */
  readonly namesAlone?: true;
  /** Its snippets hold a client certificate where one is asked for. */
  readonly showsCertificate?: true;
  readonly snippets: (to: ConnectTarget) => readonly Snippet[];
  readonly notes: readonly string[];
}

type TrustVariable = 'NODE_EXTRA_CA_CERTS' | 'CODEX_CA_CERTIFICATE' | 'SSL_CERT_FILE' | 'REQUESTS_CA_BUNDLE';
/** Their file takes the place of the CAs that a program has; that of the others counts beside them. */
const replacing: readonly TrustVariable[] = ['SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE'];

const chat = { route: 'chat.completions', base: '/v1', notes: [] } as const;
const node: readonly TrustVariable[] = ['NODE_EXTRA_CA_CERTS'];
const python: readonly TrustVariable[] = ['SSL_CERT_FILE'];

/** All that is to be pasted: what the recipe says, and where there is a local CA what makes the client trust it. */
export function snippetsOf(client: ClientRecipe, to: ConnectTarget): readonly Snippet[] {
  const own = client.snippets(to);
  const { authority } = to;
  if (authority === undefined || typeof client.trusts === 'string') return own;
  const variables = client.trusts.map((name) => {
    const file = replacing.includes(name) ? authority.withPublic : authority.alone;
    return `export ${name}=${shellWord(file)}`;
  });
  const first = own.findIndex(({ format }) => format === 'sh');
  if (first === -1) return [...own, shell(...variables)];
  return own.map((snippet, i) =>
    i === first ? { ...snippet, text: [...variables, snippet.text].join('\n') } : snippet,
  );
}

/** Of Continue. */
function requestOptions({ authority, clientCertificate }: ConnectTarget): readonly string[] {
  const lines = [
    ...(authority === undefined ? [] : [`      caBundlePath: ${quoted(authority.alone)}`]),
    ...(clientCertificate === true
      ? ['      clientCertificate:', '        cert: "client.pem"', '        key: "client-key.pem"']
      : []),
  ];
  return lines.length === 0 ? [] : ['    requestOptions:', ...lines];
}

export const clients: readonly ClientRecipe[] = [
  {
    ...chat,
    id: 'curl',
    name: 'curl',
    trusts: 'by its snippets',
    showsCertificate: true,
    snippets: (to) => [
      shell(
        `curl ${shellWord(`${to.origin}/v1/chat/completions`)} \\`,
        ...(to.authority === undefined ? [] : [`  --cacert ${shellWord(to.authority.alone)} \\`]),
        ...(to.clientCertificate === true ? ['  --cert client.pem --key client-key.pem \\'] : []),
        `  -H "Authorization: Bearer ${to.key ?? '$FLM_API_KEY'}" \\`,
        "  -H 'Content-Type: application/json' \\",
        `  -d ${shellWord(JSON.stringify({ model: to.model, messages: [{ role: 'user', content: 'Hello' }] }))}`,
      ),
    ],
  },
  {
    ...chat,
    id: 'openai',
    name: 'OpenAI SDKs',
    trusts: [...node, ...python],
    snippets: (to) => [
      shell(`export OPENAI_BASE_URL=${shellWord(`${to.origin}/v1`)}`, `export OPENAI_API_KEY=${shKey(to)}`),
    ],
    notes: ['Every SDK and tool that reads these two variables needs no more; name the model in your code.'],
  },
  {
    ...chat,
    id: 'python',
    name: 'Python (openai)',
    trusts: python,
    snippets: (to) => [
      {
        place: 'in your code (pip install openai)',
        format: 'python',
        text: [
          ...(to.key === undefined ? ['import os'] : []),
          'from openai import OpenAI',
          '',
          `client = OpenAI(base_url=${quoted(`${to.origin}/v1`)}, api_key=${pythonKey(to)})`,
          'answer = client.chat.completions.create(',
          `    model=${quoted(to.model)},`,
          '    messages=[{"role": "user", "content": "Hello"}],',
          ')',
          'print(answer.choices[0].message.content)',
        ].join('\n'),
      },
    ],
  },
  {
    id: 'anthropic',
    name: 'Anthropic SDKs',
    trusts: [...node, ...python],
    route: 'messages',
    base: 'server',
    snippets: (to) => [
      shell(`export ANTHROPIC_BASE_URL=${shellWord(to.origin)}`, `export ANTHROPIC_API_KEY=${shKey(to)}`),
    ],
    notes: ['The base URL has no /v1: these SDKs add it.'],
  },
  {
    id: 'claude-code',
    name: 'Claude Code',
    trusts: node,
    namesAlone: true,
    showsCertificate: true,
    route: 'messages',
    base: 'server',
    snippets: (to) => [
      shell(
        'unset ANTHROPIC_API_KEY',
        ...(to.clientCertificate === true
          ? ['export CLAUDE_CODE_CLIENT_CERT=client.pem', 'export CLAUDE_CODE_CLIENT_KEY=client-key.pem']
          : []),
        `export ANTHROPIC_BASE_URL=${shellWord(to.origin)}`,
        `export ANTHROPIC_AUTH_TOKEN=${shKey(to)}`,
        `export ANTHROPIC_MODEL=${shellWord(to.model)}`,
        ...['OPUS', 'SONNET', 'HAIKU'].map(
          (size) => `export ANTHROPIC_DEFAULT_${size}_MODEL=${shellWord(to.model)}`,
        ),
        'export CLAUDE_CODE_ATTRIBUTION_HEADER=0',
        'claude',
      ),
    ],
    notes: [
      'If the engine refuses fields that it does not know: export CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS=1',
    ],
  },
  {
    id: 'codex',
    name: 'Codex',
    trusts: ['CODEX_CA_CERTIFICATE'],
    route: 'responses.create',
    base: '/v1',
    snippets: (to) => [
      {
        place: '~/.codex/config.toml',
        format: 'toml',
        text: [
          `model = ${quoted(to.model)}`,
          'model_provider = "flm"',
          '',
          '[model_providers.flm]',
          'name = "flm"',
          `base_url = ${quoted(`${to.origin}/v1`)}`,
          'env_key = "FLM_API_KEY"',
          'wire_api = "responses"',
          'supports_websockets = false',
        ].join('\n'),
      },
      ...(to.key === undefined ? [] : [shell(`export FLM_API_KEY=${shellWord(to.key)}`)]),
    ],
    notes: ['It reads its key from the variable FLM_API_KEY when it starts.'],
  },
  {
    id: 'copilot',
    name: 'Copilot CLI',
    trusts: node,
    route: 'responses.create',
    base: '/v1',
    snippets: (to) => [
      shell(
        `export COPILOT_PROVIDER_BASE_URL=${shellWord(`${to.origin}/v1`)}`,
        `export COPILOT_PROVIDER_API_KEY=${shKey(to)}`,
        'export COPILOT_PROVIDER_WIRE_API=responses',
        `export COPILOT_MODEL=${shellWord(to.model)}`,
        'copilot',
      ),
    ],
    notes: [],
  },
  {
    ...chat,
    id: 'open-webui',
    name: 'Open WebUI',
    trusts: ['SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE'],
    snippets: (to) => [
      shell(
        `export OPENAI_API_BASE_URL=${shellWord(`${to.origin}/v1`)}`,
        `export OPENAI_API_KEY=${shKey(to)}`,
      ),
    ],
    notes: [
      'These count at its first start only; later: Admin Settings > Connections > OpenAI API.',
      'From a container: --host host.docker.internal',
    ],
  },
  {
    ...chat,
    id: 'continue',
    name: 'Continue',
    trusts: 'by its snippets',
    namesAlone: true,
    showsCertificate: true,
    snippets: (to) => [
      {
        place: '~/.continue/config.yaml',
        format: 'yaml',
        text: [
          'name: flm',
          'version: 0.0.1',
          'schema: v1',
          'models:',
          `  - name: ${quoted(to.model)}`,
          '    provider: openai',
          `    model: ${quoted(to.model)}`,
          `    apiBase: ${quoted(`${to.origin}/v1`)}`,
          // biome-ignore lint/suspicious/noTemplateCurlyInString: Continue puts the secret in itself.
          `    apiKey: ${quoted(to.key ?? '${{ secrets.FLM_API_KEY }}')}`,
          ...requestOptions(to),
        ].join('\n'),
      },
    ],
    notes: [
      'Continue reads FLM_API_KEY from the environment, or from a line FLM_API_KEY=... in ~/.continue/.env.',
      'It misreads comments in a stream: leave --heartbeat off for it.',
    ],
  },
  {
    ...chat,
    id: 'cline',
    name: 'Cline',
    trusts: node,
    namesAlone: true,
    snippets: (to) => [
      steps(
        'API Provider: OpenAI Compatible',
        `Base URL: ${to.origin}/v1`,
        `OpenAI Compatible API Key: ${textKey(to)}`,
        `Model ID: ${to.model}`,
      ),
    ],
  },
  {
    ...chat,
    id: 'zed',
    name: 'Zed',
    trusts: 'what the system trusts',
    snippets: (to) => [
      json('settings.json', {
        language_models: {
          openai_compatible: {
            flm: {
              api_url: `${to.origin}/v1`,
              available_models: [{ name: to.model, max_tokens: 32_768 }],
            },
          },
        },
      }),
      ...(to.key === undefined ? [] : [shell(`export FLM_API_KEY=${shellWord(to.key)}`)]),
    ],
    notes: [
      'It reads its key from the variable FLM_API_KEY when it starts, or asks for it in its agent panel.',
    ],
  },
  {
    ...chat,
    id: 'librechat',
    name: 'LibreChat',
    trusts: node,
    snippets: (to) => [
      {
        place: 'librechat.yaml',
        format: 'yaml',
        text: [
          'endpoints:',
          '  custom:',
          '    - name: flm',
          // biome-ignore lint/suspicious/noTemplateCurlyInString: LibreChat puts the variable in itself.
          `      apiKey: ${quoted(to.key ?? '${FLM_API_KEY}')}`,
          `      baseURL: ${quoted(`${to.origin}/v1`)}`,
          '      models:',
          `        default: [${quoted(to.model)}]`,
          '        fetch: true',
        ].join('\n'),
      },
    ],
    notes: ['From a container: --host host.docker.internal'],
  },
  {
    ...chat,
    id: 'aider',
    name: 'aider',
    trusts: python,
    snippets: (to) => [
      shell(
        `export OPENAI_API_BASE=${shellWord(`${to.origin}/v1`)}`,
        `export OPENAI_API_KEY=${shKey(to)}`,
        `aider --model ${shellWord(`openai/${to.model}`)}`,
      ),
    ],
  },
  {
    ...chat,
    id: 'cursor',
    name: 'Cursor',
    trusts: 'public CAs alone',
    snippets: (to) => [
      steps(
        'Settings > Models > API Keys',
        `OpenAI API Key: ${textKey(to)}`,
        `Override OpenAI Base URL: ${to.origin}/v1`,
        `Add the model: ${to.model}`,
      ),
    ],
    notes: [
      "Cursor's own servers call this address, not your machine: it must be a public https:// URL, never localhost.",
    ],
  },
  {
    ...chat,
    id: 'vercel-ai',
    name: 'Vercel AI SDK',
    trusts: node,
    snippets: (to) => [
      {
        place: 'in your code (npm install ai @ai-sdk/openai-compatible)',
        format: 'js',
        text: [
          "import { createOpenAICompatible } from '@ai-sdk/openai-compatible';",
          "import { generateText } from 'ai';",
          '',
          'const flm = createOpenAICompatible({',
          "  name: 'flm',",
          `  baseURL: ${quoted(`${to.origin}/v1`)},`,
          `  apiKey: ${jsKey(to)},`,
          '  includeUsage: true,',
          '});',
          `const { text } = await generateText({ model: flm(${quoted(to.model)}), prompt: 'Hello' });`,
          'console.log(text);',
        ].join('\n'),
      },
    ],
  },
  {
    ...chat,
    id: 'langchain',
    name: 'LangChain',
    trusts: node,
    snippets: (to) => [
      {
        place: 'in your code (npm install @langchain/openai)',
        format: 'js',
        text: [
          "import { ChatOpenAI } from '@langchain/openai';",
          '',
          'const model = new ChatOpenAI({',
          `  model: ${quoted(to.model)},`,
          `  apiKey: ${jsKey(to)},`,
          `  configuration: { baseURL: ${quoted(`${to.origin}/v1`)} },`,
          '});',
          "console.log((await model.invoke('Hello')).content);",
        ].join('\n'),
      },
    ],
  },
  {
    id: 'ollama-js',
    name: 'ollama-js',
    trusts: node,
    route: 'ollama.chat',
    base: 'server',
    snippets: (to) => [
      {
        place: 'in your code (npm install ollama)',
        format: 'js',
        text: [
          "import { Ollama } from 'ollama';",
          '',
          'const ollama = new Ollama({',
          `  host: ${quoted(to.origin)},`,
          `  headers: { Authorization: 'Bearer ' + ${jsKey(to)} },`,
          '});',
          'const answer = await ollama.chat({',
          `  model: ${quoted(to.model)},`,
          "  messages: [{ role: 'user', content: 'Hello' }],",
          '});',
          'console.log(answer.message.content);',
        ].join('\n'),
      },
    ],
    notes: ['The variable OLLAMA_API_KEY is for ollama.com alone, so the key goes into headers.'],
  },
];
