/** Texts of `flm policy`. */
import type { CliCatalogue } from '../catalogue.ts';

export const policy: CliCatalogue['policy'] = {
  help: {
    policy: 'すべてのキーに共通のルール（アドレス、オリジン、レート）を管理します',
    show: 'すべてのプロキシに共通のルールを表示します。一部はプロファイルで上書きできます',
    set: 'ルールを変更します。フラグを指定しないルールは変わらず、リストは指定した内容に置き換わります',
    export: 'ルールをYAMLで出力します（Gitでの管理など）。`flm policy set --file FILE`で読み込めます',
    schema: 'エディター用に、ポリシーファイルのJSON Schemaを出力します',
    check: 'リクエストに対するポリシーの判定と、判定したルールを表示します',
  },
  options: {
    allowOrigin: 'flmを呼び出せるWebページのオリジン（CORS）（複数指定可）',
    allowIp: '許可するクライアントのアドレスまたは範囲。指定しない場合はすべて許可します（複数指定可）',
    denyIp: '拒否するクライアントのアドレスまたは範囲（複数指定可）',
    trustedProxy: 'X-Forwarded-Forを信頼するリバースプロキシ（複数指定可）',
    rpm: '全キー合計での1分あたりのリクエスト数',
    rpmPerKey: '個別のレート制限がない各キーの、1分あたりのリクエスト数',
    rpmPerAddress: 'クライアントのアドレスごとの、1分あたりのリクエスト数',
    clear: (rules) => `ルールを削除します: ${rules}（複数指定可）`,
    file: 'ポリシー全体をこのYAMLまたはJSONファイルの内容に置き換えます。-は標準入力を表します',
    yes: '自分のアドレスやすべてのキーが拒否される場合でも、ポリシーを適用します',
  },
  checkOptions: {
    ip: 'クライアントのアドレス',
    key: 'キーのIDまたはラベル。指定しない場合は、すべてのキーに共通のルールだけを確認します',
    origin: 'Webページのオリジン',
    model: 'リクエストのモデル',
    endpoint: 'リクエストのルート',
    profile: 'このプロファイルによる上書きを含めます',
  },
  columns: { rule: 'ルール', value: '値', before: '変更前', after: '変更後' },
  noLimit: '制限なし',
  perMinute: (count) => `1分あたり${count}`,
  none: 'なし',
  setsAnyway: 'このポリシーを適用します。',
  applied: '実行中のプロキシに適用されました。',
  unchanged: '変更はありません。',
  check: {
    passes: '許可',
    refusedBy: (rule, strong) => `${strong('拒否')}（ルール: ${rule}）`,
    allowed: '許可されます。',
    allowedWithKey: '必要な権限を持つ有効なキーがあれば、許可されます。',
    refused: (status, code, strong) => `${strong('拒否')}されます（${status ?? ''} ${code}）。`,
  },
  problems: {
    noRule: '設定するルールが指定されていません。',
    fileAlone: '--fileはポリシー全体を置き換えるため、ほかのフラグと同時に指定できません。',
    endpoint: (routes) => `--endpointには、次のいずれかを指定してください: ${routes}`,
    ip: '--ipには、IPv4またはIPv6のアドレスを1つ指定してください。',
  },
};
