/**
 * Every bound that this project sets, with its unit and the reason for its size.
 * A bound that an RFC sets is defined in the codec that enforces it.
 *
 * @module
 */

/** Octets in the body of one `POST /v1/relay`: 256 frames of the usual 350 octets take 90 KiB, plus a tenfold margin. */
export const relayBodyOctetsMax = 1024 * 1024;

/**
 * Octets of the DHCPv4 message in an answer, whatever option 57 allows: five times what every client accepts, and more
 * than the settings of any access network take. Settings that do not fit are left out.
 */
export const answerOctetsMax = 3072;

/**
 * Octets by which an answer may be longer than its question: its DHCPv4 message, and the DHCPv6 options beside it. A
 * relay puts into one POST only frames whose answers surely fit in {@link relayBodyOctetsMax}.
 */
export const answerGrowthOctetsMax = answerOctetsMax + 512;

/** Frames in the body of one `POST /v1/relay`: four of our relay's largest batches. */
export const relayFramesMax = 1024;

/** Frames that our relay puts into one POST: above 256 the cost per frame stops falling, but the latency still grows. */
export const relayBatchFramesMax = 256;

/**
 * Levels of RELAY-FORW that a decoder follows. RFC 8415 §19.1.2 allows hop-counts 0 to 8, which is nine levels. The
 * margin lets a decoder count the level of a further relay instead of rejecting its message as malformed.
 */
export const relayLevelsMax = 16;

/** Octets of one DHCPv6 message: the length field of a frame has 16 bits (RFC 5460 §5.1). */
export const messageOctetsMax = 0xffff;

/** Options in one DHCPv6 message at one level; real messages have fewer than ten. Limits the work per datagram. */
export const optionsPerMessageMax = 64;

/**
 * Slots that one batch may skip at a pool's cursor because they were already granted on request. Each slot is skipped
 * only once. A batch that meets more of them leaves clients to the next round, so that it does not hold the write lock
 * for long.
 */
export const offerSkipMax = 64;

/**
 * Octets of a relay's identifier of a line (options 18, 37, 38) that stand in a key as they are. Longer identifiers are
 * compared by their SHA-256, so that no key becomes long. Real identifiers have 8 to 64 octets.
 */
export const siteIdentifierOctetsMax = 128;

/** Leases of one site when its domain sets `siteBy` but no limit: a home has a few routers, and some are replaced. */
export const siteLeasesDefault = 16;

/**
 * Octets of option 61. Every answer repeats the whole option, and 254 octets are what a lease leaves free in the
 * smallest message that every client must accept (548 octets). Real identifiers have 15 to 135.
 */
export const clientIdentifierOctetsMax = 254;

/** The same for a client that wants Rapid Commit: option 80 takes two octets more of its ACK. */
export const rapidCommitIdentifierOctetsMax = clientIdentifierOctetsMax - 2;

/**
 * Rounds that one POST may take. A message waits for the next round if an earlier one of the batch is from the same
 * client or asks for the same pair. Messages left after the last round get no answer; their clients retransmit.
 */
export const batchRoundsMax = 4;

/** Slots tried for a client that requests an address without naming a port set (A8). */
export const wantedSlotsMax = 64;

/**
 * Octets of one relay option that are stored with a lease; longer options are not stored. Real identifiers have at most
 * 255; a level has up to four of them, and each lease and tenure keeps up to two relay paths.
 */
export const evidenceOctetsMax = 1024;

/** Sockets of one relay: the Interface-Id has one octet for the socket's number. A BNG host has a handful of links. */
export const relayListenersMax = 256;

/** POSTs that a relay may have in flight: three keep an allocator busy through its syncs; more only shrink batches. */
export const relayPostsInFlightMax = 16;

/**
 * A POST begins beside others only when it is full, or when its oldest datagram has waited so many milliseconds. Each POST
 * costs the allocator a transaction, and a file runs one after the other anyway. With 512 exchanges in flight, POSTs of
 * 64 or more datagrams beside others took 1.4 times the CPU time of full ones.
 */
export const relayGatherMsMax = 10;

/** DISCOVERs come first in every so many POSTs of a relay whose clients also send other messages. */
export const relayDiscoversTurn = 4;

/**
 * Milliseconds between the oldest DISCOVER and the oldest other message up to which they share a POST. Its allocator
 * takes all messages for as old as the oldest, and a RELEASE that looks older than its client's lease does not end it.
 */
export const relayArrivalSpreadMsMax = 50;

/** Datagrams that may wait in a relay: waiting for 10 s helps no client. */
export const relayQueueLengthMax = 262_144;

