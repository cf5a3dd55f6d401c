/** Texts of `flm doctor`. */
import type { CliCatalogue } from '../catalogue.ts';

export const doctor: CliCatalogue['doctor'] = {
  about:
    'このマシンのflmの問題と、それを解決するコマンドを表示します。終了ステータスは、エラーか警告があれば1、なければ0です',
  bundle:
    'シークレットを含まないサポート用ファイルも作成します（バージョン、診断結果、設定、状態、最近のログ）',
  bundled: (file) =>
    `サポート用ファイル: ${file}。送信する前に内容を確認してください。エンジン、モデル、ドメイン、アドレスの名前が含まれます。`,
  waiting: 'プロキシとエンジンの応答を待っています...',
  checks: {
    data: 'データフォルダーとディスク',
    database: 'データベース',
    backups: '定期バックアップ',
    limits: '共有の制限',
    clock: '時計',
    proxies: 'プロキシ',
    certificates: '証明書',
    engines: 'エンジン',
    exposure: '外部から見たエンジン',
    policy: 'ポリシーとキー',
    versions: 'バージョン',
  },
  states: {
    ok: '正常',
    skipped: '未確認',
    notice: '注意',
    warning: '警告',
    error: 'エラー',
  },
  summary: (errors, warnings, notices) => {
    const noted = notices === 0 ? '' : `（注意${notices}件）`;
    return errors + warnings === 0
      ? `問題はありません${noted}。`
      : `エラー${errors}件、警告${warnings}件${noted}。`;
  },
};
