/** Texts of `flm audit`. */
import type { CliCatalogue } from '../catalogue.ts';

export const audit: CliCatalogue['audit'] = {
  about: '誰が、いつ、どこから、何を変更したかを、新しいものを最後にして一覧表示します',
  verify:
    '監査ログが書き換えられていないかを検証します。各記録には、その内容と直前の記録から計算したハッシュがあります。整合しない記録があれば、最初のものを表示し、終了コード1で終わります',
  options: {
    since: 'この日または日時以降の記録だけを表示します。例: 2026-11-01、2026-11-01T14:00Z、過去7日間なら7d',
    until: 'この日または日時までの記録だけを表示します',
    actor: 'この実行者の記録だけを表示します。例: cli:ann。コロンの片側だけでも指定できます',
    action: 'この操作の記録だけを表示します。例: key.revoke。keyのように先頭の部分だけでも指定できます',
    subject:
      'このキー、ポリシー、エンジン、プロファイルなどの記録だけを表示します（ラベル、名前、IDのいずれか）',
    limit: '新しいものから、この件数まで表示します（既定では100）',
    csv: '表計算ソフト用の表を出力します',
    head: 'プロキシのログまたはバックアップにあるヘッドと比較します（複数指定可）',
    headsIn: '別のマシンにあるログなど、このファイルにあるすべてのヘッドと比較します',
  },
  columns: {
    time: '日時',
    actor: '実行者',
    source: '経路',
    action: '操作',
    subject: '対象',
    change: '変更',
  },
  sources: {
    cli: 'コマンドライン',
    apply: 'flm apply',
    dashboard: 'ダッシュボード',
    api: '管理API',
    control: '制御ソケット',
    proxy: 'プロキシ',
    flm: 'flm',
    other: 'その他',
  },
  none: '条件に合う監査ログの記録はありません。',
  more: (limit) => `新しい${limit}件だけを表示しています。さらに表示するには--limitを指定してください。`,
  chains: { changes: '変更', refusals: '拒否されたログイン' },
  noEntries: '記録はありません',
  sound: (count, deletedThrough) =>
    deletedThrough === 0
      ? `${count}件、すべてflmが書き込んだとおりです`
      : `${count}件、すべてflmが書き込んだとおりです。番号${deletedThrough}までの古い記録は、保存期間を過ぎたため削除されました`,
  faults: {
    changed: (seq) => `記録${seq}は、flmが書き込んだ後に変更されました。`,
    missing: (seq) => `記録${seq}がありません。削除されたか、移動されました。`,
    unexpected: (seq) => `記録${seq}は、後から挿入されたものか、前後の記録が変更されています。`,
    unexplained: (seq) => `番号${seq}までの記録がありませんが、flmが削除したという記録がありません。`,
    otherHead: (seq) =>
      `記録${seq}が、指定されたヘッドの記録と異なります。そこまでの記録は書き直されています。`,
    beyond: (seq) =>
      `番号${seq}以降の記録がありません。指定されたヘッドは、それより新しい記録のものです。古いバックアップからデータベースを復元した場合は、それが原因です。`,
  },
  fitBefore: (count) => `それより前の${count}件は整合しています。`,
  withoutHash: (count) => `古いバージョンのflmが書き込んだ${count}件には、まだハッシュがありません。`,
  tooOld: (count) => `指定されたヘッドのうち${count}件は、保存されている記録より古いため、比較できません。`,
  head: (head) => `ヘッド: ${head}`,
  advice:
    'このマシンの所有者は、記録全体を新しく書き直すことができます。それは、別のマシンに保管したヘッドとの比較でだけ分かります: flm audit verify --head HEAD',
  problems: {
    moment: (flag) =>
      `${flag}には、2026-11-01などの日付、2026-11-01T14:00Zなどの日時、または7dなどの期間を指定してください。`,
    emptyRange: '期間が空です。--sinceには、--untilより前の日時を指定してください。',
    limit: (most) => `--limitには、1から${most}までの数を指定してください。`,
    head: (given) =>
      `--headには、changes_12_v1_9f86...のような監査ログのヘッドを指定してください（指定値: ${given}）。`,
    noHeads: (file) => `${file}には、監査ログのヘッドがありません。`,
  },
};