/**
 * Octets that are allocated at once for messages (`allocateOctets`): some 60 answers. A single message that is still kept
 * keeps them all, so more would waste memory.
 */
export const slabOctets = 64 * 1024;

/** Octets that may wait in a relay: the memory that a storm may use. */
export const relayQueueOctetsMax = 256 * 1024 * 1024;

/** Milliseconds after which an answer is useless. Clients retransmit after 3 s to 64 s (RFC 2131 §4.1). */
export const relayDeadlineMsMax = 60_000;

/** Octets of a socket's receive buffer: room for a storm of 10,000 datagrams while the process is busy. */
export const relayReceiveBufferOctets = 4 * 1024 * 1024;

/** Octets of a receive buffer that may be requested; the kernel grants at most `net.core.rmem_max`. */
export const relayReceiveBufferOctetsMax = 256 * 1024 * 1024;

/** Shortest pause in milliseconds after a failed POST: a restart of the allocator takes longer than this. */
export const relayPauseMsMin = 100;

/** Longest pause in milliseconds that a relay chooses itself: clients should not wait long once the allocator is back. */
export const relayPauseMsMax = 2000;

/** Longest pause in milliseconds that an allocator may request: a wrong Retry-After must not stop the service. */
export const relayRetryAfterMsMax = 30_000;

/** Milliseconds between two log lines that summarize what a relay or an allocator did. */
export const summaryIntervalMs = 60_000;

/** Milliseconds between two checks of the interfaces of a relay's host: clients retransmit after 3 s at the earliest. */
export const linkCheckIntervalMs = 1000;

/** DHCPv6 servers that a relay forwards each message to: limits how many copies one message causes. */
export const relayServersMax = 16;

/** Addresses in one option of the relay's Reply to an Information-Request: the Reply must fit in one packet. */
export const informationAddressesMax = 16;

/** Octets of a zone in an Interface-Id: on Linux, interface names have at most 15. */
export const zoneOctetsMax = 15;

/** Doublings of a client's retransmission delay: from 4 s to at most 64 s (RFC 2131 §4.1). */
export const retransmissionDoublingsMax = 4;

/** Offers that a client keeps while it waits for more: more than the servers of any link. */
export const gatheredOffersMax = 16;

/** Largest timeout of a client command in seconds: an hour is longer than anyone would wait. */
export const clientTimeoutSecondsMax = 3600;

/** Shortest delay in seconds before the client retransmits: a server across a continent answers sooner. */
export const clientRetransmitSecondsMin = 0.05;

/** Longest delay in seconds before the client's first retransmission: delays in RFC 2131 §4.1 end at 64 s. */
export const clientRetransmitSecondsMax = 64;

/** Longest time in seconds that the client waits for more offers: by default, servers hold an offer for 60 s. */
export const clientOfferWaitSecondsMax = 60;

/** Port ranges of a lease that the client prints in full: more would not help a reader. */
export const portRangesShownMax = 8;

/** Octets of the client's lease file: some thousand leases. Limits what is read into memory. */
export const clientStateOctetsMax = 1024 * 1024;

/** Milliseconds between two tries of a client to lock its lease file, which another client writes within a few. */
export const clientLockRetryMs = 10;

/** Tries after which the lock must be that of a process that was killed: 2 s. */
export const clientLockTries = 200;

/** Source addresses whose octets a relay caches to avoid parsing them again; each entry takes about 100 octets. */
export const relayPeersMax = 4096;

/** Octets of one DHCP option that an operator configures: more would not fit in any answer. */
export const configuredOptionOctetsMax = 255;

/** Addresses in one DHCP option that an operator configures: clients use only the first few, and each takes 4 octets. */
export const configuredAddressesMax = 16;

/** Names in the search list (option 119): resolvers try all of them in turn. */
export const searchDomainsMax = 16;

/** Routes in option 121: they take up to 9 octets each, so 32 fit in an option that is split in two (RFC 3396). */
export const staticRoutesMax = 32;

/** DHCP options that an operator configures by code for one domain or pool: there are 254 codes, most with a name. */
export const otherOptionsMax = 64;

/** Ranges of reserved ports of one pool: each range is compared with every PSID when the pool is created. */
export const reservedPortRangesMax = 64;

/** Shortest prefix length, in bits, of a pool's range: no IPv4 allocation is larger than a /8. */
export const poolPrefixLengthMin = 8;

/** Exchanges that a load has in flight: the slot takes at most the low half of the xid, and a counter takes the rest. */
export const loadExchangesMax = 0x10000;

