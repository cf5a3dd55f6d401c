/**
 * Chat programs, automation, and apps on a phone.
 */
import { shellWord } from '../core/shell-word.ts';
import { type ClientRecipe, chat, fileSnippet, node, type SettingsFile } from './recipe.ts';
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
    notes: ['openWebUiStart', 'container'],
  },
  {
    ...chat,
    id: 'librechat',
    name: 'LibreChat',
    trusts: node,
    file: librechatFile,
    snippets: (to) => [fileSnippet(librechatFile, to)],
    notes: ['librechatKey', 'container'],
  },
  {
    ...chat,
    id: 'n8n',
    name: 'n8n',
    trusts: node,
    snippets: (to, texts) => [
      steps(
        'Credentials > Create credential > OpenAI',
        `API Key: ${textKey(to)}`,
        `Base URL: ${to.origin}/v1`,
        texts.steps.n8nModel(to.model),
      ),
    ],
    notes: ['n8nResponses', 'container'],
  },
  {
    ...chat,
    id: 'phone',
    name: 'Phone apps',
    aliases: ['phone-app', 'mobile', 'android', 'iphone', 'ios', 'ipad', 'tablet', 'chatbox', 'kelivo'],
    trusts: 'what the system trusts',
    elsewhere: true,
    snippets: (to, { steps: said }) => [
      steps(
        said.phoneProvider,
        said.phoneUrl(`${to.origin}/v1`),
        said.phoneKey(textKey(to)),
        said.phoneModel(to.model),
      ),
    ],
    notes: ['phonePath', 'phoneReach'],
  },
];
