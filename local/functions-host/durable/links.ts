/** Path of the management API. */
const WEBHOOK_PATH = '/runtime/webhooks/durabletask';
/** Path of the plain form the client library uses on the same machine. */
const RPC_PATH = '/durabletask';

/** Where a hub is reached. */
export interface HubAddress {
  origin: string;
  hubName: string;
  connectionName: string;
}

/** The query every management address carries; the local host asks for no key. */
function query(address: HubAddress): string {
  return `taskHub=${address.hubName}&connection=${address.connectionName}`;
}

/** The management addresses of one instance. */
export function managementUrls(address: HubAddress, instanceId: string, encoded = false) {
  const id = encoded ? instanceId : encodeURIComponent(instanceId);
  const base = `${address.origin}${WEBHOOK_PATH}/instances/${id}`;
  const tail = query(address);
  return {
    id: instanceId,
    statusQueryGetUri: `${base}?${tail}`,
    sendEventPostUri: `${base}/raiseEvent/{eventName}?${tail}`,
    terminatePostUri: `${base}/terminate?reason={text}&${tail}`,
    rewindPostUri: `${base}/rewind?reason={text}&${tail}`,
    purgeHistoryDeleteUri: `${base}?${tail}`,
    restartPostUri: `${base}/restart?${tail}`,
    suspendPostUri: `${base}/suspend?reason={text}&${tail}`,
    resumePostUri: `${base}/resume?reason={text}&${tail}`,
  };
}

/** Stands for the instance id in the addresses of the client binding. */
const PLACEHOLDER = 'INSTANCEID';

/** The data of a durable client binding. */
export function clientBinding(address: HubAddress) {
  const base = `${address.origin}${WEBHOOK_PATH}`;
  const create = `${base}/orchestrators/{functionName}[/{instanceId}]?${query(address)}`;
  return {
    taskHubName: address.hubName,
    creationUrls: {
      createNewInstancePostUri: create,
      createAndWaitOnNewInstancePostUri: `${create}&timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}`,
    },
    managementUrls: managementUrls(address, PLACEHOLDER, true),
    baseUrl: base,
    requiredQueryStringParameters: query(address),
    rpcBaseUrl: `${address.origin}${RPC_PATH}/`,
  };
}