/** Clients of a load: the DUID and hardware address hold the client's number in 32 bits. */
export const loadClientsMax = 2 ** 32;

/** Sockets that a load sends from: the operating system picks a port for each, and a few spread the receiving work. */
export const loadSocketsMax = 64;

/** Transmissions of one message in a load: with a doubling delay, ten take a thousand times the first delay. */
export const loadTriesMax = 10;

/** Milliseconds between two bursts of RELEASEs in a load: no answers set the pace, and sockets need time to send. */
export const loadReleasePauseMs = 10;

/** Octets of the receive buffer of each socket of a load: room for some thousand answers at once. */
export const loadReceiveBufferOctets = 4 * 1024 * 1024;

/** Prepared statements that a connection to a file keeps: the batch uses eight, the admin API some dozens. */
export const preparedStatementsMax = 128;

/** Milliseconds between two checks of the files of an idle database. Each use checks them too. */
export const fileWatchMs = 1000;

/**
 * Milliseconds that work waits for a database file while another process holds its lock. Other allocators hold it for
 * some 10 ms. A relay waits 2 s by default, and must get the 503 with its Retry-After before it gives up.
 */
export const fileLockWaitMsMax = 1500;

/** The same for a migration. No client waits for it, and another process may be changing large tables. */
export const fileMigrationWaitMsMax = 30_000;

/** First pause in milliseconds before a locked file is tried again: a batch of another allocator takes some 5 ms. */
export const fileLockPauseMsMin = 1;

/** Longest such pause in milliseconds. It delays work by at most this time, and costs 40 attempts a second. */
export const fileLockPauseMsMax = 25;

/** Pieces of work that may wait for the lock of one file: more than relays and operators have in flight. */
export const fileWaitersMax = 1024;

/**
 * Frames of the write-ahead log between two checkpoints. With 1,000 frames, a checkpoint takes less than 20 ms. A longer
 * log needs fewer checkpoints, but each delays the answers for longer.
 */
export const walCheckpointPages = 1000;

/** Octets of a file of variables for a service: some thousand lines. Limits what is read into memory. */
export const environmentFileOctetsMax = 1024 * 1024;

/** Octets of a file with a token, a key or certificates: the certificates of all public authorities take 250 KiB. */
export const secretFileOctetsMax = 1024 * 1024;

/** Octets of a relay's configuration file: some hundred listeners with comments. Limits what is read into memory. */
export const relayConfigOctetsMax = 1024 * 1024;

/** Allocators that a relay may be configured with: more than one for each region of a provider. */
export const relayUrlsMax = 16;

/** Largest rate limit of one source, in datagrams per second: more than the relay itself can receive. */
export const relaySourceRateMax = 1_000_000;

/** Largest burst limit of one source, in datagrams: one second at the largest rate. */
export const relayBurstMax = 1_000_000;

/** Sources whose rate is tracked; each takes about 100 octets. */
export const relaySourcesMax = 1_048_576;

/** Prefixes of sources that are exempt from the rate limit: every new source is compared with each of them. */
export const relayUnlimitedSourcesMax = 256;

/** Smallest size limit of a capture, in octets: room for some hundred exchanges; fewer would show little. */
export const relayCaptureOctetsMin = 1024 * 1024;

/** Largest size limit of a capture, in octets: the disk space one may spend to catch a rare fault. */
export const relayCaptureOctetsMax = 64 * 1024 * 1024 * 1024;

/**
 * Milliseconds that must be left before a batch's deadline to try a second allocator: several round trips between an
 * allocator and its database. With less time, the answer would come too late and the work would be wasted.
 */
export const relayFailoverMsMin = 50;

/** Milliseconds until a captured packet is written to disk: short enough to watch the file live. */
export const relayCaptureFlushMs = 500;

/** Characters of a database server's error that are logged: a proxy in front of it may answer with a whole page. */
export const databaseErrorCharactersMax = 1000;

/** Milliseconds that a libSQL server may take for one batch: a relay that waits 4 s must still get the error. */
export const databaseAnswerMsMax = 3000;

/**
 * Milliseconds after which a reading of the database's clock is stale. Two clocks drift apart by at most 5 ms in this time
 * (`clockDriftRatioMax`), and usually by less than 1 ms. By that much, a RELEASE counts as older than it is, and no client
 * releases a lease so soon after it got it. Every batch takes a new reading.
 */
export const clockReadingMsMax = 10_000;

/** Milliseconds that a libSQL server may take for one statement of a command: migrations may change millions of rows. */
export const databaseCommandMsMax = 600_000;

