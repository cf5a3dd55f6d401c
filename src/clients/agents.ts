/**
 * Coding agents in a terminal. They send long instructions and many tools, so most of them need a minimum context
 * length: the first request of Claude Code 2.1.197 has 85 kB (about 21,000 tokens) and asks for 32,000 output tokens.
 * Codex 0.17x sends 40 kB, OpenCode 1.18 31 kB, Cline 3.0 22 kB.
 */
import { shellWord } from '../core/shell-word.ts';
import {
  answerTokens,
  assumedContextTokens,
  type ClientRecipe,
  chat,
  fileSnippet,
  keyInShell,
  node,
  python,
  type SettingsFile,
} from './recipe.ts';
import { type ClientSnippet, type ConnectTarget, shell, shKey, steps, textKey } from './snippet.ts';

/** Claude Code assumes 200,000 tokens, and compacts a conversation only near that limit. */
const claudeCodeContextTokens = 200_000;
const claudeCodeAnswerTokens = 32_000;

function claudeCodeVariables(to: ConnectTarget): Readonly<Record<string, string>> {
  const { contextTokens } = to;
  const small = contextTokens !== undefined && contextTokens < claudeCodeContextTokens;
  return {
    ANTHROPIC_BASE_URL: to.origin,
    ANTHROPIC_MODEL: to.model,
    ...Object.fromEntries(
      ['OPUS', 'SONNET', 'HAIKU'].map((size) => [`ANTHROPIC_DEFAULT_${size}_MODEL`, to.model]),
    ),
    // Without this setting, the system prompt begins with a line that changes with each question, and no prompt cache
    // works.
    CLAUDE_CODE_ATTRIBUTION_HEADER: '0',
    ...(small
      ? {
          CLAUDE_CODE_AUTO_COMPACT_WINDOW: String(contextTokens),
          CLAUDE_CODE_MAX_OUTPUT_TOKENS: String(answerTokens(contextTokens, claudeCodeAnswerTokens)),
        }
      : {}),
  };
}

const claudeCodeShell = (to: ConnectTarget, variables: Readonly<Record<string, string>>): ClientSnippet =>
  shell(
    'unset ANTHROPIC_API_KEY',
    ...(to.clientCertificate === true
      ? ['export CLAUDE_CODE_CLIENT_CERT=client.pem', 'export CLAUDE_CODE_CLIENT_KEY=client-key.pem']
      : []),
    `export ANTHROPIC_AUTH_TOKEN=${shKey(to)}`,
    ...Object.entries(variables).map(([name, value]) => `export ${name}=${shellWord(value)}`),
    'claude',
  );

const codexFile: SettingsFile = {
  place: '~/.codex/config.toml',
  format: 'toml',
  path: ({ home, join, moved }) => join(moved('CODEX_HOME') ?? join(home, '.codex'), 'config.toml'),
  key: 'variable',
  settings: (to) => ({
    model: to.model,
    model_provider: 'flm',
    // OpenAI's own tool. flm treats it as a tool that the engine runs, and refuses it for vLLM.
    web_search: 'disabled',
    ...(to.contextTokens === undefined ? {} : { model_context_window: to.contextTokens }),
    model_providers: {
      flm: {
        name: 'flm',
        base_url: `${to.origin}/v1`,
        env_key: 'FLM_API_KEY',
        wire_api: 'responses',
        supports_websockets: false,
      },
    },
  }),
  remaining: keyInShell,
};

const opencodeFile: SettingsFile = {
  place: '~/.config/opencode/opencode.json',
  format: 'json',
  path: ({ config, join }) => join(config, 'opencode', 'opencode.json'),
  key: 'variable',
  settings: (to) => {
    const context = to.contextTokens ?? assumedContextTokens;
    return {
      model: `flm/${to.model}`,
      provider: {
        flm: {
          npm: '@ai-sdk/openai-compatible',
          name: 'flm',
          options: { baseURL: `${to.origin}/v1`, apiKey: to.key ?? '{env:FLM_API_KEY}' },
          // Without limits OpenCode never compacts a conversation.
          models: {
            [to.model]: { name: to.model, limit: { context, output: answerTokens(context, 8_192) } },
          },
        },
      },
    };
  },
  defaults: { $schema: 'https://opencode.ai/config.json' },
  remaining: keyInShell,
};

