/**
 * Every bound that this project sets, with its unit and the reason for its size.
 * A bound that an RFC sets stands with the codec that enforces it.
 *
 * @module
 */

/** Octets in the body of one `POST /v1/relay`: 256 frames of the usual 350 octets are 90 KiB; a tenfold margin. */
export const relayBodyOctetsMax = 1024 * 1024;

/** Frames in the body of one `POST /v1/relay`: four of our relay's largest batches. */
export const relayFramesMax = 1024;

/** Frames that our relay puts into one POST: past 256 the cost per frame no longer falls, the latency still grows. */
export const relayBatchFramesMax = 256;

/**
 * Levels of RELAY-FORW that a decoder follows. RFC 8415 §19.1.2 allows hop-counts 0 to 8, that is nine levels;
 * the margin lets a relay in front be counted as such instead of being called malformed.
 */
export const relayLevelsMax = 16;

/** Octets of one DHCPv6 message: a frame's length field has 16 bits (RFC 5460 §5.1). */
export const messageOctetsMax = 0xffff;

/** Options in one DHCPv6 message at one level; real ones carry fewer than ten. Bounds the work of one datagram. */
export const optionsPerMessageMax = 64;

/**
 * Slots given out on request that one batch steps over at a pool's cursor. Each is stepped over once in its life;
 * a batch that meets more of them leaves clients to the next round rather than hold the write lock for long.
 */
export const offerSkipMax = 64;

/** Octets of a relay's identifier of a line (options 18, 37, 38) that a site key is made of; longer ones are passed over. */
export const siteIdentifierOctetsMax = 128;

/**
 * Octets of option 61. It returns in every answer, whole, and 254 is what the least message that a client must take
 * (548 octets) has left beside a lease. Real identifiers have 15 to 135.
 */
export const clientIdentifierOctetsMax = 254;

/**
 * Rounds that one POST may take: a client that appears again with another message, or asks for what an earlier one
 * of the batch asks for, waits for the next round. What is left after the last is for the client to send again.
 */
export const batchRoundsMax = 4;

/** Slots that are tried for a client that asks for an address without saying which port set (A8). */
export const wantedSlotsMax = 64;

/** Octets of one option of a relay that are kept with a lease; a longer one is left out of the record. */
export const evidenceOctetsMax = 255;

/** Sockets of one relay: their number has one octet in the Interface-Id. A BNG's host has a handful of links. */
export const relayListenersMax = 256;

/** POSTs that a relay may have in flight: three keep an allocator busy through its syncs, more only make its batches smaller. */
export const relayPostsInFlightMax = 16;

/** Datagrams that may wait in a relay. The default of 8192 is half a second of load; ten seconds help no client. */
export const relayQueueLengthMax = 262_144;

/** Octets that may wait in a relay: the memory that a storm may cost. */
export const relayQueueOctetsMax = 256 * 1024 * 1024;

/** Milliseconds after which an answer helps no more. Clients repeat after 3 s and more, up to 64 s (RFC 2131 §4.1). */
export const relayDeadlineMsMax = 60_000;

/** Octets of a socket's receive buffer: what a storm of 10,000 datagrams takes while the process is held up. */
export const relayReceiveBufferOctets = 4 * 1024 * 1024;

/** Octets of a receive buffer that may be asked for; the kernel grants what `net.core.rmem_max` lets it. */
export const relayReceiveBufferOctetsMax = 256 * 1024 * 1024;

/** Shortest pause in milliseconds after a failed POST: a restart of the allocator takes longer than this. */
export const relayPauseMsMin = 100;

/** Longest pause in milliseconds that a relay makes of its own: a client should not wait long for one that is back. */
export const relayPauseMsMax = 2000;

/** Longest pause in milliseconds that an allocator may ask for: a mistake in Retry-After must not end the service. */
export const relayRetryAfterMsMax = 30_000;

/** Milliseconds between two lines with the counters in a relay's log. */
export const relayReportIntervalMs = 10_000;

/** Milliseconds between two looks at the interfaces of a relay's host: a client repeats itself after 3 s at the earliest. */
export const linkCheckIntervalMs = 1000;