/** Milliseconds for the first answer of a libSQL server to a command: a server that was asleep starts within this time. */
export const databaseFirstAnswerMsMax = 10_000;

/** Milliseconds that a relay may take to tell its status over a socket of the same host. */
export const relayStatusMsMax = 5000;

/** Octets of a relay's status: some thousand listeners, allocators and untrusted relays. */
export const relayStatusOctetsMax = 4 * 1024 * 1024;

/**
 * Milliseconds for which an allocator with several databases may use its cached list of a database's domains. With one
 * database, every batch refreshes the list. With several, a batch queries only the databases it needs, so the others
 * must be refreshed to discover new domains.
 */
export const placementAgeMsMax = 1000;

/** Databases that domains can be placed on: each costs an idle allocator one request per second. */
export const placementsMax = 1024;

/**
 * Claims of one round that the database may refuse one by one. None should be refused, so a few show a fault, and each
 * costs up to ten transactions.
 */
export const refusedClaimsMax = 8;

/**
 * Milliseconds after which a batch for several databases is answered without those that have not answered. A relay waits
 * 2 s by default, and then takes the allocator for unavailable, to the clients of all databases.
 */
export const placementWaitMsMax = 1200;

/**
 * Milliseconds for which a committed batch shows that the next one can be committed too. A readiness check later than
 * that commits an empty batch.
 */
export const readyCommitMsMax = 1000;

/** Requests to a libSQL server that an instance may have in flight: far more than relays cause with a few POSTs each. */
export const databaseRequestsMax = 1024;

/** Connections of one process to a libSQL server: it has one writer, so more connections would only wait there. */
export const databaseConnectionsMax = 16;

/**
 * Milliseconds for which an allocator caches the look-up of a token, valid or not. The cache avoids a look-up for every
 * POST of a relay, and a revoked token is rejected everywhere within this time.
 */
export const tokenCacheMs = 5000;

/** The most domains without rows whose reasons a refusal of a binding table repeats. */
export const leftOutShownMax = 10;

/**
 * Milliseconds for which a token that was valid may still read `/metrics` while the database is away, so that a monitor
 * sees the outage: longer than a night. Nothing else accepts it, and the next look-up that succeeds ends it.
 */
export const tokenKeptAwayMs = 24 * 3600 * 1000;

/**
 * Tokens that an allocator caches, valid ones and unknown ones apart: more than an operator has relays, at about 300
 * octets each.
 */
export const tokenCacheSize = 1024;

/**
 * Tokens that may wait for the next look-up, which takes all of them in one statement. It has two arguments for each;
 * SQLite allows 32,766.
 */
export const tokensWaitingMax = 1024;

/**
 * Of these, tokens that one address, or the addresses of one /64, may have waiting: more than the relays behind one
 * address that start together, and little enough that sixteen addresses have to guess before others find no place.
 */
export const tokensWaitingOfGroupMax = 64;

/**
 * Milliseconds between two look-ups of tokens while too many unknown ones are presented: a flood costs a database ten
 * statements a second, and a relay with a good token, which waits 2 s by default, still gets through.
 */
export const tokenPauseMs = 100;

/** Different unknown tokens that one address may present within {@link authFailureWindowMs}. A person mistypes fewer. */
export const authFailuresMax = 20;

/**
 * Different unknown tokens that all addresses together may present within {@link authFailureWindowMs}: as many as ten
 * addresses may present, and more than the relays that may still use an old token.
 */
export const authFailuresTotalMax = 200;

/** Milliseconds over which unknown tokens are counted. */
export const authFailureWindowMs = 60_000;

/** Addresses whose failures are counted, at 200 octets to 2 kB each. */
export const authFailureAddressesMax = 4096;

/** Bits of an IPv6 address by which failures are counted: a site has at least a /64, with any number of addresses. */
export const authFailurePrefixBits = 64;

/** Prefixes of trusted proxies: more than anyone lists by hand. */
export const trustedProxiesMax = 64;

/** Proxies between a client and an allocator that are followed: usual are one or two. */
export const forwardedHopsMax = 16;

/**
 * Milliseconds after which shared work on a database counts as lost, and may be started again: longer than any database
 * may take. On Workers, work never ends if the request that started it was cancelled.
 */
export const sharedWorkMsMax = 10_000;

/**
 * Milliseconds for which requests to `/readyz` share the result of a check. The relay and load balancers ask once a
 * second at most.
 */
export const readinessKeptMs = 1000;

/** Milliseconds that a request to `/readyz` waits for a check: a relay waits 2 s by default. */
export const readinessWaitMsMax = 1500;

