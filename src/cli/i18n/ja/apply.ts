/** Texts of `flm apply` and `flm export`. */
import type { CliCatalogue } from '../catalogue.ts';

export const apply: CliCatalogue['apply'] = {
  summary: 'ファイルの内容どおりに設定します',
  description:
    'キー、ポリシー、プロファイル、エンジン、別名をファイルの内容どおりに設定します。ファイルに書かれていないセクションは変わりません。同じファイルをもう一度適用しても何も変わりません。',
  options: {
    file: '適用するYAMLまたはJSONファイル（-は標準入力）',
    dryRun: '変更内容を表示するだけで、何も変更しません',
    prune:
      '以前のファイルに書かれていて今回のファイルにないものを、今回のファイルにあるセクションから削除します（キーは失効させます）',
    yes: '自分のアドレスやすべてのキーを拒否するポリシーでも適用します',
    schema: 'ファイルのJSON Schemaを表示します（エディター用）',
  },
  exportSummary: '設定全体をファイルの形で表示します',
  exportDescription:
    '設定全体を`flm apply`用のファイルの形で表示します。キーはダイジェストで表示されるため、ファイルにシークレットは含まれません。',
  noFile: 'ファイルを指定してください: flm apply -f FILE',
  columns: { kind: '種類', name: '名前', change: '変更' },
  kinds: {
    policy: 'ポリシー',
    profile: 'プロファイル',
    key: 'キー',
    engine: 'エンジン',
    alias: '別名',
  },
  changes: {
    create: () => '作成しました',
    change: (fields) => `変更しました: ${fields}`,
    rotate: () => '新しいシークレットに替え、古いものを失効させました',
    remove: () => '削除しました',
    revoke: () => '失効させました',
  },
  planned: {
    create: () => '作成されます',
    change: (fields) => `変更されます: ${fields}`,
    rotate: () => '新しいシークレットに替わり、古いものは失効します',
    remove: () => '削除されます',
    revoke: () => '失効します',
  },
  unchanged: (count) => `${count}件はすでにファイルの内容どおりです。`,
  nothing: '変更はありませんでした。',
  nothingPlanned: '変更されるものはありません。',
  warnings: {
    revoked: (label) =>
      `キー${label}は失効済みのため、失効したままです。新しいシークレットを指定するか、この項目を削除してください。`,
    rotated: (label) =>
      `キー${label}には、ファイルより新しいシークレットがあります（flm key rotate）。新しいダイジェストをファイルに書いてください: flm export`,
    expired: (label) =>
      `キー${label}は期限切れのため、作成しませんでした。expiresAtを変更するか、この項目を削除してください。`,
  },
  keepsSettings: (id) =>
    `${id}は古い設定のまま動いています。新しい設定を適用するには: \`flm proxy restart ${id}\``,
};
