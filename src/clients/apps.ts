/**
 * Chat programs, automation, and apps on a phone.
 */
import { shellWord } from '../core/shell-word.ts';
import { type ClientRecipe, chat, containerNote, fileSnippet, node, type SettingsFile } from './recipe.ts';
import { shell, shKey, steps, textKey } from './snippet.ts';

const librechatFile: SettingsFile = {
  place: 'librechat.yaml',
  format: 'yaml',
  key: 'variable',
  settings: (to) => ({
    endpoints: {
      custom: [
        {
          name: 'flm',
          // biome-ignore lint/suspicious/noTemplateCurlyInString: LibreChat replaces the variable itself.
          apiKey: to.key ?? '${FLM_API_KEY}',
          baseURL: `${to.origin}/v1`,
          models: { default: [to.model], fetch: true },
        },
      ],
    },
  }),
  remaining: () => [],
};

export const apps: readonly ClientRecipe[] = [
  {
    ...chat,
    id: 'open-webui',
    name: 'Open WebUI',
    aliases: ['webui', 'owui'],
    trusts: ['SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE'],
    snippets: (to) => [
      shell(
        `export OPENAI_API_BASE_URL=${shellWord(`${to.origin}/v1`)}`,
        `export OPENAI_API_KEY=${shKey(to)}`,
      ),
    ],
    notes: [
      'These variables take effect only at its first start; later use Admin Settings > Connections > OpenAI API.',
      containerNote,
    ],
  },
  {
    ...chat,
    id: 'librechat',
    name: 'LibreChat',
    trusts: node,
    file: librechatFile,
    snippets: (to) => [fileSnippet(librechatFile, to)],
    notes: ['LibreChat reads FLM_API_KEY from its .env file.', containerNote],
  },
  {
    ...chat,
    id: 'n8n',
    name: 'n8n',
    trusts: node,
    snippets: (to) => [
      steps(
        'Credentials > Create credential > OpenAI',
        `API Key: ${textKey(to)}`,
        `Base URL: ${to.origin}/v1`,
        `In the node OpenAI Chat Model: Model > By ID: ${to.model}`,
      ),
    ],
    notes: [
      'Newer nodes ask for Responses: turn "Use Responses API" off in the node if the engine does not speak it.',
      containerNote,
    ],
  },
  {
    ...chat,
    id: 'phone',
    name: 'Phone apps',
    aliases: ['phone-app', 'mobile', 'android', 'iphone', 'ios', 'ipad', 'tablet', 'chatbox', 'kelivo'],
    trusts: 'what the system trusts',
    elsewhere: true,
    snippets: (to) => [
      steps(
        'In an app with an "OpenAI compatible" provider (Chatbox, Kelivo, RikkaHub and others), add one',
        `Base URL or API host: ${to.origin}/v1`,
        `API key: ${textKey(to)}`,
        `Model: ${to.model}`,
      ),
    ],
    notes: [
      'If an app adds /v1 itself, enter the address without /v1.',
      'The phone has to reach this machine: start the proxy for your network (flm up --help: --bind, --mode).',
    ],
  },
];