/** DHCPv6 servers that a relay sends each message to: what one client's message may become. */
export const relayServersMax = 16;

/** Addresses in one option that a relay answers an Information-Request with: a Reply must fit in one packet. */
export const informationAddressesMax = 16;

/** Octets of a zone in an Interface-Id: Linux lets the name of an interface have 15. */
export const zoneOctetsMax = 15;

/** Doublings of a client's retransmission delay: 4 s grow to 64 s, and no further (RFC 2131 §4.1). */
export const retransmissionDoublingsMax = 4;

/** Offers that a client keeps while it waits for better ones: more servers than any link has. */
export const gatheredOffersMax = 16;

/** Seconds that a command of the client may be told to wait in all: after an hour nobody watches it any more. */
export const clientTimeoutSecondsMax = 3600;

/** Shortest time in seconds before the client sends a query again: a server across a continent answers in less. */
export const clientRetransmitSecondsMin = 0.05;

/** Longest time in seconds before the client sends a query again the first time: RFC 2131 §4.1 ends its delays at 64 s. */
export const clientRetransmitSecondsMax = 64;

/** Seconds that the client may be told to wait for more offers: by default an offer is kept for it for 60 s. */
export const clientOfferWaitSecondsMax = 60;

/** Port ranges of a lease that the client shows: more say no more to a reader. */
export const portRangesShownMax = 8;

/** Octets of the file in which the client keeps its leases: some thousand leases. Bounds what is read into memory. */
export const clientStateOctetsMax = 1024 * 1024;

/** Source addresses that a relay remembers the octets of: what parsing saves is worth about 100 octets each. */
export const relayPeersMax = 4096;

/** Octets of one DHCP option that an operator configures: more would not fit into any answer. */
export const configuredOptionOctetsMax = 255;

/** Addresses in one DHCP option that an operator configures: clients use the first few, and each takes 4 octets. */
export const configuredAddressesMax = 16;

/** Names in the search list (option 119): resolvers try each in turn. */
export const searchDomainsMax = 16;

/** Routes in option 121: up to 9 octets each, so that they fit in two parts of an option (RFC 3396). */
export const staticRoutesMax = 32;

/** DHCP options that an operator gives by code, for one domain or pool: there are 254 codes, and most have names. */
export const otherOptionsMax = 64;

/** Ranges of reserved ports of one pool: each is compared with each of its PSIDs when the pool is created. */
export const reservedPortRangesMax = 64;

/** Shortest prefix, in bits, that a pool's range can be: no IPv4 block that anyone has is larger than a /8. */
export const poolPrefixLengthMin = 8;

/** Exchanges that a load has in flight: their number is the low half of the xid, the high half counts. */
export const loadExchangesMax = 0x10000;

/** Clients that a load has: their number has 32 bits in DUID and hardware address. */
export const loadClientsMax = 2 ** 32;

/** Sockets that a load sends from: the system chooses a port for each, and few spread the work of receiving. */
export const loadSocketsMax = 64;

/** Times that a load sends one message: with a delay that doubles, ten take a thousand times the first. */
export const loadTriesMax = 10;

/** Milliseconds between two bursts of RELEASE of a load: no answer sets the pace, and sockets need time to send. */
export const loadReleasePauseMs = 10;

/** Octets of the receive buffer that each socket of a load asks for: some thousand answers that come at once. */
export const loadReceiveBufferOctets = 4 * 1024 * 1024;

/** Statements that a connection to a file keeps prepared: the batch has eight, the admin API some dozens. */
export const preparedStatementsMax = 128;

/** Milliseconds that a database file is waited for while another process holds its lock. */
export const fileBusyMs = 5000;

/**
 * Frames of the write-ahead log between two checkpoints. With 1,000 a checkpoint takes less than 20 ms; a longer log is
 * checkpointed less often, and holds up the answers for longer each time.
 */
export const walCheckpointPages = 1000;

/** Octets of a relay's configuration file: some hundred listeners with comments. Bounds what is read into memory. */
export const relayConfigOctetsMax = 1024 * 1024;

/** Allocators that a relay may know: more than one for each of a provider's regions. */
export const relayUrlsMax = 16;

