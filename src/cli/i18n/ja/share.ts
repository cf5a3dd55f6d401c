/** Texts of `flm share`. */
import type { CliCatalogue } from '../catalogue.ts';

export const share: CliCatalogue['share'] = {
  made: (id, label) => `${label}用の共有${id}を作成しました。`,
  mayUse: (limits) => `キーの制限: ${limits}`,
  noLimits: 'なし',
  trustStep: '1. まだローカルCAを信頼していないデバイスで、次のアドレスを開く',
  fingerprint: 'フィンガープリント（SHA-256）が一致することを確認してください:',
  linkStep: '2. 次のリンクを開く（ほかの人には見せないでください）',
  linkAlone: '次のリンクを1人だけに送る',
  otherAddresses: 'ほかのアドレス:',
  once: (until, id) =>
    `リンクは${until}まで、1回だけ使えます。キーは、リンクを最初に使った人に渡されます。取り消すには: flm share revoke ${id}`,
  onlyThisMachine:
    'プロキシはこのマシンからの接続だけを受け付けるため、リンクはこのマシンでしか使えません。ほかの人と共有するには、プロキシを停止し、--mode dev-selfsigned --bind 0.0.0.0を付けて起動してください。',
  needsTrust:
    'まだローカルCAを信頼していないデバイスでは、先に`flm cert trust --device`による設定が必要です。',
  waiting: 'リンクが開かれるのを待っています（Ctrl-Cで終了しても、リンクは引き続き使えます）…',
  waitingForAnswer: '最初の応答を待っています…',
  keyMade: 'キーが作成されました',
  keyMadeFor: (key, address) => `${key}（${address}から）`,
  testWorks: '正常に動作しています',
  over: (state) => `リンクは使われませんでした（状態: ${state}）。`,
  deleted: '削除済み',
  none: '共有がありません。`flm share LABEL`で作成できます。',
  revoked: (id, label) => `${id}（${label}）を取り消しました。`,
  hadExpired: (id, label) => `${id}（${label}）はすでに期限切れです。`,
  columns: {
    label: 'ラベル',
    id: 'ID',
    state: '状態',
    when: '日時',
    key: 'キー',
    madeBy: '作成者',
    limits: '制限',
  },
  states: { open: '未使用', redeemed: '使用済み', expired: '期限切れ', revoked: '取り消し済み' },
  ends: (when) => `${when}に期限切れ`,
  help: {
    share: 'ほかの人にキーを渡すための、1回だけ使えるリンクを作成します',
    after:
      '--no-waitを付けずに--jsonを指定すると、キーを表す2つ目のJSONドキュメントと、最初のリクエストを表す3つ目のJSONドキュメントを出力します。',
    list: '共有と状態を一覧表示します',
    revoke: 'まだ使われていないリンクを取り消します',
  },
  arguments: {
    label: 'キーを使う人またはプログラムの名前',
    share: '共有のID、またはキーのラベル',
  },
  options: {
    for: 'リンクの有効期間（2h、7dなど）。最長30d',
    proxy: 'IDまたはプロファイル。実行中のプロキシが1つなら省略できます',
    url: '相手がプロキシに接続するときのアドレス（https://ai.example.orgなど）',
    noWait: 'リンクを表示し、使われるのを待たずに終了します',
  },
  problems: {
    for: '--forには、24h、30m、7dなどの期間を指定してください。',
    url: '--urlには、https://ai.example.orgのような、パスを含まないHTTPSのアドレスを指定してください。',
  },
};
