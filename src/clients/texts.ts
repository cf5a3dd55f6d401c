/**
 * The English texts about the settings of clients: notes, where a snippet belongs, and steps in a client's own dialogs. The
 * names of fields and menus are those that the client shows. Other languages have files of their own beside this one.
 */
export const clientTexts = {
  /** Those that are no proper names, by the id of the client. */
  names: { anthropic: 'Anthropic SDKs', openai: 'OpenAI SDKs', phone: 'Phone apps' },
  notes: {
    claudeCodeFields:
      'If the engine refuses fields that it does not know: export CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS=1',
    keyAtStart: 'It reads its key from the variable FLM_API_KEY when it starts.',
    codexNamespaces: 'If the engine refuses tools of the type "namespace": codex --disable multi_agent',
    keyAtStartOrFile:
      'It reads its key from the variable FLM_API_KEY when it starts, if the file does not contain the key.',
    gooseHost: 'The host has no /v1: OPENAI_BASE_PATH has it.',
    clineSteps: 'The steps are for the extension of an editor, the command for Cline in a terminal.',
    openWebUiStart:
      'These variables take effect only at its first start; later use Admin Settings > Connections > OpenAI API.',
    /** For the person at the proxy's machine: it names a flag of `flm connect`. */
    container: 'From a container: --host host.docker.internal',
    librechatKey: 'LibreChat reads FLM_API_KEY from its .env file.',
    n8nResponses:
      'Newer nodes ask for Responses: turn "Use Responses API" off in the node if the engine does not speak it.',
    phonePath: 'If an app adds /v1 itself, enter the address without /v1.',
    phoneReach:
      'The phone has to reach this machine: start the proxy for your network (flm up --help: --bind, --mode).',
    continueKey:
      'Continue reads FLM_API_KEY from the environment, or from a line FLM_API_KEY=... in ~/.continue/.env.',
    continueHeartbeat: 'It cannot read comments in a stream, so do not use --heartbeat.',
    vscodeNeeds:
      'Needs VS Code 1.122 or newer with GitHub Copilot Chat; no GitHub account. Other extensions: flm connect continue, flm connect cline.',
    vscodeKey:
      'VS Code reads no variable here: replace FLM_API_KEY by the key, or add the endpoint with Chat: Manage Language Models, which stores the key safely.',
    zedKey:
      'It reads its key from the variable FLM_API_KEY when it starts, or asks for it in its agent panel.',
    cursorPublic:
      "Cursor's own servers call this address, not your machine: it must be a public https:// URL, never localhost.",
    openaiVariables:
      'SDKs and tools that read these two variables need no other setting; set the model in your code.',
    anthropicPath: 'The base URL has no /v1: these SDKs add it.',
    ollamaKey: 'The variable OLLAMA_API_KEY is only for ollama.com, so the key is set in the headers.',
    springAi:
      'Spring AI: set spring.ai.openai.base-url, spring.ai.openai.api-key and spring.ai.openai.chat.options.model to the same values; Spring AI 1 adds /v1 itself.',
  },
  places: {
    shell: 'in a shell',
    start: 'in the shell that starts it',
    settings: 'in its settings',
    /** `dependency`: a command that installs it, or its name. */
    code: (dependency: string): string => `in your code (${dependency})`,
  },
  steps: {
    cursorModel: (model: string): string => `Add the model: ${model}`,
    n8nModel: (model: string): string => `In the node OpenAI Chat Model: Model > By ID: ${model}`,
    phoneProvider:
      'In an app with an "OpenAI compatible" provider (Chatbox, Kelivo, RikkaHub and others), add one',
    phoneUrl: (url: string): string => `Base URL or API host: ${url}`,
    phoneKey: (key: string): string => `API key: ${key}`,
    phoneModel: (model: string): string => `Model: ${model}`,
  },
};

export type ClientTexts = typeof clientTexts;
export type ClientNote = keyof ClientTexts['notes'];