/** Datagrams a second that one source may be allowed: more than the relay itself can take in. */
export const relaySourceRateMax = 1_000_000;

/** Datagrams that one source may be allowed at once. */
export const relayBurstMax = 1_000_000;

/** Sources whose rate is remembered; each costs about 100 octets. */
export const relaySourcesMax = 1_048_576;

/** Prefixes of sources without a limit: each is looked at once for each new source. */
export const relayTrustedSourcesMax = 256;

/** Least octets of a capture: some hundred exchanges, below which it shows nothing. */
export const relayCaptureOctetsMin = 1024 * 1024;

/** Most octets of a capture: what a disk has left for a fault that is rare. */
export const relayCaptureOctetsMax = 64 * 1024 * 1024 * 1024;

/**
 * Milliseconds that must be left of a batch's time for a second allocator to be asked: several round trips of an
 * allocator and its database. With less, the answer would come too late, and the work be done for nothing.
 */
export const relayFailoverMsMin = 50;

/** Milliseconds after which a captured packet is on disk: who watches a file grow should not wonder where it is. */
export const relayCaptureFlushMs = 500;

/** Milliseconds that a libSQL server may take for one batch: a relay that waits 4 s shall still hear of it. */
export const databaseAnswerMsMax = 3000;

/**
 * Milliseconds after which a reading of the database's clock is old. Clocks that are not disciplined drift by some 50
 * ms in a thousand seconds: 3 ms in this time. Every batch reads it anew.
 */
export const clockReadingMsMax = 60_000;

/**
 * Milliseconds after which a batch is late: a RELEASE may then not end what a REQUEST before it in the same batch renewed.
 * Rounds take some milliseconds, and few clients send both at once.
 */
export const sameBatchMsMax = 1000;

/** Milliseconds that a libSQL server may take for one statement of a command, such as a migration of millions of rows. */
export const databaseCommandMsMax = 600_000;

/**
 * Milliseconds that an allocator with several databases may go by what one of them said of its domains. With one, each
 * batch asks; with several, a batch asks only those that it concerns, and a new domain elsewhere must become known.
 */
export const placementAgeMsMax = 1000;

/** Databases that domains can be placed on: each costs an idle allocator a request a second. */
export const placementsMax = 1024;

/** Requests to a libSQL server that an instance may have in flight: far above what relays cause, each has a few POSTs. */
export const databaseRequestsMax = 1024;

/** Connections of one process to a libSQL server: it has one writer, so more would only wait there and not here. */
export const databaseConnectionsMax = 16;

/**
 * Milliseconds for which an allocator remembers a token of the database, good or not: no look-up for each POST of a
 * relay, and a token that is revoked is refused everywhere within this time.
 */
export const tokenCacheMs = 5000;

/** Tokens that an allocator remembers: more than an operator has relays, at about 300 octets each. */
export const tokenCacheSize = 1024;

/** Unknown tokens that one address may present within {@link authFailureWindowMs}; each costs the database a look-up. */
export const authFailuresMax = 20;

/** Milliseconds over which unknown tokens are counted. */
export const authFailureWindowMs = 60_000;

/** Addresses whose failures are counted, at about 150 octets each. */
export const authFailureAddressesMax = 4096;

/** Octets in the body of a request to the admin API, except a declared state. A domain with 65,536 lines is larger. */
export const adminBodyOctetsMax = 1024 * 1024;

/** Octets of a declared state: a thousand domains, and some ten thousand lines or reservations. */
export const configBodyOctetsMax = 8 * 1024 * 1024;

/** Items on a page of a list that does not say how many it wants. */
export const pageItemsDefault = 100;

/** Items on a page of a list: a page of the largest items stays below a few megabytes. */
export const pageItemsMax = 1000;

/** Characters of a list's cursor: a position is two names or numbers, which take about 200 as base64url. */
export const cursorCharactersMax = 512;

/** Characters of a word that records of changes are searched by: names have 63 at most. */
export const auditWordCharactersMax = 64;

/** Characters of what was found that a fault of a field repeats: enough to recognize it. */
export const fieldFoundCharactersMax = 100;

