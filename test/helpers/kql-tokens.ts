import { createRequire } from 'node:module';

interface SyntaxToken {
  readonly Text: string;
  readonly ValueText: string;
  GetNextToken(): SyntaxToken | null;
}

interface Language {
  readonly KustoCode: { Parse(text: string): { readonly Syntax: { GetFirstToken(): SyntaxToken | null } } };
}

let language: Language | undefined;

/** The values of the tokens of a query text, as the service's own published parser reads them. */
export function kqlTokens(text: string): string[] {
  if (language === undefined) {
    const load = createRequire(import.meta.url);
    load('@kusto/language-service-next/bridge.min.js');
    load('@kusto/language-service-next/Kusto.Language.Bridge.min.js');
    language = (globalThis as unknown as { Kusto: { Language: Language } }).Kusto.Language;
  }
  const values: string[] = [];
  for (
    let token = language.KustoCode.Parse(text).Syntax.GetFirstToken();
    token;
    token = token.GetNextToken()
  ) {
    if (token.Text !== '') values.push(token.ValueText);
  }
  return values;
}
