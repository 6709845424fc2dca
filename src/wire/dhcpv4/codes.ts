/**
 * The DHCPv4 code numbers that this project uses (RFC 2132, IANA bootp-dhcp-parameters).
 *
 * @module
 */

/** Values of `op` (RFC 951): clients send BOOTREQUEST, servers send BOOTREPLY. */
export const bootRequest = 1;
export const bootReply = 2;

/** The broadcast bit of `flags` (RFC 2131 §2). */
export const broadcastFlag = 0x8000;

/** Hardware type of Ethernet, in `htype` and in a DUID-LL. */
export const ethernet = 1;

/** Message types: the values of option 53. */
export const MessageType = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const;

/** Option codes. */
export const OptionCode = {
  pad: 0,
  subnetMask: 1,
  routers: 3,
  domainNameServers: 6,
  domainName: 15,
  interfaceMtu: 26,
  requestedAddress: 50,
  leaseTime: 51,
  overload: 52,
  messageType: 53,
  serverIdentifier: 54,
  parameterRequestList: 55,
  message: 56,
  maxMessageSize: 57,
  renewalTime: 58,
  rebindingTime: 59,
  vendorClassIdentifier: 60,
  clientIdentifier: 61,
  rapidCommit: 80,
  v6OnlyPreferred: 108,
  softwireSourceAddress: 109,
  captivePortal: 114,
  portParams: 159,
  end: 255,
} as const;