/**
 * Connections that an allocator on Node has at the same time: three hundred relays need three each. A process usually
 * has 1,024 descriptors, and the rest is for database and log. A connection too many is closed at once.
 */
export const httpConnectionsMax = 960;

/** Milliseconds in which the headers of a request must arrive: a sender that is slower holds a connection for nothing. */
export const httpHeadersMsMax = 10_000;

/** Milliseconds in which a whole request must arrive: a declared state of 8 MiB over 2 Mbit/s takes 34 s. */
export const httpRequestMsMax = 60_000;

/** Milliseconds between two looks for requests that take too long. */
export const httpCheckMs = 1000;

/**
 * Milliseconds that requests in progress have when an allocator stops: more than a database may take for one answer, and
 * less than service managers wait before they kill a process.
 */
export const httpGraceMs = 5000;

/** Milliseconds between two looks for idle connections while an allocator stops. */
export const httpIdleCheckMs = 50;

/** Milliseconds that a client has to read the answer to a request that could not be read, before its connection ends. */
export const httpLingerMs = 1000;

/** Octets in the body of a request to the admin API, except a declared state. A domain with 65,536 lines is larger. */
export const adminBodyOctetsMax = 1024 * 1024;

/** Octets of a declared state: room for a thousand domains and some ten thousand lines or reservations. */
export const configBodyOctetsMax = 8 * 1024 * 1024;

/** Items on a page of a list when the request sets no limit. */
export const pageItemsDefault = 100;

/** Largest number of items on a page of a list: even a page of the largest items stays below a few megabytes. */
export const pageItemsMax = 1000;

/**
 * Octets of stored JSON on a page of domains or changes: a domain with many lines takes megabytes. A page ends before the
 * item with which it would have more, unless that is its first.
 */
export const pageOctetsMax = 4 * 1024 * 1024;

/**
 * Port ranges of one port set in a list, with which a page of leases takes some megabytes. Offsets up to 6 have no more
 * of them; a port set of offset 15 has 32,767.
 */
export const listedPortRangesMax = 64;

/** Port ranges of one port set in a look-up, of which 32 tenures may have one each. */
export const lookupPortRangesMax = 1024;

/** Characters of a list's cursor: a position is two names or numbers, which take about 200 as base64url. */
export const cursorCharactersMax = 512;

/** Characters of a filter of the audit record: names have at most 63. */
export const auditWordCharactersMax = 64;

/** Characters of an invalid value that the error of a field repeats: enough to recognize it. */
export const fieldFoundCharactersMax = 100;

/** Characters of a text that an error repeats when it cannot be parsed: a sender may have made it very long. */
export const unparsedCharactersMax = 40;

/** Characters of a name that an error repeats: real names have 63 at most. */
export const nameShownCharactersMax = 64;

/** Faults of a request or file that an error lists, with the number of further ones. More would not be read. */
export const faultsShownMax = 20;

/** PSIDs of all pools of a declared state: allocators keep them in memory, with two octets each. */
export const declaredPsidsMax = 16_777_216;

/** Faults of one list that are looked for: a request could have a million, at a microsecond and 500 octets each. */
export const faultsCountedMax = 1000;

/** Items of a list that are checked without a pause: some milliseconds, or longer if each has faults. */
export const listSliceItems = 256;

/** Pools that are checked without a pause: reserved ports are compared with up to 65,536 PSIDs, for a millisecond. */
export const poolSliceItems = 16;

/** Characters of the path of a fault: a sender may have made the name of a field very long. */
export const faultPathCharactersMax = 200;

/** Characters of a message about a fault that are searched for what was found and expected. */
export const faultMessageCharactersMax = 1000;

/** Names of obstacles that a refusal lists: a longer list would not help its reader. */
export const namesShownMax = 10;

/** Seconds without a sign of the allocator after which `apportion admin` gives up: the largest changes take some ten. */
export const adminSilenceSeconds = 60;

/** Shortest such time in seconds: an allocator across a continent answers sooner. */
export const adminSilenceSecondsMin = 0.1;

/** Longest such timeout in seconds. */
export const adminSilenceSecondsMax = 3600;

/** Octets of a JSON answer that `apportion admin` reads: many times the size of a page of 1,000 leases. */
export const adminAnswerOctetsMax = 64 * 1024 * 1024;

/** Seconds for which the old secret of a rotated token may stay valid: a month, enough to update all relays. */
export const tokenOverlapSecondsMax = 2_592_000;

/** Aliases of a YAML document that are followed: an alias may stand for a large value, and many are an attack on memory. */
export const yamlAliasesMax = 100;

