/**
 * Wrong settings of the relay.
 *
 * @module
 */
import { metricsForm, noListenPort, relay, token, usage } from "./rows.ts";
import type { Row } from "./rows.ts";

const inFile = (name: string, line: number): string => `Cannot configure the relay: FOLDER/${name}:${line}:`;

export const relayRows: readonly Row[] = [
  {
    command: "relay --listen [::1]:0",
    line: "Cannot configure the relay: APPORTION_RELAY_TOKEN: found nothing, expected the token of the relay, here, in a tokenFile or in the systemd credential relay-token",
  },
  {
    command: `${relay} --config FOLDER/none.toml`,
    line: "Cannot configure the relay: FOLDER/none.toml: found no such file, expected a readable file",
  },
  {
    command: `${relay} --config FOLDER/folder`,
    line: "Cannot configure the relay: FOLDER/folder: found a folder, expected a readable file",
  },
  {
    command: `${relay} --config FOLDER/unknown.toml`,
    line: `${inFile("unknown.toml", 3)} queue.lenght: found an unknown name, expected one of length, octets, deadlineMs, receiveBufferOctets`,
  },
  {
    command: `${relay} --config FOLDER/text.pem.toml`,
    line: `${inFile("text.pem.toml", 2)} allocator.certificateFile: found no certificate that can be read, expected PEM`,
  },
  {
    command: `${relay} --config FOLDER/text.key.toml`,
    line: `${inFile("text.key.toml", 3)} allocator.keyFile: found no private key that can be read, expected PEM`,
  },
  {
    command: `${relay} --config FOLDER/text.ca.toml`,
    line: `${inFile("text.ca.toml", 2)} allocator.caFile: found no certificate that can be read, expected PEM`,
  },
  {
    command: "relay check FOLDER/other.key.toml",
    line: `${inFile("other.key.toml", 3)} allocator.keyFile: found the key of another certificate, expected that of certificateFile`,
  },
  {
    command: `${relay} --config FOLDER/no.pem.toml`,
    line: `${inFile("no.pem.toml", 2)} allocator.certificateFile: found no such file, expected a readable file at FOLDER/none.pem`,
  },
  {
    command: `${relay} --config FOLDER/no.key.toml`,
    line: `${inFile("no.key.toml", 1)} allocator: found one of certificateFile and keyFile, expected both or neither`,
  },
  {
    command: `relay APPORTION_RELAY_TOKEN=${token} --listen [::1]:65536`,
    line: 'Cannot configure the relay: --listen: found "65536", expected a whole number of 0 to 65535',
  },
  { command: `relay APPORTION_RELAY_TOKEN=${token} --listen [::1]:abc`, line: noListenPort },
  {
    command: `${relay} --http 127.0.0.1:65536`,
    line: 'Cannot configure the relay: --http: found "127.0.0.1:65536", expected a port of 0 to 65535',
  },
  {
    command: `${relay} --http 127.0.0.1:abc`,
    line: `Cannot configure the relay: --http: found "127.0.0.1:abc", ${metricsForm}`,
  },
  {
    command: `${relay} --config FOLDER/metrics.toml`,
    line: `${inFile("metrics.toml", 2)} metrics.listen: found "127.0.0.1:abc", ${metricsForm}`,
  },
  {
    command: "relay check FOLDER/port.toml",
    line: `${inFile("port.toml", 3)} listeners.0.port: found 65536, expected a whole number of 0 to 65535`,
  },
  {
    command: "relay check FOLDER/broken.toml",
    line: "Cannot configure the relay: FOLDER/broken.toml:2:9: found Invalid TOML document: invalid value, expected TOML",
  },
  {
    command: "relay check FOLDER/twice.toml",
    line: `${inFile("twice.toml", 4)} listeners.1: found [0::1]:9, which listeners.0 has too, expected each address and port once`,
  },
  {
    command: "relay check FOLDER/url.toml",
    line: `${inFile("url.toml", 2)} allocator.urls.0: found "http://a:1/v1/relay", expected "http://a:1": the relay adds /v1/relay to it`,
  },
  {
    command: "relay check FOLDER/level.toml",
    line: `${inFile("level.toml", 2)} log.level: found "loud", expected ("debug" | "info" | "warn" | "error" | "silent")`,
  },
  {
    command: `relay APPORTION_RELAY_TOKEN=${token} --interface none0`,
    line: "Cannot listen on [ff02::1:2%none0]:547: found no interface none0 (EINVAL), expected --interface, --listen or listeners to name an interface of this host",
    code: 1,
  },
  {
    command: `relay APPORTION_RELAY_TOKEN=${token} --listen [fe80::1%none0]:547`,
    line: "Cannot listen on [fe80::1%none0]:547: found no interface none0 (EINVAL), expected --interface, --listen or listeners to name an interface of this host",
    code: 1,
  },
  {
    command: "apportion start --http 127.0.0.1:0 --database file:FOLDER/a5.db --interface none0",
    line: "Cannot listen on [ff02::1:2%none0]:547: found no interface none0 (EINVAL), expected --interface, --listen or listeners to name an interface of this host",
    code: 1,
  },
  {
    command: `relay APPORTION_RELAY_TOKEN=${token} --interface a/b`,
    line: 'Cannot configure the relay: --interface: found "a/b", expected the name of an interface',
  },
  {
    command: `relay APPORTION_RELAY_TOKEN=${token} --listen [::]:9`,
    line: 'Cannot configure the relay: --listen: found "::", expected an address of this host, or an interface: answers leave from the address that received the query',
  },
  {
    command: `relay APPORTION_RELAY_TOKEN=${token} --listen [::1]:UDP`,
    line: "Cannot listen on [::1]:UDP: bind EADDRINUSE ::1:UDP, expected an address and port that no other socket uses; a socket on [::] uses every address: to move to [::] or away from it on the same port, restart the relay",
    code: 1,
  },
  {
    command: `${relay} --allocator 127.0.0.1:1`,
    line: 'Cannot configure the relay: --allocator: found "127.0.0.1:1", expected "https://HOST" or "http://HOST"',
  },
  {
    command: `${relay} APPORTION_ALLOCATOR_URL=http://a/v1/relay/`,
    line: 'Cannot configure the relay: APPORTION_ALLOCATOR_URL: found "http://a/v1/relay/", expected "http://a": the relay adds /v1/relay to it',
  },
  {
    command: `${relay} LOG_LEVEL=loud`,
    line: 'Cannot read the command line: LOG_LEVEL: found "loud", expected one of debug, info, warn, error, silent',
  },
  {
    command: "relay --listen [::1]:0 --token-file FOLDER/none",
    line: "Cannot configure the relay: --token-file: found no such file, expected a readable file at FOLDER/none",
  },
  {
    command: "relay --listen [::1]:0 --token-file FOLDER/folder",
    line: "Cannot configure the relay: --token-file: found a folder, expected a readable file at FOLDER/folder",
  },
  {
    command: "relay --listen [::1]:0 --token-file FOLDER/short.token",
    line: "Cannot configure the relay: --token-file: found 5 characters, expected 16 or more",
  },
  {
    command: `${relay} --listn x`,
    line: `${usage} --listn: found an unknown flag, expected --listen, or another that --help lists`,
  },
  {
    command: `${relay} --policy any`,
    line: `${usage} --policy: found "any", expected one of priority, spread`,
  },
  {
    command: `${relay} --http 127.0.0.1:TCP`,
    line: "Cannot listen on 127.0.0.1 port TCP: found listen EADDRINUSE: address already in use 127.0.0.1:TCP, expected --http or metrics.listen to name an address of this host and a free port",
    code: 1,
  },
  {
    command: "relay status --status-socket=",
    line: `${usage} --status-socket: found "", expected the path of a socket`,
  },
  {
    command: "relay status --status-socket FOLDER/none.sock",
    line: "Cannot read the status of the relay at FOLDER/none.sock: found connect ENOENT FOLDER/none.sock, expected a relay that runs with this --status-socket or status.socket",
    code: 3,
  },
  {
    command: `${relay} --pcap FOLDER/none/a.pcap`,
    line: "Cannot capture to FOLDER/none/a.pcap: found ENOENT: no such file or directory, open 'FOLDER/none/a.pcap', expected --pcap or capture.file to name a new file, or a capture, that this user may write",
  },
  {
    command: `${relay} --pcap FOLDER/text.db`,
    line: "Cannot capture to FOLDER/text.db: found FOLDER/text.db, which is not a capture, expected --pcap or capture.file to name a new file, or a capture, that this user may write",
  },
  {
    command: `${relay} --status-socket FOLDER/text.db`,
    line: "Cannot listen on FOLDER/text.db: found a file that is not a socket, expected --status-socket or status.socket to name a new one",
  },
];
