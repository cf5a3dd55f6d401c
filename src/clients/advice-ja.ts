/** The Japanese texts around the settings of clients. */
import type { EngineKindName } from '../core/engine/kinds.ts';
import { shellWord } from '../core/shell-word.ts';
import type { ConnectTexts } from './advice.ts';
import { japaneseClientTexts } from './texts-ja.ts';

/** How to get a larger context, for each kind of engine. */
const largerContext: Readonly<Record<EngineKindName, (model: string, tokens: number) => string>> = {
  ollama: (_model, tokens) =>
    `OLLAMA_CONTEXT_LENGTH=${tokens}を設定してOllamaを起動するか、Modelfileに"PARAMETER num_ctx ${tokens}"を指定したモデルを作成してください。`,
  llamacpp: (_model, tokens) =>
    `llama-serverの起動時に、-cへ${tokens}×スロット数（-np）を指定してください。コンテキスト長はスロット間で共有されます。`,
  'llama-swap': (_model, tokens) =>
    `llama-swapのconfig.yamlで、モデルの\`cmd\`を変更してください（llama-serverでは-c ${tokens}）。`,
  lmstudio: (model, tokens) =>
    `LM StudioでモデルをロードするときにContext Lengthを設定するか、次のコマンドを実行してください: lms load ${shellWord(model)} --context-length ${tokens}`,
  vllm: (_model, tokens) => `--max-model-len ${tokens}を付けてvLLMを起動してください。`,
  sglang: (_model, tokens) => `--context-length ${tokens}を付けてSGLangを起動してください。`,
  localai: (_model, tokens) => `LocalAIのモデルのYAMLファイルで、context_size: ${tokens}を設定してください。`,
  tabbyapi: (_model, tokens) => `TabbyAPIのconfig.ymlのmodelで、max_seq_len: ${tokens}を設定してください。`,
  koboldcpp: (_model, tokens) => `--contextsize ${tokens}を付けてKoboldCppを起動してください。`,
  jan: (_model, tokens) => `Janのモデルの設定で、Context Sizeを${tokens}にしてください。`,
  lemonade: (_model, tokens) => `Lemonadeの設定で、ctx_sizeを${tokens}にしてください。`,
  fastflowlm: (_model, tokens) => `--ctx-len ${tokens}を付けてFastFlowLMを起動してください。`,
  'docker-model-runner': (model, tokens) =>
    `次のコマンドを実行してください: docker model configure --context-size ${tokens} ${shellWord(model)}`,
  'mlx-lm': () => 'mlx-lmはモデル自体のコンテキスト長を使います。--modelで別のモデルを指定してください。',
  'openai-compatible': raiseOrChoose,
  demo: raiseOrChoose,
};

function raiseOrChoose(): string {
  return 'エンジンの起動時にコンテキスト長を増やすか、--modelで別のモデルを指定してください。';
}

export const japaneseConnectTexts: ConnectTexts = {
  clients: japaneseClientTexts,
  advice: {
    contextTooSmall: ({ client, needed, kind, engine, model, tokens }) =>
      `${client}には${needed}トークン以上のコンテキスト長が必要ですが、${engine}の${model}は${tokens}トークンです。${largerContext[kind](model, needed)}`,
    contextUnknown: ({ client, needed, kind, engine, model }) =>
      `${client}には${needed}トークン以上のコンテキスト長が必要ですが、${engine}は${model}のコンテキスト長を報告していません。${largerContext[kind](model, needed)}`,
    keyPlaceholder: () =>
      'FLM_API_KEYはキーを表します。exportで設定してください。--key KEYまたは--new-key LABELを指定すると、キーが設定に入力されます。',
    authorityFile: () =>
      'flmのCAのファイルはこのマシンにあります。コンテナーではマウントし、ほかのマシンではコピーするか、`flm cert trust --device`を実行してください。',
    clientCertificate: () => 'client.pemとclient-key.pemは、クライアント証明書とその秘密鍵を表します。',
    elsewhere: ({ host, client }) =>
      `別のデバイスでは、${host}はそのデバイス自身を指します。${client}から接続できる、このマシンの名前またはアドレスを--hostで指定してください。`,
    noModel: () => 'モデルを提供しているエンジンがまだありません。MODELをモデルの名前に置き換えてください。',
    missingModel: ({ model, similar }) =>
      `現在、モデル${model}を提供しているエンジンはありません。${similar === '' ? '' : `似た名前: ${similar}`}`,
    route: ({ client, route, engines }) =>
      `${client}は${route}を使いますが、${engines}は対応していません。flmは変換を行いません。`,
    noKey: () => 'キーがまだありません。--new-key LABELまたは`flm key create LABEL`で作成してください。',
    publicHost: ({ name }) =>
      `プロキシは${name}宛てのリクエストに応答しません。停止してから、--public-host ${name}を付けて起動してください。`,
    certificateNames: ({ names, flag, name }) =>
      `証明書の対象は${names}です。このいずれかを--hostで指定するか、プロキシを停止し、${flag} ${name}を付けて起動してください。`,
    loopback: ({ name }) =>
      `プロキシはこのマシンのループバックアドレスだけで待ち受けています。${name}は、このアドレスに解決される場合だけ使えます。`,
    systemTrust: ({ client }) =>
      `${client}は、システムが信頼する証明書を使います。\`flm cert trust\`を、ほかのマシンの場合は\`flm cert trust --device\`を実行してください。`,
    publicTrust: ({ client }) =>
      `${client}は公的なCAだけを信頼します。--mode https-acme --domain NAMEを付けてプロキシを起動してください。`,
    namesAlone: ({ client }) =>
      `${client}は、ローカルCAの証明書ではアドレスを受け付けません。NAME.localなどの名前を--hostで指定してください。`,
    noClientCertificate: ({ file, client }) =>
      `プロキシは、${file}が発行した証明書を持つクライアントだけを受け付けます。${client}でのクライアント証明書の設定は、flmでは提供していません。`,
  },
};