/**
 * Characters of a declared state in YAML that a request may send: some 3,000 lines. Reading YAML takes a hundred times as
 * long as JSON, for which {@link configBodyOctetsMax} is the only bound.
 */
export const yamlBodyCharactersMax = 128 * 1024;

/** Tokens of the same: the document is built from them in one step of some 50 ms. */
export const yamlBodyTokensMax = 65_536;

/** Tokens that are read between two possible pauses: about a millisecond. */
export const yamlPauseTokens = 500;

/** Items that are written as YAML between two possible pauses: some 10 ms. */
export const yamlSliceItems = 128;

/** Characters of a field's value in a plan. A longer list is described by its number of items. */
export const differenceCharactersMax = 1000;

/** Characters of JSON that are searched for repeated fields between two possible pauses: about a millisecond. */
export const jsonPauseCharacters = 100_000;

/** Nesting of JSON and YAML: a declared state nests six levels deep, and the call stack is limited. */
export const textDepthMax = 32;

/** Values of a YAML document with its aliases replaced by what they stand for: as many as 8 MiB of JSON has. */
export const yamlValuesMax = 1_000_000;

/** Seconds after which a relay may try again when the database cannot be reached: short, because most faults are. */
export const databaseRetryAfterSeconds = 1;

/** Domains of one database: allocators keep all of them, and their indexes, in memory. */
export const domainsMax = 1024;

/** Pools of one domain. */
export const poolsPerDomainMax = 1024;

/** Prefixes of one domain: allocators keep all of them in an index in memory. */
export const domainPrefixesMax = 1024;

/** Border relays of one domain: each takes 20 octets of an answer that has option 90. */
export const borderRelaysMax = 8;

/** Shortest lease time that a domain may grant, in seconds: with shorter leases, most messages would be renewals. */
export const leaseSecondsMin = 60;

/** Longest lease time that a domain may grant, in seconds: a year, for which a vanished client would keep its pair. */
export const leaseSecondsMax = 31_536_000;

/**
 * Shortest lease time whose answer states T1 and T2, in seconds: no client renews sooner than 60 s before an end (RFC 2131
 * §4.4.5), and T1 and T2 of a lease of one second would be 0, which means at once.
 */
export const renewalTimesLeaseSecondsMin = 60;

/** T1 in thousandths of the lease time, from and to: never later than the half that RFC 2131 §4.4.5 recommends. */
export const renewalPermilleMin = 450;
export const renewalPermilleMax = 500;

/** T2 in thousandths of the lease time, from and to: never later than the seven eighths of RFC 2131 §4.4.5. */
export const rebindingPermilleMin = 850;
export const rebindingPermilleMax = 875;

/** Seconds that an offer may be held for its client: a client that has not answered after an hour is gone. */
export const offerHoldSecondsMax = 3600;

/** Seconds that a pair may be withheld from other clients after its lease ends: more would only waste addresses. */
export const quarantineSecondsMax = 86_400;

/** Seconds that a declined pair may be withheld from all clients: a year, so that someone can investigate. */
export const declineSecondsMax = 31_536_000;

/** Longest configurable wait between two changes of a client's softwire address, in seconds: a day. */
export const softwireUpdateSecondsMax = 86_400;

/** Lines that a domain may name. */
export const linesMax = 65_536;

/** Reservations of one domain in a declared state. */
export const reservationsPerDomainMax = 65_536;

/** Nesting depth of a JSON merge patch: resources nest four levels deep, and the call stack is limited. */
export const patchDepthMax = 16;

/** Leases that one transaction ends when a pool is deleted: it holds the write lock for some 50 ms. */
export const poolDeletionStepLeases = 5000;

/** Transactions that one request to delete a pool may run; the next request deletes the rest. */
export const poolDeletionStepsMax = 200;

/**
 * Changes that one request to declare a state may make. They are one transaction, which blocks the event loop of an
 * allocator with an embedded database for some 100 ms. A file that is applied at a start may make any number.
 */
export const applyChangesMax = 2000;

/** Reservations whose obstacles one round trip reads: it takes some 20 ms on an embedded database. */
export const obstacleSliceRequests = 100;

/** Attempts to plan and apply a declared state while others change the configuration at the same time. */
export const applyAttemptsMax = 5;

/** PSIDs lost to reserved ports that the planner lists: beyond that, it only counts them. */
export const lostPsidsShownMax = 256;

/**
 * Rows that the first slice of a count reads. A pool with no more rows than this is counted in one transaction. If the
 * file is not cached in memory, each row may need a disk page, which takes some 0.1 ms.
 */