/** Characters of a text that an error repeats when it cannot be parsed: a sender may have made it very long. */
export const unparsedCharactersMax = 40;

/** Characters of a name that an error repeats: real names have 63 at most. */
export const nameShownCharactersMax = 64;

/** Names that a refusal tells of what stands in the way: more say no more to a reader. */
export const namesShownMax = 10;

/** Seconds for which the old secret of a rotated token may be good: a month, in which all relays can be told. */
export const tokenOverlapSecondsMax = 2_592_000;

/** Aliases of a YAML document that are followed: an alias may stand for a large value, and many are an attack on memory. */
export const yamlAliasesMax = 100;

/** Seconds after which a relay may try again when the database cannot be reached: a short fault shall not cost more. */
export const databaseRetryAfterSeconds = 1;

/** Domains of one database: allocators keep them in memory, and look through them for each client. */
export const domainsMax = 1024;

/** Pools of one domain. */
export const poolsPerDomainMax = 1024;

/** Prefixes of one domain: each is compared with the address of each client. */
export const domainPrefixesMax = 1024;

/** Border relays of one domain: each takes 20 octets of an answer that has option 90. */
export const borderRelaysMax = 8;

/** Seconds of the shortest lease that a domain may give: with shorter ones most messages would be renewals. */
export const leaseSecondsMin = 60;

/** Seconds of the longest lease that a domain may give: a year, for which a lost client would keep its pair. */
export const leaseSecondsMax = 31_536_000;

/** Seconds that an offer may be kept for its client: one that has not answered after an hour is gone. */
export const offerHoldSecondsMax = 3600;

/** Seconds that a pair may be kept from other clients after the end of its lease: a longer time only withholds addresses. */
export const quarantineSecondsMax = 86_400;

/** Seconds that a declined pair may be kept from all clients: a year, until someone has looked at it. */
export const declineSecondsMax = 31_536_000;

/** Seconds that a client may have to wait between two changes of its softwire address: a day. */
export const softwireUpdateSecondsMax = 86_400;

/** Lines that a domain names. */
export const linesMax = 65_536;

/** Reservations of one domain in a declared state. */
export const reservationsPerDomainMax = 65_536;

/** Nesting of a JSON merge patch: resources nest four deep; a stack has an end. */
export const patchDepthMax = 16;

/** Leases that one transaction of a pool's deletion ends: it holds the write lock for some 50 ms. */
export const poolDeletionStepLeases = 5000;

/** Transactions that one request to delete a pool may take; what is left then is for the next request. */
export const poolDeletionStepsMax = 200;

/** Plans that one application of a declared state makes, when others change the configuration at the same time. */
export const applyAttemptsMax = 5;

/** PSIDs lost to reserved ports that the planner lists: beyond that, their number says enough. */
export const lostPsidsShownMax = 256;

/**
 * Rows that the first slice of a count looks at. A pool that has no more than these is counted in one transaction; on
 * a file that is not in memory each row may be a page of the disk, which takes some 0.1 ms.
 */
export const countSliceRowsFirst = 500;

/** Least rows of a slice: with fewer, most of the time goes into beginning and ending slices. */
export const countSliceRowsMin = 100;

/** Most rows of a slice, however fast they are. */
export const countSliceRowsMax = 100_000;

/**
 * Milliseconds that a slice of a count is meant to take, for which an embedded database holds the event loop. Slices
 * may take twice that until the next is made smaller.
 */
export const countSliceMs = 50;

/** Shortest time in milliseconds that pool statistics are kept: a scrape and a person at the same time share them. */
export const statisticsAgeMsMin = 5000;

/**
 * Statistics are kept for so many times the time that it took to count them: however large the pools are and
 * however often they are asked for, counting takes no more than a twentieth of the time.
 */
export const statisticsAgeFactor = 20;

/** Rows of leases, or of the log of bindings, that one statement of a binding feed reads: 3 ms of an embedded database. */
export const bindingPageRows = 1000;

/**
 * Slots that an increment of the binding table may tell of, and that may change while a table is sent: what of them
 * was before is kept in memory, 100 octets each. Who is farther behind takes the whole table.
 */
export const bindingChangesMax = 262_144;

