/**
 * The DHCPv6 code numbers that this project uses (IANA dhcpv6-parameters).
 *
 * @module
 */

/** UDP port that clients listen on (RFC 8415 §7.2). */
export const clientPort = 546;
/** UDP port that servers and relays listen on (RFC 8415 §7.2). */
export const serverPort = 547;

/** Message types. */
export const MessageType6 = {
  advertise: 2,
  reply: 7,
  reconfigure: 10,
  informationRequest: 11,
  relayForward: 12,
  relayReply: 13,
  dhcpv4Query: 20,
  dhcpv4Response: 21,
} as const;

/** Option codes. */
export const OptionCode6 = {
  clientIdentifier: 1,
  serverIdentifier: 2,
  iaNa: 3,
  iaTa: 4,
  optionRequest: 6,
  relayMessage: 9,
  interfaceId: 18,
  iaPd: 25,
  informationRefreshTime: 32,
  remoteId: 37,
  subscriberId: 38,
  echoRequest: 43,
  clientLinkLayerAddress: 79,
  dhcpv4Message: 87,
  dhcp4o6Server: 88,
  s46Br: 90,
  s46V4V6Bind: 92,
  s46PortParams: 93,
  s46ContLw: 96,
  relayPort: 135,
  s46BindIPv6Prefix: 137,
} as const;