export const countSliceRowsFirst = 500;

/** Smallest number of rows in a slice: with fewer, most of the time goes into starting and ending slices. */
export const countSliceRowsMin = 100;

/** Largest number of rows in a slice, however fast they are read. */
export const countSliceRowsMax = 100_000;

/**
 * Target duration of a slice of a count in milliseconds. An embedded database blocks the event loop for this time. A
 * slice may take twice as long before the next one is made smaller.
 */
export const countSliceMs = 50;

/** Milliseconds after which long work that is no database query lets other requests run. */
export const workSliceMs = 20;

/** Shortest time in milliseconds that pool statistics are cached: simultaneous requests share one count. */
export const statisticsAgeMsMin = 5000;

/**
 * Statistics are cached for this many times the time that counting them took. Counting therefore takes at most a
 * twentieth of the time, however large the pools are and however often statistics are requested.
 */
export const statisticsAgeFactor = 20;

/** Rows of leases or of the binding log that one statement of a binding feed reads: 3 ms on an embedded database. */
export const bindingPageRows = 1000;

/**
 * Slots that an increment of the binding table may contain, and that may change while a table is sent. The previous
 * state of these slots is kept in memory, 100 octets each. A consumer that missed more changes must fetch the whole
 * table.
 */
export const bindingChangesMax = 262_144;

/** Largest clock tolerance of a look-up in seconds: beyond a minute, address and time no longer identify a subscriber. */
export const lookupToleranceSecondsMax = 60;

/** Tenures of one slot that a look-up returns on each side of its time: the matching one, and ones within the tolerance. */
export const lookupTenuresMax = 32;

/** Rows that one transaction of a purge examines: it holds the write lock for some milliseconds. */
export const purgeStepRows = 5000;

/**
 * Leases that one search request without an index examines. It then answers with the matches so far and a cursor. The
 * search takes some ten milliseconds on an embedded database.
 */
export const leaseScanRows = 10_000;

/** Clients whose leases one statement looks for: each is found by index, so a thousand take some milliseconds. */
export const clientsPerLookMax = 1000;

/** Faults of one kind that a check of a database lists: a longer list would not help its reader. */
export const verifyFaultsShownMax = 20;

/** Octets of a binding table in each chunk of its checksum, so that `split` and `openssl` can reproduce it. */
export const digestChunkOctets = 65_536;

/** Lines of VPP's format that are made at once: a /8 has 16 million, which would fill the memory. */
export const vppPieceLines = 1000;

/** Attempts to read several tables consistently when the configuration changes in between. */
export const snapshotTries = 3;

/** Longest retention time in days: a century, which is effectively forever. */
export const housekeepingDaysMax = 36_500;

/** Days that the binding log is kept: a consumer that was offline for longer must fetch the whole table. */
export const bindingLogDays = 7;

/** Default number of minutes between two housekeeping runs: often enough that each has little to delete. */
export const housekeepingMinutes = 60;

/** Largest number of minutes between two housekeeping runs: a week, after which there is much to delete at once. */
export const housekeepingMinutesMax = 10_080;

// The relay: defaults of its settings, and bounds that no setting changes.

/** Default number of POSTs that a relay has in flight: enough to keep an allocator busy through its syncs. */
export const relayPostsInFlight = 3;

/** Default number of datagrams that may wait in a relay: what an allocator serves in the 2 s that they may wait. */
export const relayQueueLength = 32_768;

/** Default number of octets that may wait in a relay: 32,768 datagrams of 512 octets. */
export const relayQueueOctets = 16 * 1024 * 1024;

/** Smallest size of a relay's queue, in octets: it must have room for the largest DHCPv6 message. */
export const relayQueueOctetsMin = 0x10000;

/**
 * Default deadline for answering a datagram, in milliseconds: a client first retransmits after 3 to 5 s (RFC 2131
 * §4.1).
 */
export const relayDeadlineMs = 4000;

/** Shortest deadline for answering a datagram, in milliseconds: half of it must suffice for a database round trip. */
export const relayDeadlineMsMin = 100;

/** Smallest receive buffer, in octets: one page, which holds a few datagrams. */
export const relayReceiveBufferOctetsMin = 4096;

/** Default burst limit of one source, in datagrams: enough for the clients of a link that start together. */
export const relayBurst = 40;

/** Shortest prefix length, in bits, of a source: registries usually allocate a /32 to a provider. */
export const relaySourcePrefixLengthMin = 32;

/** Default number of sources whose rate is tracked, at about 100 octets each. */
export const relaySources = 65_536;