const gooseFile: SettingsFile = {
  place: '~/.config/goose/config.yaml',
  format: 'yaml',
  path: ({ config, join }) => join(config, 'goose', 'config.yaml'),
  key: 'variable',
  settings: (to) => ({
    GOOSE_PROVIDER: 'openai',
    GOOSE_MODEL: to.model,
    OPENAI_HOST: to.origin,
    OPENAI_BASE_PATH: 'v1/chat/completions',
    ...(to.contextTokens === undefined ? {} : { GOOSE_CONTEXT_LIMIT: to.contextTokens }),
  }),
  // Goose ignores keys in this file.
  remaining: (to) => [shell(`export OPENAI_API_KEY=${shKey(to)}`, 'goose session')],
};

export const agents: readonly ClientRecipe[] = [
  {
    id: 'claude-code',
    name: 'Claude Code',
    aliases: ['claude'],
    trusts: node,
    namesAlone: true,
    showsCertificate: true,
    route: 'messages',
    base: 'server',
    contextTokens: 65_536,
    file: {
      place: '~/.claude/settings.json',
      format: 'json',
      path: ({ home, join, moved }) =>
        join(moved('CLAUDE_CONFIG_DIR') ?? join(home, '.claude'), 'settings.json'),
      key: 'variable',
      settings: (to) => ({ env: claudeCodeVariables(to) }),
      remaining: (to) => [claudeCodeShell(to, {})],
    },
    snippets: (to) => [claudeCodeShell(to, claudeCodeVariables(to))],
    notes: ['claudeCodeFields'],
  },
  {
    id: 'codex',
    name: 'Codex',
    aliases: ['codex-cli', 'openai-codex'],
    trusts: ['CODEX_CA_CERTIFICATE'],
    route: 'responses.create',
    base: '/v1',
    contextTokens: 32_768,
    file: codexFile,
    snippets: (to) => [fileSnippet(codexFile, to), ...keyInShell(to)],
    notes: ['keyAtStart', 'codexNamespaces'],
  },
  {
    id: 'copilot',
    name: 'Copilot CLI',
    aliases: ['github-copilot', 'github-copilot-cli'],
    trusts: node,
    route: 'responses.create',
    base: '/v1',
    contextTokens: 32_768,
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
    id: 'opencode',
    name: 'OpenCode',
    aliases: ['opencode-ai', 'sst-opencode'],
    trusts: node,
    namesAlone: true,
    contextTokens: 32_768,
    file: opencodeFile,
    snippets: (to) => [fileSnippet(opencodeFile, to)],
    notes: ['keyAtStartOrFile'],
  },
  {
    ...chat,
    id: 'goose',
    name: 'Goose',
    aliases: ['block-goose', 'goose-cli'],
    trusts: 'what the system trusts',
    contextTokens: 32_768,
    file: gooseFile,
    base: 'server',
    snippets: (to) => [
      shell(
        ...Object.entries(gooseFile.settings(to)).map(
          ([name, value]) => `export ${name}=${shellWord(String(value))}`,
        ),
        `export OPENAI_API_KEY=${shKey(to)}`,
        'goose session',
      ),
    ],
    notes: ['gooseHost'],
  },
  {
    ...chat,
    id: 'aider',
    name: 'aider',
    aliases: ['aider-chat'],
    trusts: python,
    file: {
      place: '~/.aider.conf.yml',
      format: 'yaml',
      path: ({ home, join }) => join(home, '.aider.conf.yml'),
      key: 'variable',
      settings: (to) => ({ model: `openai/${to.model}`, 'openai-api-base': `${to.origin}/v1` }),
      remaining: (to) => [shell(`export OPENAI_API_KEY=${shKey(to)}`, 'aider')],
    },
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
    id: 'cline',
    name: 'Cline',
    aliases: ['cline-cli'],
    trusts: node,
    namesAlone: true,
    contextTokens: 32_768,
    snippets: (to) => [
      steps(
        'API Provider: OpenAI Compatible',
        `Base URL: ${to.origin}/v1`,
        `OpenAI Compatible API Key: ${textKey(to)}`,
        `Model ID: ${to.model}`,
        ...(to.contextTokens === undefined
          ? []
          : [`Model Configuration > Context Window Size: ${to.contextTokens}`]),
      ),
      shell(
        `cline auth --provider openai-compatible --baseurl ${shellWord(`${to.origin}/v1`)} --modelid ${shellWord(to.model)} --apikey ${shKey(to)}`,
      ),
    ],
    notes: ['clineSteps'],
  },
];
