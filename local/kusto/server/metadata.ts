/** The public cloud's sign-in facts, which clients compare with and fall back to. */
const PUBLIC_CLOUD = {
  LoginEndpoint: 'https://login.microsoftonline.com',
  LoginMfaRequired: false,
  KustoClientAppId: 'db662dc1-0cfe-4e1c-a843-19a68e65be58',
  KustoClientRedirectUri: 'https://microsoft/kustoclient',
  KustoServiceResourceId: 'https://kusto.kusto.windows.net',
  FirstPartyAuthorityUrl: 'https://login.microsoftonline.com/f8cdef31-a31e-4b4a-93e4-5f571e91255a',
};

/** Body of `GET /v1/rest/auth/metadata`; tests may send sign-ins to a server of their own. */
export function cloudMetadata(loginEndpoint?: string): object {
  return {
    AzureAD: { ...PUBLIC_CLOUD, ...(loginEndpoint !== undefined && { LoginEndpoint: loginEndpoint }) },
  };
}