/** Default size limit of a capture, in octets: some hundred thousand packets. */
export const relayCaptureOctets = 100 * 1024 * 1024;

/** Octets that a capture buffers before it writes them: one write per packet would cost more than everything else. */
export const relayCaptureBufferOctets = 64 * 1024;

/** Smallest length of a secret that relays or operators present, in characters: 16 random ones cannot be guessed. */
export const secretCharactersMin = 16;

/**
 * Waiting frames with colliding hashes that a relay compares with a new frame. The limit keeps the work per datagram
 * constant when an attacker creates such frames on purpose.
 */
export const relayComparedFramesMax = 8;

/** Octets at the start of a frame that are hashed: they hold the relay levels, the client and the xid; zeros follow. */
export const relayHashedHeadOctets = 160;

/** Octets at the end of a frame that are hashed: they hold the DHCP options. */
export const relayHashedTailOctets = 64;

/**
 * Seconds by which a clock must be off before it counts as wrong. Smaller differences are those that time
 * synchronization makes and removes.
 */
export const clockStepSecondsMin = 2;

/**
 * Milliseconds between two looks at an open step of the clock: whether it can be followed by now. A look reads the
 * leases that are held, so not every write makes one.
 */
export const clockStepLookMs = 1000;

/** Milliseconds that a process spends on reading the time since boot at its start: more than one step of it on Linux. */
export const bootClockSpinMs = 15;

/**
 * Steps of the clock that a look-up considers, the latest first: each costs a query if the time may have been another
 * by it. A machine with more of them has no usable clock.
 */
export const clockStepsPerLookupMax = 32;

/** Largest difference between two clocks that an operator may accept, in seconds: from 1970 to the end of 9999. */
export const clockDifferenceSecondsMax = 253_402_300_799;

/** Settled steps of the clock that the admin API shows, the latest first: older ones rarely matter. */
export const clockStepsShownMax = 20;

/** Trusted relays of one listener: a BNG host has some, and each datagram is compared with all of them. */
export const relayTrustedRelaysMax = 256;

/** Untrusted relays that the status of a relay lists: a sender can invent addresses, so the list must be short. */
export const relayUntrustedKeptMax = 32;

/** Milliseconds between two log lines about untrusted relays, so that a client cannot fill the log. */
export const relayUntrustedLogMs = 10_000;

/** Milliseconds between two log lines about internal errors, so that a client cannot fill the log. */
export const faultLogMs = 60_000;

/** Milliseconds between two looks at an idle event loop: a hundred a second cost 0.2 % of a core. */
export const loopBeatMs = 10;

/**
 * Milliseconds without a look at the event loop from which what is read counts as late. Two beats: timers of a busy
 * machine come some milliseconds late, and no client gets its lease again by another path in less.
 */
export const loopGapMs = 2 * loopBeatMs;

/** Datagrams that Node reads from one socket in one turn of its event loop (libuv); the next turn reads the rest. */
export const datagramsPerTurnMax = 32;

/**
 * Turns of the event loop in which Node reads all datagrams that wait in a socket: Linux grants twice the receive buffer
 * that was requested, counts more than 512 octets for each datagram, and lets the one in that exceeds the buffer.
 */
export const datagramTurnsMax = (2 * relayReceiveBufferOctetsMax) / 512 / datagramsPerTurnMax + 1;

/** Connections that may wait until they are accepted: the default of Node. Linux lets one more wait. */
export const httpBacklog = 511;

/**
 * Turns of the event loop in which Node reads a request that waits, whatever else arrives: it accepts one connection in
 * each turn (libuv), and reads the request in the next one.
 */
export const httpTurnsMax = httpBacklog + 1 + 1;

/** Octets of log lines that may wait to be written: about a thousand lines. Further ones are lost. */
export const logLinesOctetsMax = 256 * 1024;

/** Milliseconds for which a process that ends waits for its log: a thread writes within a few, unless the disk is stuck. */
export const logExitWaitMs = 100;

/** Milliseconds after which a service that starts tries a database server again: an outage costs a line each time. */
export const databaseRetryMs = 5000;

/** Milliseconds after which writing to a log without a reader is tried again: each try costs a system call. */
export const logRetryMs = 1000;

/**
 * Largest relative difference in rate of two clocks: time synchronization on Linux changes the rate of a clock by at most
 * 500 parts per million.
 */
export const clockDriftRatioMax = 0.0005;

/**
 * Octets with which the rows of the claims of a batch begin (`store/batch/cells.ts`); they grow when it takes more. 128
 * claims take about 32 KiB.
 */
export const claimCellsOctets = 65_536;