/** Seconds that the clocks of a look-up may differ by: past a minute, an address and a time no longer name a subscriber. */
export const lookupToleranceSecondsMax = 60;

/** Tenures of one slot that one look-up tells of: the one that is meant, and neighbours within the tolerance. */
export const lookupTenuresMax = 32;

/** Rows that one transaction of a purge looks at: it holds the write lock for some milliseconds. */
export const purgeStepRows = 5000;

/**
 * Leases that one request of a search without an index looks at; then it answers with what it found, and a cursor.
 * Some ten milliseconds of an embedded database.
 */
export const leaseScanRows = 10_000;

/** Clients whose leases one statement looks for: each is found by index, so a thousand take some milliseconds. */
export const clientsPerLookMax = 1000;

/** Faults of one kind that a check of a database tells: more say no more to a reader. */
export const verifyFaultsShownMax = 20;

/** Octets of a binding table that one hash of its checksum is of: `split` and `openssl` do the same. */
export const digestChunkOctets = 65_536;

/** Lines of VPP's format that are made at once: a /8 has 16 million, which would fill the memory. */
export const vppPieceLines = 1000;

/** Times that a read of several tables is tried again when the configuration changes between them. */
export const snapshotTries = 3;

/** Days that something may be kept: a century, which is to say for ever. */
export const housekeepingDaysMax = 36_500;

/** Days that the log of the binding tables is kept: a consumer that was away for longer takes the whole table. */
export const bindingLogDays = 7;

/** Minutes between two runs of housekeeping, unless told otherwise: often enough that each has little to delete. */
export const housekeepingMinutes = 60;

/** Minutes between two runs of housekeeping: a week, after which there is much to delete at once. */
export const housekeepingMinutesMax = 10_080;

// The relay: defaults of its settings, and bounds that no setting changes.

/** POSTs that a relay has in flight unless told otherwise: enough to keep an allocator busy through its syncs. */
export const relayPostsInFlight = 3;

/** Datagrams that may wait in a relay unless told otherwise: half a second of load. */
export const relayQueueLength = 8192;

/** Octets that may wait in a relay unless told otherwise: 8192 datagrams of 2 KiB. */
export const relayQueueOctets = 16 * 1024 * 1024;

/** Least octets of a relay's queue: the largest DHCPv6 message must have room in it. */
export const relayQueueOctetsMin = 0x10000;

/**
 * Milliseconds in which a datagram must be answered unless told otherwise: a client first repeats it after 3 to 5 s
 * (RFC 2131 §4.1).
 */
export const relayDeadlineMs = 4000;

/** Least milliseconds in which a datagram must be answered: half of it must suffice for one round trip to a database. */
export const relayDeadlineMsMin = 100;

/** Least octets of a receive buffer: one page, which holds a few datagrams. */
export const relayReceiveBufferOctetsMin = 4096;

/** Datagrams that one source may send at once unless told otherwise: a link's clients that begin together. */
export const relayBurst = 40;

/** Shortest prefix, in bits, that tells sources apart: registries allocate a provider no more than a /32 at first. */
export const relaySourcePrefixLengthMin = 32;

/** Sources whose rate is remembered unless told otherwise, at about 100 octets each. */
export const relaySources = 65_536;

/** Octets of a capture unless told otherwise: some hundred thousand packets. */
export const relayCaptureOctets = 100 * 1024 * 1024;

/** Octets that a capture gathers before it writes them: a write for each packet would cost more than all else. */
export const relayCaptureBufferOctets = 64 * 1024;

/** Characters of a secret that an operator sets: 16 random ones can't be guessed over a network. */
export const secretCharactersMin = 16;

/**
 * Waiting frames that a relay compares a new one with, of those whose hashes end the same. The bound keeps the work of
 * one datagram constant when somebody makes such frames on purpose.
 */
export const relayComparedFramesMax = 8;

/** Octets at the begin of a frame that are hashed: relay levels, client and xid stand there; zeros follow. */
export const relayHashedHeadOctets = 160;

/** Octets at the end of a frame that are hashed: the DHCP options stand there. */
export const relayHashedTailOctets = 64;
